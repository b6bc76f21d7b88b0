from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import MANUAL_KINDS, EntryKind
from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.reports.listings import companies
from cw_pipeline.reports.status import HeldLine, next_tick, status
from cw_pipeline.setup.mapping import map_company, unmap_company
from cw_pipeline.sync.due import Why, told, unpushed_months
from cw_pipeline.vocabulary import Month, State
from cw_pipeline.warehouse.tables import (
    AgreementRow,
    CompanyRow,
    IntegrationRow,
    LedgerEntry,
    OrganizationRow,
    PreviewRow,
    PushLineRow,
    PushRow,
    UsageReportRow,
)
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.setup.conftest import BEFORE, FIRST, NOW, company, integration, organization, put

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

SET_UP = NOW - timedelta(minutes=10)
PSA = "https://psa.example.com|msp"


def keep(warehouse: Warehouse, month: str, at: datetime, *, says: str = "f") -> UsageReportRow:
    report = UsageReportRow(month=month, generated_at=at, fetched_at=at, fingerprint=says, seats=0)
    put(warehouse, report)
    return report


def push(
    warehouse: Warehouse,
    month: str,
    at: datetime,
    *lines: PushLineRow,
    succeeded: bool = True,
    took: timedelta = timedelta(0),
) -> None:
    report = keep(warehouse, month, at)
    preview = PreviewRow(
        psa=PSA, month=month, made_at=at, run_id="run", usage_report_id=report.id,
        usage_seats=0, requests_read=0,
    )  # fmt: skip
    put(warehouse, preview)
    done = PushRow(
        psa=PSA, month=month, run_id="run", preview_id=preview.id, pushed_at=at + took, succeeded=succeeded,
        requests_read=0, requests_written=0, lines=list(lines),
    )  # fmt: skip
    put(warehouse, done)


def record(
    warehouse: Warehouse, month: str, at: datetime, *, kind: EntryKind = EntryKind.INTENT, psa: str = PSA
) -> None:
    """An entry of the ledger about a line of the month."""
    entry = LedgerEntry(
        psa=psa, at=at, run_id="run", kind=kind, month=month, organization_id="org-a", plan="Business",
        serial_number=f"NP:{month}:B:org-a", agreement_id=11, product_id=3, addition_id=77, before=Decimal(0),
        quantity=Decimal(5), effective_date=date(2026, 4, 1),
    )  # fmt: skip
    put(warehouse, entry)


def unpushed(warehouse: Warehouse, *, first: Month = FIRST, psa: str = PSA, now: datetime = NOW) -> list[str]:
    with warehouse.transaction() as session:
        return [str(month) for month in unpushed_months(session, psa, first, now)]


def test_without_mappings_nothing_has_to_be_pushed(msp: Warehouse) -> None:
    assert unpushed(msp) == []


def test_every_closed_month_since_the_first_that_is_billed_has_to_be_pushed(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 1), first_month=FIRST, now=SET_UP)
    map_company(msp, 2, 21, "org-b", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    assert unpushed(msp) == ["2026-01", "2026-02", "2026-03"]
    assert unpushed(msp, first=Month(2026, 2)) == ["2026-02", "2026-03"]


def test_a_month_that_has_not_closed_does_not_have_to_be_pushed(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 4), first_month=FIRST, now=SET_UP)
    assert unpushed(msp) == []
    assert unpushed(msp, now=datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)) == []
    assert unpushed(msp, now=datetime(2026, 5, 1, tzinfo=UTC)) == ["2026-04"]


def test_a_month_is_done_only_by_a_push_that_succeeded_for_this_company(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 2), first_month=FIRST, now=SET_UP)
    push(msp, "2026-02", NOW)
    push(msp, "2026-03", NOW, succeeded=False)
    assert unpushed(msp) == ["2026-03"]
    assert unpushed(msp, psa="https://other|msp") == ["2026-02", "2026-03"]
    push(msp, "2026-03", NOW)
    assert unpushed(msp) == []


def test_a_month_whose_last_push_failed_is_due_again_although_an_earlier_one_succeeded(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 2), first_month=FIRST, now=SET_UP)
    push(msp, "2026-02", NOW)
    push(msp, "2026-03", NOW)
    push(msp, "2026-03", NOW + timedelta(days=1), succeeded=False)
    assert unpushed(msp) == ["2026-03"]
    push(msp, "2026-03", NOW + timedelta(days=2))
    assert unpushed(msp) == []


def test_a_month_that_was_written_to_after_its_last_push_ended_is_due_again(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 2), first_month=FIRST, now=SET_UP)
    for month in ("2026-02", "2026-03"):
        push(msp, month, NOW)
    record(msp, "2026-03", NOW + timedelta(days=1))
    assert unpushed(msp) == ["2026-03"]
    push(msp, "2026-03", NOW + timedelta(days=2))
    assert unpushed(msp) == []


def test_what_a_push_itself_wrote_leaves_its_month_done(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    record(msp, "2026-03", NOW + timedelta(minutes=1))
    push(msp, "2026-03", NOW, took=timedelta(minutes=2))
    assert unpushed(msp) == []


@pytest.mark.parametrize("kind", [EntryKind.INTENT, EntryKind.FOUND, *sorted(MANUAL_KINDS)])
def test_each_of_these_entries_makes_its_month_due(msp: Warehouse, kind: EntryKind) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 2), first_month=FIRST, now=SET_UP)
    for month in ("2026-02", "2026-03"):
        push(msp, month, NOW)
    record(msp, "2026-02", NOW + timedelta(days=1), kind=kind)
    assert unpushed(msp) == ["2026-02"]


@pytest.mark.parametrize("kind", [EntryKind.CONFIRMED, EntryKind.NOT_DONE, EntryKind.INVOICED])
def test_what_became_of_a_write_makes_no_month_due(msp: Warehouse, kind: EntryKind) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    push(msp, "2026-03", NOW)
    record(msp, "2026-03", NOW + timedelta(days=1), kind=kind)
    assert unpushed(msp) == []


def test_writes_to_another_connectwise_company_make_no_month_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    push(msp, "2026-03", NOW)
    record(msp, "2026-03", NOW + timedelta(days=1), psa="https://other|msp")
    assert unpushed(msp) == []


def test_a_company_that_is_mapped_late_makes_its_months_due_again_and_no_others(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 1), first_month=FIRST, now=SET_UP)
    for month in ("2026-01", "2026-02", "2026-03"):
        push(msp, month, NOW)
    later = NOW + timedelta(days=2)
    map_company(msp, 2, 21, "org-b", bill_from=Month(2026, 2), first_month=FIRST, now=later)
    assert unpushed(msp) == ["2026-02", "2026-03"]
    for month in ("2026-02", "2026-03"):
        push(msp, month, later + timedelta(seconds=1))
    assert unpushed(msp) == []


def test_a_mapping_changed_while_a_push_ran_makes_the_month_due_again(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    push(msp, "2026-03", NOW, took=timedelta(minutes=5))
    map_company(msp, 2, 21, "org-b", bill_from=Month(2026, 3), first_month=FIRST, now=NOW + timedelta(minutes=2))
    assert unpushed(msp) == ["2026-03"]


def test_unmapping_a_company_makes_nothing_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    map_company(msp, 2, 21, "org-b", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    push(msp, "2026-03", NOW)
    unmap_company(msp, 2)
    assert unpushed(msp) == []


def test_a_month_whose_report_changed_after_its_push_is_due_until_that_is_pushed_or_taken_back(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 2), first_month=FIRST, now=SET_UP)
    for month in ("2026-02", "2026-03"):
        push(msp, month, NOW)
    keep(msp, "2026-02", NOW + timedelta(days=1))
    assert unpushed(msp) == []
    keep(msp, "2026-02", NOW + timedelta(days=2), says="more")
    assert unpushed(msp) == ["2026-02"]
    keep(msp, "2026-02", NOW + timedelta(days=3))
    assert unpushed(msp) == []


def test_the_status_says_why_a_month_is_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", bill_from=Month(2025, 10), first_month=FIRST, now=SET_UP)
    map_company(msp, 2, 21, "org-b", bill_from=Month(2026, 3), first_month=FIRST, now=NOW + timedelta(days=1))
    for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
        push(msp, month, NOW, succeeded=month != "2025-12")
    record(msp, "2026-01", NOW + timedelta(days=1))
    keep(msp, "2026-02", NOW + timedelta(days=1), says="more")
    why = status(msp, first_month=FIRST, now=NOW).why_unpushed
    assert why == {
        "2025-10": Why.NEVER,
        "2025-11": Why.NEVER,
        "2025-12": Why.FAILED,
        "2026-01": Why.LINES,
        "2026-02": Why.REPORT,
        "2026-03": Why.MAPPING,
    }
    assert told(why) == (
        "2025-10, 2025-11 (never pushed); 2025-12 (the last push did not succeed); "
        "2026-01 (lines were written, found or accepted since); 2026-02 (the usage report changed since); "
        "2026-03 (companies or products were mapped since)"
    )


def test_before_connecting_the_status_says_what_to_do(warehouse: Warehouse) -> None:
    found = status(warehouse, first_month=FIRST, now=NOW)
    assert (found.state, found.site, found.company_id) == (State.NOT_CONNECTED, None, None)
    assert [sentence.split(":")[0] for sentence in found.missing] == [
        "ConnectWise is not connected",
        "No plan is mapped to a product",
        "The product mapping is not confirmed",
    ]
    assert (found.mapped, found.unmapped_companies, found.unmapped_organizations) == (0, 0, 0)
    assert (found.unpushed_months, found.last_sync) == ((), None)


def test_the_status_counts_what_can_be_mapped_and_tells_the_last_sync(msp: Warehouse) -> None:
    put(msp, company(4, "Gone", gone_at=BEFORE), organization("org-g", "Gone", gone_at=BEFORE))
    put(msp, organization("org-x", "Elsewhere", msp_managed=False))
    map_company(msp, 1, 11, "org-a", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    push(msp, "2026-03", NOW, took=timedelta(minutes=1))
    found = status(msp, first_month=FIRST, now=NOW)
    assert (found.mapped, found.unmapped_companies, found.unmapped_organizations) == (1, 2, 2)
    assert found.last_sync == NOW + timedelta(minutes=1)
    assert found.unpushed_months == ()
    assert (found.site, found.company_id) == ("https://psa.example.com", "msp")


def test_a_mapped_company_that_is_gone_still_counts_as_mapped(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-a", first_month=FIRST, now=SET_UP)
    with msp.transaction() as session:
        session.get_one(CompanyRow, 1).gone_at = NOW
        session.get_one(OrganizationRow, "org-a").gone_at = NOW
    found = status(msp, first_month=FIRST, now=NOW)
    assert (found.mapped, found.unmapped_companies, found.unmapped_organizations) == (1, 2, 2)


@pytest.mark.parametrize(
    ("table", "key", "sentence", "state"),
    [
        (
            CompanyRow,
            1,
            "The company Acme (1) is mapped to Acme (org-a), but the last import did not",
            "company gone",
        ),
        (
            AgreementRow,
            11,
            "The agreement Managed (11) of Acme (1) is mapped, but the last import did not find it.",
            "agreement gone",
        ),
        (
            OrganizationRow,
            "org-a",
            "The organization Acme (org-a) is mapped to Acme (1), but NordPass no longer",
            "mapped",
        ),
    ],
)
def test_a_mapping_of_what_is_gone_is_marked_and_said(
    msp: Warehouse, table: type[CompanyRow | AgreementRow | OrganizationRow], key: int | str, sentence: str, state: str
) -> None:
    map_company(msp, 1, 11, "org-a", first_month=FIRST, now=NOW)
    map_company(msp, 2, 21, "org-b", first_month=FIRST, now=NOW)
    assert status(msp, first_month=FIRST, now=NOW).gone == ()
    with msp.transaction() as session:
        session.get_one(table, key).gone_at = NOW
    (said,) = status(msp, first_month=FIRST, now=NOW).gone
    assert said.startswith(sentence)
    with msp.transaction() as session:
        assert {one.id: one.state for one in companies(session)} == {1: state, 2: "mapped", 3: "unmapped"}


def test_an_active_integration_misses_nothing(warehouse: Warehouse) -> None:
    put(warehouse, integration("active"))
    found = status(warehouse, first_month=FIRST, now=NOW)
    assert (found.state, found.missing) == (State.ACTIVE, ())
    with warehouse.transaction() as session:
        session.get_one(IntegrationRow, 1).state = State.DISCONNECTED
    assert status(warehouse, first_month=FIRST, now=NOW).state == State.DISCONNECTED


@pytest.mark.parametrize(
    ("now", "tick"),
    [
        (datetime(2026, 4, 1, 0, 29, 59, tzinfo=UTC), datetime(2026, 4, 1, 0, 30, tzinfo=UTC)),
        (datetime(2026, 4, 1, 0, 30, tzinfo=UTC), datetime(2026, 5, 1, 0, 30, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_the_next_tick_is_half_past_midnight_on_the_first(now: datetime, tick: datetime) -> None:
    assert next_tick(now) == tick


@pytest.mark.parametrize("outcome", sorted(HELD))
def test_of_each_held_line_the_status_has_its_reason_and_what_a_person_can_do(msp: Warehouse, outcome: Outcome) -> None:
    fields = {"organization_id": "org-a", "plan": "Business", "also": False, "seats": Decimal(5)}
    held = PushLineRow(position=0, outcome=outcome, reason="Why.", **fields)
    right = PushLineRow(position=1, outcome=Outcome.UNCHANGED, reason="Nothing to do.", **fields)
    push(msp, "2026-03", NOW, held, right)
    found = status(msp, first_month=FIRST, now=NOW)
    assert found.held == {"2026-03": 1}
    assert found.held_lines == (
        HeldLine(Month(2026, 3), "org-a", "Acme", "Business", outcome, Decimal(5), "Why.", WAYS_OUT[outcome]),
    )
    push(msp, "2026-03", NOW, right)
    assert status(msp, first_month=FIRST, now=NOW).held_lines == ()
