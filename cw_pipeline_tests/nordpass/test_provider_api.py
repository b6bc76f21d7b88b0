from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from responses.matchers import query_param_matcher

from cw_pipeline.nordpass import provider_api as module
from cw_pipeline.nordpass.errors import Fault, MalformedReport, ReportNotFinal, UnexpectedReply, UnknownMonth
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.nordpass.conftest import URL
from cw_pipeline_tests.nordpass.replies import refusal, usage_item, usage_page, without

USAGE = f"{URL}/v1/usage/monthly"


def serve_usage(http: responses.RequestsMock, *pages: dict[str, Any] | str) -> None:
    for page in pages:
        if isinstance(page, str):
            http.get(USAGE, body=page)
        else:
            http.get(USAGE, json=page)


def the_fault(error: pytest.ExceptionInfo[MalformedReport]) -> Fault:
    (fault,) = error.value.faults
    return fault


def test_a_month_is_read_over_all_its_pages_and_sorted_by_organization(
    api: ProviderApi, http: responses.RequestsMock
) -> None:
    http.get(
        USAGE,
        json=usage_page(usage_item("b"), usage_item("c", plan="Enterprise"), next_cursor="2"),
        match=[query_param_matcher({"month": "2026-03"})],
    )
    http.get(
        USAGE,
        json=usage_page(usage_item("a", consumed_licenses=0, msp_managed=False, license_type="NFR")),
        match=[query_param_matcher({"month": "2026-03", "cursor": "2"})],
    )
    report = api.monthly_usage(Month(2026, 3))
    assert (report.month, report.generated_at) == (Month(2026, 3), datetime(2026, 4, 1, 0, 1, 2, tzinfo=UTC))
    assert [row.organization_id for row in report.rows] == ["a", "b", "c"]
    assert [row.consumed_licenses for row in report.rows] == [0, 5, 5]
    assert (report.rows[0].license_type, report.rows[0].msp_managed) == (LicenseType.NFR, False)
    assert report.rows[2].plan is Plan.ENTERPRISE


def test_a_month_in_which_nobody_used_nordpass_is_an_empty_report(
    api: ProviderApi, http: responses.RequestsMock
) -> None:
    serve_usage(http, usage_page())
    assert api.monthly_usage(Month(2026, 3)).rows == ()


def test_fields_that_the_contract_does_not_name_are_ignored(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(http, usage_page(usage_item(colour="red"), total=1))
    assert len(api.monthly_usage(Month(2026, 3)).rows) == 1


@pytest.mark.parametrize("count", [True, "5", 5.0, 5.5, float("nan"), -1, None, 10**30, [], {"value": 5}])
def test_seats_that_are_not_a_json_integer_from_zero_up_are_malformed(
    api: ProviderApi, http: responses.RequestsMock, count: object
) -> None:
    serve_usage(http, usage_page(usage_item("a"), usage_item("b", consumed_licenses=count)))
    with pytest.raises(MalformedReport) as error:
        api.monthly_usage(Month(2026, 3))
    fault = the_fault(error)
    assert (fault.row, fault.column) == (2, "consumed_licenses")
    assert fault.expected == "a whole number from 0 to 10000000"
    assert error.value.source == f"GET {USAGE}, page 1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organization_id", ""),
        ("organization_id", "org 1"),
        ("organization_id", "org-1\n"),
        ("organization_id", 17),
        ("organization_name", " "),
        ("organization_name", "nul\0"),
        ("plan", "business"),
        ("plan", "Teams"),
        ("plan", None),
        ("license_type", "nfr"),
        ("msp_managed", "true"),
        ("msp_managed", 1),
    ],
)
def test_each_field_of_a_usage_row_is_checked(
    api: ProviderApi, http: responses.RequestsMock, field: str, value: object
) -> None:
    serve_usage(http, usage_page(usage_item() | {field: value}))
    with pytest.raises(MalformedReport) as error:
        api.monthly_usage(Month(2026, 3))
    assert (the_fault(error).row, the_fault(error).column) == (1, field)


@pytest.mark.parametrize("field", list(usage_item()))
def test_a_missing_field_of_a_usage_row_is_named(api: ProviderApi, http: responses.RequestsMock, field: str) -> None:
    serve_usage(http, usage_page(without(usage_item(), field)))
    with pytest.raises(MalformedReport, match=f"row 1, column '{field}': expected .*, found nothing"):
        api.monthly_usage(Month(2026, 3))


@pytest.mark.parametrize("field", list(usage_page()))
def test_a_missing_field_of_a_page_is_named(api: ProviderApi, http: responses.RequestsMock, field: str) -> None:
    serve_usage(http, without(usage_page(usage_item()), field))
    with pytest.raises(MalformedReport, match=f"column '{field}': expected .*, found nothing"):
        api.monthly_usage(Month(2026, 3))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("final", "true"),
        ("final", 1),
        ("generated_at", "2026-04-01T00:01:02"),
        ("generated_at", 1775001662),
        ("generated_at", "yesterday"),
        ("month", "2026-3"),
        ("items", {}),
        ("items", None),
        ("next_cursor", ""),
        ("next_cursor", 2),
    ],
)
def test_each_field_of_a_page_is_checked(
    api: ProviderApi, http: responses.RequestsMock, field: str, value: object
) -> None:
    serve_usage(http, usage_page(usage_item()) | {field: value})
    with pytest.raises(MalformedReport) as error:
        api.monthly_usage(Month(2026, 3))
    assert (the_fault(error).row, the_fault(error).column) == (None, field)


@pytest.mark.parametrize("body", ["", "<html>", "{", "\xff"])
def test_a_body_that_is_not_json_is_malformed(api: ProviderApi, http: responses.RequestsMock, body: str) -> None:
    serve_usage(http, body)
    with pytest.raises(MalformedReport, match="expected JSON") as error:
        api.monthly_usage(Month(2026, 3))
    assert the_fault(error) == Fault("JSON")


@pytest.mark.parametrize("body", ["[]", "null", "5"])
def test_json_that_is_no_object_is_malformed(api: ProviderApi, http: responses.RequestsMock, body: str) -> None:
    serve_usage(http, body)
    with pytest.raises(MalformedReport, match="expected an object"):
        api.monthly_usage(Month(2026, 3))


def test_an_item_that_is_no_object_is_malformed(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(http, usage_page(usage_item(), 5))
    with pytest.raises(MalformedReport, match="row 2: expected an object, found 5"):
        api.monthly_usage(Month(2026, 3))


def test_every_fault_of_a_page_is_named_and_the_message_stays_short(
    api: ProviderApi, http: responses.RequestsMock
) -> None:
    serve_usage(http, usage_page(*(usage_item(str(number), plan="x" * 500) for number in range(30))))
    with pytest.raises(MalformedReport, match="and 20 more") as error:
        api.monthly_usage(Month(2026, 3))
    assert [fault.row for fault in error.value.faults] == list(range(1, 31))
    assert len(str(error.value)) < 1800


def test_an_organization_on_two_pages_is_malformed(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(
        http,
        usage_page(usage_item("a"), next_cursor="2"),
        usage_page(usage_item("b"), usage_item("a", plan="Enterprise")),
    )
    with pytest.raises(MalformedReport, match="page 2 is malformed") as error:
        api.monthly_usage(Month(2026, 3))
    assert the_fault(error) == Fault("each organization once", "'a'", 2, "organization_id")


def test_a_cursor_that_comes_back_is_a_loop(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(
        http,
        usage_page(usage_item("a"), next_cursor="2"),
        usage_page(usage_item("b"), next_cursor="3"),
        usage_page(usage_item("c"), next_cursor="2"),
    )
    with pytest.raises(MalformedReport, match="page 3 is malformed: column 'next_cursor'"):
        api.monthly_usage(Month(2026, 3))


def test_paging_has_a_ceiling(api: ProviderApi, http: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 2)
    serve_usage(http, usage_page(next_cursor="2"), usage_page(next_cursor="3"))
    with pytest.raises(MalformedReport, match="at most 2 pages"):
        api.monthly_usage(Month(2026, 3))


@pytest.mark.parametrize(
    ("field", "value"),
    [("month", "2026-02"), ("final", False), ("generated_at", "2026-04-02T00:01:02Z")],
)
def test_pages_of_different_reports_are_malformed(
    api: ProviderApi, http: responses.RequestsMock, field: str, value: object
) -> None:
    serve_usage(http, usage_page(usage_item("a"), next_cursor="2"), usage_page(usage_item("b")) | {field: value})
    with pytest.raises(MalformedReport, match="page 2 is malformed") as error:
        api.monthly_usage(Month(2026, 3))
    assert the_fault(error).column == field


def test_a_report_that_becomes_final_while_it_is_read_is_malformed(
    api: ProviderApi, http: responses.RequestsMock
) -> None:
    serve_usage(http, usage_page(usage_item("a"), final=False, next_cursor="2"), usage_page(usage_item("b")))
    with pytest.raises(MalformedReport, match="column 'final'"):
        api.monthly_usage(Month(2026, 3))


def test_a_reply_about_another_month_than_asked_is_malformed(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(http, usage_page(usage_item(), month="2026-02"))
    with pytest.raises(MalformedReport, match="column 'month': expected 2026-03 on every page, found '2026-02'"):
        api.monthly_usage(Month(2026, 3))


def test_a_report_that_is_not_final_is_a_transient_error(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(http, usage_page(usage_item(), final=False))
    with pytest.raises(ReportNotFinal, match=r"2026-03 .* is not final: NordPass says so") as error:
        api.monthly_usage(Month(2026, 3))
    assert error.value.is_transient


def test_a_report_made_before_its_month_ended_is_not_final(api: ProviderApi, http: responses.RequestsMock) -> None:
    serve_usage(http, usage_page(usage_item(), generated_at="2026-04-01T01:59:59+02:00"))
    with pytest.raises(ReportNotFinal, match="before the month ended"):
        api.monthly_usage(Month(2026, 3))


def test_a_month_that_nordpass_does_not_know_is_an_unknown_month(
    api: ProviderApi, http: responses.RequestsMock
) -> None:
    http.get(USAGE, status=404, json=refusal("not_found", "No such month."))
    with pytest.raises(UnknownMonth, match=r"no usage for 2026-03 .*No such month.*export") as error:
        api.monthly_usage(Month(2026, 3))
    assert not error.value.is_transient


def test_a_foreign_404_means_a_wrong_address(api: ProviderApi, http: responses.RequestsMock) -> None:
    http.get(USAGE, status=404, body="<html>Not found</html>")
    with pytest.raises(UnexpectedReply, match="NORDPASS_API_URL"):
        api.monthly_usage(Month(2026, 3))
