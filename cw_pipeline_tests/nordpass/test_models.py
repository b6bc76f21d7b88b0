from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cw_pipeline.nordpass.models import NewOrganization, UsageReport, UsageRow
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.nordpass.replies import usage_item

MADE = datetime(2026, 4, 1, 0, 1, 2, tzinfo=UTC)


def row(organization_id: str) -> UsageRow:
    return UsageRow.model_validate(usage_item(organization_id))


def test_a_report_is_sorted_by_organization() -> None:
    report = UsageReport(month=Month(2026, 3), generated_at=MADE, rows=(row("b"), row("a")))
    assert [each.organization_id for each in report.rows] == ["a", "b"]


def test_a_report_cannot_hold_an_organization_twice() -> None:
    with pytest.raises(ValidationError, match="repeated: a"):
        UsageReport(month=Month(2026, 3), generated_at=MADE, rows=(row("a"), row("b"), row("a")))


def test_a_report_is_dated_in_utc_whatever_its_zone() -> None:
    there = MADE.astimezone(timezone(timedelta(hours=5)))
    assert UsageReport(month=Month(2026, 3), generated_at=there, rows=()).generated_at.tzinfo is UTC


@pytest.mark.parametrize("change", [{"month": "2026-3"}, {"generated_at": datetime(2026, 4, 1)}])  # noqa: DTZ001 - the fault
def test_a_report_needs_a_month_and_an_aware_time(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UsageReport.model_validate({"month": "2026-03", "generated_at": MADE, "rows": ()} | change)


def test_a_row_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        row("a").consumed_licenses = 6  # pyright: ignore[reportAttributeAccessIssue] - the fault


def test_a_report_survives_being_kept_as_json() -> None:
    report = UsageReport(month=Month(2026, 3), generated_at=MADE, rows=(row("a"),))
    assert UsageReport.model_validate_json(report.model_dump_json()) == report


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 11, 30)))  # noqa: DTZ001 - made aware below
def test_a_month_closes_where_the_next_one_begins(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    month = Month.of(moment)
    assert moment < month.closes_at
    assert Month.of(month.closes_at - timedelta(microseconds=1)) == month


@pytest.mark.parametrize("address", ["", "acme.example", "a@", "@b", "a b@c", "a@b@c"])
def test_a_contact_needs_an_address(address: str) -> None:
    with pytest.raises(ValidationError, match="contact_email"):
        NewOrganization(name="Acme", plan=Plan.BUSINESS, license_type=LicenseType.STANDARD, contact_email=address)
