from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.reports.listings import companies
from cw_pipeline.reports.status import HeldLine, status
from cw_pipeline.setup.mapping import map_company
from cw_pipeline.sync.due_months import Why
from cw_pipeline.tenant_file import DEFAULT_SCHEDULE
from cw_pipeline.vocabulary import Month, State
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, IntegrationRow, OrganizationRow, PushLineRow
from cw_pipeline.wording.cells import of_unpushed_months
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.setup.actions import FIRST
from cw_pipeline_tests.support.pushes import SET_UP, keep, push, record
from cw_pipeline_tests.support.rows import BEFORE, NOW, company, integration, organization, put

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse


def test_the_status_says_why_a_month_is_due(connected: Warehouse) -> None:
    map_company(connected, 1, 11, "org-acme", bill_from=Month(2025, 10), first_month=FIRST, now=SET_UP)
    map_company(connected, 2, 21, "org-bolt", bill_from=Month(2026, 3), first_month=FIRST, now=NOW + timedelta(days=1))
    for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
        push(connected, month, NOW, succeeded=month != "2025-12")
    record(connected, "2026-01", NOW + timedelta(days=1))
    keep(connected, "2026-02", NOW + timedelta(days=1), says="more")
    why = status(connected, first_month=FIRST, now=NOW).why_unpushed
    assert why == {
        "2025-10": Why.NEVER,
        "2025-11": Why.NEVER,
        "2025-12": Why.FAILED,
        "2026-01": Why.LINES,
        "2026-02": Why.REPORT,
        "2026-03": Why.MAPPING,
    }
    assert of_unpushed_months(why) == (
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


def test_status_counts_what_can_be_mapped_and_has_the_last_sync(connected: Warehouse) -> None:
    put(connected, company(4, "Gone", gone_at=BEFORE), organization("org-g", "Gone", gone_at=BEFORE))
    put(connected, organization("org-elsewhere", "Elsewhere", msp_managed=False))
    map_company(connected, 1, 11, "org-acme", bill_from=Month(2026, 3), first_month=FIRST, now=SET_UP)
    push(connected, "2026-03", NOW, took=timedelta(minutes=1))
    found = status(connected, first_month=FIRST, now=NOW)
    assert (found.mapped, found.unmapped_companies, found.unmapped_organizations) == (1, 2, 2)
    assert found.last_sync == NOW + timedelta(minutes=1)
    assert found.unpushed_months == ()
    assert (found.site, found.company_id) == ("https://psa.example.com", "msp")


def test_a_mapped_company_that_is_gone_still_counts_as_mapped(connected: Warehouse) -> None:
    map_company(connected, 1, 11, "org-acme", first_month=FIRST, now=SET_UP)
    with connected.transaction() as session:
        session.get_one(CompanyRow, 1).gone_at = NOW
        session.get_one(OrganizationRow, "org-acme").gone_at = NOW
    found = status(connected, first_month=FIRST, now=NOW)
    assert (found.mapped, found.unmapped_companies, found.unmapped_organizations) == (1, 2, 2)


@pytest.mark.parametrize(
    ("table", "key", "sentence", "state"),
    [
        (
            CompanyRow,
            1,
            "The company Acme (1) is mapped to Acme (org-acme), but the last import did not",
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
            "org-acme",
            "The organization Acme (org-acme) is mapped to Acme (1), but NordPass no longer",
            "mapped",
        ),
    ],
)
def test_a_mapping_of_what_is_gone_is_marked_and_said(
    connected: Warehouse,
    table: type[CompanyRow | AgreementRow | OrganizationRow],
    key: int | str,
    sentence: str,
    state: str,
) -> None:
    map_company(connected, 1, 11, "org-acme", first_month=FIRST, now=NOW)
    map_company(connected, 2, 21, "org-bolt", first_month=FIRST, now=NOW)
    assert status(connected, first_month=FIRST, now=NOW).gone == ()
    with connected.transaction() as session:
        session.get_one(table, key).gone_at = NOW
    (found,) = status(connected, first_month=FIRST, now=NOW).gone
    assert found.startswith(sentence)
    with connected.transaction() as session:
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
    assert DEFAULT_SCHEDULE.next_tick(now) == tick


@pytest.mark.parametrize("outcome", sorted(HELD))
def test_status_gives_each_held_line_s_reason_and_what_to_do(connected: Warehouse, outcome: Outcome) -> None:
    fields = {"organization_id": "org-acme", "plan": "Business", "also": False, "seats": Decimal(5)}
    held = PushLineRow(position=0, outcome=outcome, reason="Why.", **fields)
    right = PushLineRow(position=1, outcome=Outcome.UNCHANGED, reason="Nothing to do.", **fields)
    push(connected, "2026-03", NOW, held, right)
    found = status(connected, first_month=FIRST, now=NOW)
    assert found.held == {"2026-03": 1}
    assert found.held_lines == (
        HeldLine(Month(2026, 3), "org-acme", "Acme", "Business", outcome, Decimal(5), "Why.", WAYS_OUT[outcome]),
    )
    push(connected, "2026-03", NOW, right)
    assert status(connected, first_month=FIRST, now=NOW).held_lines == ()


def test_of_a_line_to_credit_status_gives_the_seats_to_credit(connected: Warehouse) -> None:
    fields = {"organization_id": "org-acme", "plan": "Business", "also": False, "reason": "Why."}
    due = PushLineRow(position=0, outcome=Outcome.CREDIT_DUE, seats=Decimal(7), to_credit=Decimal(2), **fields)
    push(connected, "2026-03", NOW, due)
    assert [line.seats for line in status(connected, first_month=FIRST, now=NOW).held_lines] == [2]
