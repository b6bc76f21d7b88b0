from datetime import UTC, datetime, timedelta

import pytest

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.nordpass.state import UnknownMonth
from cw_pipeline.sandbox.wire import Record
from cw_pipeline_tests.sandbox.conftest import Api, document, new_session, nordpass_token

NEW: Record = {
    "name": "New Customer",
    "plan": "Business",
    "license_type": "Standard",
    "contact_email": "it@new.org",
}


def all_items(api: Api, path: str, **query: str) -> tuple[list[Record], int]:
    items: list[Record] = []
    pages = 0
    cursor: str | None = ""
    while cursor is not None:
        page = document(api.get(path, cursor=cursor, **query))
        items += page["items"]
        cursor = page["next_cursor"]
        pages += 1
    return items, pages


def test_organizations_come_in_pages(sandbox: Sandbox, nordpass: Api) -> None:
    organizations, pages = all_items(nordpass, "/v1/organizations")
    assert organizations == sandbox.nordpass.organizations()
    assert pages == 3
    assert organizations[0].keys() == {"id", "name", "plan", "license_type", "status", "msp_managed"}


def test_usage_of_a_closed_month_is_final(sandbox: Sandbox, nordpass: Api) -> None:
    report = document(nordpass.get("/v1/usage/monthly", month="2026-03"))
    assert (report["final"], report["generated_at"]) == (True, "2026-04-01T00:01:02Z")
    rows, pages = all_items(nordpass, "/v1/usage/monthly", month="2026-03")
    assert rows == sandbox.nordpass.usage("2026-03")
    assert pages > 1


def test_the_running_month_is_not_final_and_others_do_not_exist(nordpass: Api) -> None:
    assert document(nordpass.get("/v1/usage/monthly", month="2026-04"))["final"] is False
    for month in ("2026-05", "2024-03", "2026-3", "March", ""):
        refused = nordpass.get("/v1/usage/monthly", month=month)
        assert (refused.status_code, document(refused)["error"]["code"]) == (404, "not_found")
    assert nordpass.get("/v1/usage/monthly", month="2024-04").status_code == 200


def test_usage_can_be_set_and_taken_out(sandbox: Sandbox) -> None:
    first, second = (row["organization_id"] for row in sandbox.nordpass.usage("2026-03")[:2])
    sandbox.nordpass.set_usage(first, "2026-03", 77)
    sandbox.nordpass.set_usage(second, "2026-03", None)
    rows = {row["organization_id"]: row["consumed_licenses"] for row in sandbox.nordpass.usage("2026-03")}
    assert rows[first] == 77
    assert second not in rows
    sandbox.nordpass.set_report_final("2026-03", final=False)
    assert sandbox.nordpass.report("2026-03")["final"] is False
    with pytest.raises(ValueError, match="negative"):
        sandbox.nordpass.set_usage(first, "2026-03", -1)
    with pytest.raises(UnknownMonth, match="2031-01"):
        sandbox.nordpass.set_usage(first, "2031-01", 1)


def test_an_edited_organization_shows_in_reports(sandbox: Sandbox) -> None:
    row = sandbox.nordpass.usage("2026-03")[0]
    other = "Business" if row["plan"] == "Enterprise" else "Enterprise"
    sandbox.nordpass.edit_organization(row["organization_id"], plan=other, msp_managed=False)
    changed = sandbox.nordpass.usage("2026-03")[0]
    assert (changed["plan"], changed["msp_managed"]) == (other, False)
    with pytest.raises(ValueError, match="Gold"):
        sandbox.nordpass.edit_organization(row["organization_id"], plan="Gold")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "somebody-else"},
        {"iss": "another-msp"},
        {"sub": "another-msp"},
        {"jti": None},
        {"iat": None},
        {"exp": datetime.now(UTC) - timedelta(seconds=1)},
        {"exp": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_a_token_with_wrong_claims_is_refused(shared: Sandbox, changes: dict[str, object]) -> None:
    with new_session(shared) as session:
        session.headers["Authorization"] = f"Bearer {nordpass_token(shared, **changes)}"
        refused = session.get(f"{shared.nordpass_url}/v1/organizations", timeout=10)
    assert (refused.status_code, document(refused)["error"]["code"]) == (401, "unauthorized")


def test_a_forged_or_missing_token_is_refused(shared: Sandbox) -> None:
    head, claims, _ = nordpass_token(shared).split(".")
    _, _, signature = nordpass_token(shared).split(".")
    with new_session(shared) as session:
        url = f"{shared.nordpass_url}/v1/organizations"
        assert session.get(url, timeout=10).status_code == 401
        session.headers["Authorization"] = f"Bearer {head}.{claims}.{signature}"
        assert session.get(url, timeout=10).status_code == 401


def test_a_token_is_good_for_one_request(shared: Sandbox) -> None:
    with new_session(shared) as session:
        session.headers["Authorization"] = f"Bearer {nordpass_token(shared)}"
        url = f"{shared.nordpass_url}/v1/organizations"
        assert [session.get(url, timeout=10).status_code for _ in range(2)] == [200, 401]


def test_an_idempotency_key_makes_one_organization(sandbox: Sandbox, nordpass: Api) -> None:
    before = len(sandbox.nordpass.organizations())
    key = {"Idempotency-Key": "key-1"}
    first = nordpass.post("/v1/organizations", NEW, key)
    again = nordpass.post("/v1/organizations", NEW, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert document(first) == document(again)
    assert document(first)["status"] == "Active"
    assert len(sandbox.nordpass.organizations()) == before + 1
    assert nordpass.post("/v1/organizations", NEW | {"name": "Other"}, key).status_code == 422
    new_id = document(first)["id"]
    assert [row for row in sandbox.nordpass.usage("2026-03") if row["organization_id"] == new_id] == []
    assert [row for row in sandbox.nordpass.usage("2026-04") if row["organization_id"] == new_id]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": " "}, 422),
        ({"plan": "Gold"}, 422),
        ({"license_type": None}, 422),
        ({"contact_email": "nobody"}, 422),
        ({"colour": "blue"}, 422),
        ({"license_type": "NFR"}, 409),
    ],
)
def test_an_organization_that_breaks_a_rule_is_not_added(nordpass: Api, change: Record, status: int) -> None:
    assert nordpass.post("/v1/organizations", NEW | change).status_code == status


def test_unknown_endpoints_and_cursors(nordpass: Api) -> None:
    assert document(nordpass.get("/v1/nothing"))["error"]["code"] == "not_found"
    assert nordpass.get("/v1/organizations", cursor="%%%").status_code == 422


def test_refusals_can_be_problem_details(sandbox: Sandbox, nordpass: Api) -> None:
    sandbox.nordpass.set_error_format("problem")
    for path, month, detail in (
        ("/v1/usage/monthly", "2019-01", "there is no usage report for 2019-01"),
        ("/v1/nothing", "", "There is no such endpoint."),
    ):
        refused = nordpass.get(path, month=month)
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert document(refused) == {
            "type": "https://nordpass.example/problems/not_found",
            "title": "Not found",
            "status": 404,
            "detail": detail,
        }
