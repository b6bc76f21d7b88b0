"""A month's report as values: what is owed, billed, waiting and not billed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.reports.month_report.page import total
from cw_pipeline.reports.month_report.report import NothingToReport
from cw_pipeline.reports.worth import added
from cw_pipeline.setup.mapping import map_company, unmap_company
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.intents import Result, append_intents, append_results
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.pushes import save_undone
from cw_pipeline.warehouse.tables import AgreementRow
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.reports.months import PRICE, customer, line, push, report, set_price
from cw_pipeline_tests.setup.actions import FIRST
from cw_pipeline_tests.support.pushes import record
from cw_pipeline_tests.support.rows import NOW
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, PSA, a_write

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

NOT_OWED = {Outcome.NOT_MANAGED, Outcome.NFR, Outcome.TRIAL, Outcome.BEFORE_BILL_FROM}


def test_the_seats_of_all_outcomes_add_up_to_the_usage_report(connected: Warehouse) -> None:
    set_price(connected)
    lines = [line(outcome, outcome, seats) for seats, outcome in enumerate(Outcome, start=1)]
    push(connected, *lines, line("created", Outcome.ZEROED, 7, also=True))
    made = report(connected)
    used = sum(range(1, len(Outcome) + 1))
    assert made.seats.used == sum(one.used for one in made.lines.organizations) == used
    assert made.seats.billed == sum(one.seats for one in lines if one.outcome in RIGHT)
    assert made.seats.not_billed == sum(one.seats for one in lines if one.outcome in NOT_BILLED)
    assert {one.line.outcome for one in made.lines.organizations if one.owed != one.used} == NOT_OWED
    assert added(made.worth.values()) == {"": PRICE * sum(one.owed for one in made.lines.organizations)}
    assert set(LABELS) == set(Outcome)


def test_what_is_billed_is_what_the_ledger_says_of_each_line(connected: Warehouse) -> None:
    long = "o" * 40
    push(
        connected,
        line("org-acme", Outcome.CREDIT_DUE, 3, to_credit=Decimal(2)),
        line("org-bolt"),
        line("org-core"),
        line(long, seats=4),
    )
    record(connected, "2026-03", NOW, kind=EntryKind.FOUND)
    record(connected, "2026-04", NOW, kind=EntryKind.FOUND)
    with connected.transaction() as session:
        writes = [a_write(9, organization_id="org-bolt"), a_write(4, organization_id=long)]
        for number, intent in enumerate(append_intents(session, PSA, "r", writes)):
            append_results(session, PSA, "r", [Result(intent, EntryKind.CONFIRMED, addition_id=number)])
        [intent] = append_intents(session, PSA, "r", [a_write(5, organization_id="org-bolt", addition_id=0, before=9)])
        append_results(session, PSA, "r", [Result(intent, EntryKind.UNCONFIRMED)])
    made = report(connected)
    billed = {one.organization.id: (one.owed, one.billed, one.difference) for one in made.lines.organizations}
    assert billed == {"org-acme": (3, 5, -2), "org-bolt": (5, None, None), "org-core": (5, 0, 5), long: (4, 4, 0)}


def test_each_line_that_needs_a_person_waits_with_a_way_out(connected: Warehouse) -> None:
    set_price(connected)
    push(
        connected,
        line("org-acme", Outcome.CREDIT_DUE, 9, to_credit=Decimal(2)),
        line("org-bolt", Outcome.REJECTED, 4, company_id=2),
        line("org-bolt", Outcome.INVOICE_UNCLEAR, 3, company_id=2, also=True),
        line("org-core", Outcome.UNCHANGED, 6, company_id=3, warning="It may never be invoiced."),
        line("org-dyne", Outcome.UNMAPPED, company_id=None),
    )
    waiting = report(connected).lines.waiting
    assert [(one.company and one.company.name, one.line.outcome, one.seats, one.worth) for one in waiting] == [
        ("Acme", Outcome.CREDIT_DUE, 2, {"": 2 * PRICE}),
        ("Bolt", Outcome.REJECTED, 4, {"": 4 * PRICE}),
        ("Bolt", Outcome.INVOICE_UNCLEAR, 3, {"": 3 * PRICE}),
        ("Core", Outcome.UNCHANGED, 6, {"": 6 * PRICE}),
    ]
    assert [one.what_to_do for one in waiting[:-1]] == [WAYS_OUT[one.line.outcome] for one in waiting[:-1]]
    assert (waiting[-1].label, waiting[-1].attention, waiting[-1].what_to_do) == (
        "Right already, with a warning",
        ["It may never be invoiced."],
        None,
    )
    assert report(connected).warnings == 1


def test_a_moved_organization_is_its_new_company_s_after_a_push(
    connected: Warehouse,
) -> None:
    map_company(connected, 1, 11, "org-acme", first_month=FIRST, now=NOW)
    push(connected, line("org-acme"))
    unmap_company(connected, 1, "org-acme")
    map_company(connected, 2, 21, "org-acme", first_month=FIRST, now=NOW)
    assert customer(report(connected), "org-acme").company == Named(1, "Acme")
    push(connected, line("org-acme", company_id=2), line("org-acme", Outcome.ZEROED, also=True))
    made = report(connected)
    assert (made.lines.organizations, list(made.by_company)) == ([customer(made, "org-acme")], [Named(2, "Bolt")])
    assert customer(made, "org-acme").agreement == Named(21, "Managed")


def test_what_changed_against_the_month_before(connected: Warehouse) -> None:
    push(connected, line("org-acme", seats=3), line("org-bolt", seats=4), line("org-core", Outcome.ZERO_USAGE, 0))
    push(connected, line("org-acme", seats=8), line("org-core", seats=2), line("org-dyne", seats=1), month=APRIL)
    made = report(connected, APRIL)
    assert [customer(made, one).used_before for one in ("org-acme", "org-core", "org-dyne")] == [3, 0, None]
    assert [(one.line.organization_id, one.seats, one.is_new, one.is_gone) for one in made.lines.changes or ()] == [
        ("org-acme", 5, False, False),
        ("org-bolt", -4, False, True),
        ("org-core", 2, True, False),
        ("org-dyne", 1, True, False),
    ]
    assert report(connected).lines.changes is None


def test_the_year_has_twelve_months_each_as_it_was_pushed_last(connected: Warehouse) -> None:
    push(connected, line("org-acme", seats=3), month=MARCH.plus(-11))
    push(connected, line("org-acme", seats=5), month=MARCH.plus(-12))
    push(connected, line("org-acme", Outcome.REJECTED, 3), line("org-bolt", Outcome.TRIAL, 4))
    push(connected, line("org-acme", Outcome.CREATED, 6), line("org-bolt", Outcome.MOVED, 4))
    year = report(connected).year
    assert [one.month for one in year] == list(MARCH.plus(-11).until(MARCH))
    assert [one.pushed for one in year] == [True, *[False] * 10, True]
    assert (year[0].billed, year[0].used, year[1].used) == (3, 3, 0)
    assert (year[-1].billed, year[-1].waiting, year[-1].not_billed) == (6, 4, 0)
    with connected.transaction() as session:
        save_undone(session, PSA, "run", by="undo", months=[year[0].month])
    assert (report(connected).year[0].pushed, report(connected).year[0].used) == (False, 0)


def test_an_organization_without_usage_is_there_with_its_lines(connected: Warehouse) -> None:
    push(connected, line("org-acme", Outcome.UNUSUAL, 5, also=True))
    record(connected, "2026-03", NOW, kind=EntryKind.FOUND)
    made = report(connected)
    assert (made.seats.used, customer(made, "org-acme").used, customer(made, "org-acme").difference) == (0, 0, -5)


def test_seats_are_worth_their_price_in_each_agreement_s_currency(
    connected: Warehouse,
) -> None:
    set_price(connected)
    for company_id, currency in ((1, "USD"), (2, "EUR")):
        agreement_id, organization_id = company_id * 10 + 1, "org-acme" if company_id == 1 else "org-bolt"
        map_company(connected, company_id, agreement_id, organization_id, first_month=FIRST, now=NOW)
        with connected.transaction() as session:
            session.get_one(AgreementRow, agreement_id).currency = currency
    unpriced = line("org-core", seats=3, plan=Plan.ENTERPRISE)
    push(connected, line("org-acme", seats=2), line("org-bolt", seats=4, company_id=2), unpriced)
    made = report(connected)
    assert total(made.with_outcome(RIGHT)) == "17.40 EUR and 8.70 USD and 3 seats of unknown price"
    assert (customer(made, "org-core").worth_owed, total(made.with_outcome(HELD | FAILED))) == ({}, "nothing")


def test_usage_that_nobody_owes_has_no_worth_of_0(connected: Warehouse) -> None:
    set_price(connected)
    push(connected, line("org-acme", Outcome.TRIAL, 3))
    assert {name: dict(worth) for name, worth in report(connected).worth.items() if worth} == {}


def test_a_month_that_was_never_pushed_has_no_report(connected: Warehouse) -> None:
    push(connected, line("org-acme"))
    with pytest.raises(NothingToReport, match=r"2026-04 was never pushed.* Run `cw-pipeline sync --month 2026-04`"):
        report(connected, APRIL)
