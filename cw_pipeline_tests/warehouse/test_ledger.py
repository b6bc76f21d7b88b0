from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.facts import Line
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.intents import Intent, Result, append_intents, append_results, open_intents
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, PSA, a_write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.writes import Write
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse

ANOTHER_PSA = "https://psa.example.com|other"
A_LINE = Line(
    addition_id=77,
    agreement_id=10,
    product_id=100,
    serial_number="NP:2026-03:B:org-1",
    quantity=Decimal(4),
    effective_date=date(2026, 5, 1),
    cancelled_date=None,
)


def record(
    warehouse: Warehouse,
    write: Write,
    *results: EntryKind,
    addition_id: int | None = None,
    psa: str = PSA,
) -> Intent:
    """Record an intent, and what became of it."""
    with warehouse.transaction() as session:
        (intent,) = append_intents(session, psa, "run-1", [write])
    for kind in results:
        with warehouse.transaction() as session:
            append_results(session, psa, "run-2", [Result(intent, kind, "Words.", addition_id)])
    return intent


def enter_manually(session: Session, kind: EntryKind, quantity: int) -> None:
    """Enter what a person said of `A_LINE`, which carried 5."""
    ledger.append_manual_entry(
        session,
        PSA,
        "run-3",
        a_write().identity,
        A_LINE,
        kind=kind,
        before=Decimal(5),
        quantity=Decimal(quantity),
        note="",
    )


def accounted(warehouse: Warehouse, *months: Month) -> Mapping[int, frozenset[Decimal]]:
    with warehouse.transaction() as session:
        written = ledger.written_lines(session, PSA, months or (MARCH,))
    return {addition_id: line.quantities for addition_id, line in written.items()}


def test_an_empty_ledger_is_at_position_0_and_knows_nothing(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        assert ledger.position(session, PSA) == 0
        assert open_intents(session, PSA) == []
        assert ledger.written_lines(session, PSA, [MARCH]) == {}
        assert ledger.agreements_with_lines(session, PSA, [MARCH]) == set()


def test_every_entry_moves_the_position_on(warehouse: Warehouse) -> None:
    positions: list[int] = []
    for results in ((), (EntryKind.CONFIRMED,), (EntryKind.UNCONFIRMED, EntryKind.NOT_DONE)):
        record(warehouse, a_write(), *results)
        with warehouse.transaction() as session:
            positions.append(ledger.position(session, PSA))
    assert positions == sorted(set(positions))


def test_an_entry_says_what_was_written_where_and_what_was_there_before(warehouse: Warehouse) -> None:
    write = a_write("7.5", addition_id=77, before=3)
    record(warehouse, write, EntryKind.CONFIRMED)
    with warehouse.transaction() as session:
        intent, result = session.query(LedgerEntry).order_by(LedgerEntry.id)
    for entry in (intent, result):
        assert (entry.agreement_id, entry.product_id, entry.addition_id) == (10, 100, 77)
        assert (entry.before, entry.quantity) == (3, Decimal("7.5"))
        assert (entry.effective_date, entry.cancelled_date) == (write.effective_date, None)
        assert entry.serial_number == "NP:2026-03:B:org-1"
    assert (intent.kind, intent.intent_id, intent.run_id, intent.note) == (EntryKind.INTENT, None, "run-1", None)
    assert (result.kind, result.intent_id, result.run_id) == (EntryKind.CONFIRMED, intent.id, "run-2")
    assert result.note == "Words."


@pytest.mark.parametrize("kind", [EntryKind.CONFIRMED, EntryKind.REFUSED, EntryKind.NOT_DONE])
def test_an_intent_with_a_result_is_settled(warehouse: Warehouse, kind: EntryKind) -> None:
    record(warehouse, a_write(), kind)
    with warehouse.transaction() as session:
        assert open_intents(session, PSA) == []


def test_an_intent_without_a_result_or_unconfirmed_stays_open(warehouse: Warehouse) -> None:
    first = record(warehouse, a_write())
    record(warehouse, a_write(), EntryKind.CONFIRMED)
    last = record(warehouse, a_write(), EntryKind.UNCONFIRMED)
    with warehouse.transaction() as session:
        assert [intent.id for intent in open_intents(session, PSA)] == [first.id, last.id]


def test_an_unconfirmed_intent_that_is_settled_later_is_no_longer_open(warehouse: Warehouse) -> None:
    record(warehouse, a_write(), EntryKind.UNCONFIRMED, EntryKind.NOT_DONE)
    with warehouse.transaction() as session:
        assert open_intents(session, PSA) == []


def test_the_quantity_last_confirmed_is_accounted_for(warehouse: Warehouse) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(8, addition_id=77, before=5), EntryKind.CONFIRMED)
    assert accounted(warehouse) == {77: {Decimal(8)}}


@pytest.mark.parametrize("results", [(), (EntryKind.UNCONFIRMED,)])
def test_while_a_write_is_open_its_intended_quantity_is_accounted_for_too(
    warehouse: Warehouse, results: tuple[EntryKind, ...]
) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(8, addition_id=77, before=5), *results)
    assert accounted(warehouse) == {77: {Decimal(5), Decimal(8)}}


@pytest.mark.parametrize("kind", [EntryKind.REFUSED, EntryKind.NOT_DONE])
def test_a_write_that_was_not_carried_out_accounts_for_nothing(warehouse: Warehouse, kind: EntryKind) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(8, addition_id=77, before=5), kind)
    assert accounted(warehouse) == {77: {Decimal(5)}}


def test_only_the_months_asked_for_are_accounted_for(warehouse: Warehouse) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(6, month=APRIL), EntryKind.CONFIRMED, addition_id=78)
    assert accounted(warehouse, APRIL) == {78: {Decimal(6)}}
    assert accounted(warehouse, MARCH, APRIL) == {77: {Decimal(5)}, 78: {Decimal(6)}}


def test_a_line_keeps_its_dates_however_often_its_quantity_is_set(warehouse: Warehouse) -> None:
    created = a_write(5)
    record(warehouse, created, EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(8, addition_id=77, before=5), EntryKind.CONFIRMED)
    with warehouse.transaction() as session:
        written = ledger.written_lines(session, PSA, [MARCH])[77]
    assert (written.agreement_id, written.serial_number) == (10, "NP:2026-03:B:org-1")
    assert (written.effective_date, written.cancelled_date) == (date(2026, 4, 1), date(2026, 4, 30))


def test_a_write_during_its_invoice_leaves_the_quantity_unknown(
    warehouse: Warehouse,
) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, EntryKind.DOUBTFUL, addition_id=77)
    assert accounted(warehouse) == {77: frozenset()}


def test_an_accepted_line_is_accounted_for_with_its_dates(warehouse: Warehouse) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, EntryKind.DOUBTFUL, addition_id=77)
    with warehouse.transaction() as session:
        enter_manually(session, EntryKind.ACCEPTED, 4)
    with warehouse.transaction() as session:
        written = ledger.written_lines(session, PSA, [MARCH])[77]
        assert open_intents(session, PSA) == []
    assert written.quantities == {4}
    assert (written.effective_date, written.cancelled_date) == (date(2026, 5, 1), None)


def test_a_credit_keeps_the_billed_quantity_until_the_next_entry(warehouse: Warehouse) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)

    def enter(kind: EntryKind, quantity: int) -> tuple[frozenset[Decimal], Decimal]:
        with warehouse.transaction() as session:
            enter_manually(session, kind, quantity)
            written = ledger.written_lines(session, PSA, [MARCH])[77]
            return written.quantities, written.credited

    assert enter(EntryKind.CREDITED, 3) == ({5}, 2)
    assert enter(EntryKind.CREDITED, 0) == ({5}, 5)
    assert enter(EntryKind.ACCEPTED, 4) == ({4}, 0)


def test_a_line_given_up_is_unknown_until_written_again(warehouse: Warehouse) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(6), EntryKind.CONFIRMED, addition_id=78)
    with warehouse.transaction() as session:
        enter_manually(session, EntryKind.GIVEN_UP, 0)
    assert accounted(warehouse) == {78: {6}}
    with warehouse.transaction() as session:
        assert ledger.known_lines(session, PSA).keys() == ledger.accounted_lines(session, PSA).keys() == {78}
    record(warehouse, a_write(8, month=APRIL), EntryKind.CONFIRMED, addition_id=77)
    with warehouse.transaction() as session:
        assert ledger.known_lines(session, PSA)[77].serial_number == a_write(month=APRIL).identity.serial_number
    assert accounted(warehouse) == {78: {6}}


def test_an_agreement_counts_as_soon_as_a_write_to_it_is_intended(warehouse: Warehouse) -> None:
    record(warehouse, a_write(agreement_id=10), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(agreement_id=11))
    record(warehouse, a_write(agreement_id=12, month=APRIL))
    with warehouse.transaction() as session:
        assert ledger.agreements_with_lines(session, PSA, [MARCH]) == {10, 11}
        assert ledger.agreements_with_lines(session, PSA, [MARCH, APRIL]) == {10, 11, 12}


def test_another_connectwise_company_s_entries_are_invisible(warehouse: Warehouse) -> None:
    record(warehouse, a_write(), EntryKind.CONFIRMED, addition_id=77, psa=ANOTHER_PSA)
    record(warehouse, a_write(8, addition_id=77, before=5), psa=ANOTHER_PSA)
    with warehouse.transaction() as session:
        assert ledger.position(session, PSA) == 0
        assert open_intents(session, PSA) == []
        assert ledger.written_lines(session, PSA, [MARCH]) == {}
        assert ledger.agreements_with_lines(session, PSA, [MARCH]) == set()
        assert len(open_intents(session, ANOTHER_PSA)) == 1


def test_the_last_entries_are_of_every_month_of_this_company(warehouse: Warehouse) -> None:
    record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=77)
    record(warehouse, a_write(8, addition_id=77, before=5), EntryKind.CONFIRMED, EntryKind.DOUBTFUL)
    record(warehouse, a_write(9, addition_id=77, before=8), EntryKind.REFUSED)
    record(warehouse, a_write(2, month=APRIL), EntryKind.CONFIRMED, addition_id=78)
    record(warehouse, a_write(3), EntryKind.CONFIRMED, addition_id=79, psa=ANOTHER_PSA)
    with warehouse.transaction() as session:
        lines = ledger.accounted_lines(session, PSA)
    assert {addition_id: (entry.kind, entry.quantity) for addition_id, (entry, _) in lines.items()} == {
        77: (EntryKind.DOUBTFUL, 8),
        78: (EntryKind.CONFIRMED, 2),
    }


def test_a_line_for_whose_period_a_newer_one_was_made_carries_nothing(warehouse: Warehouse) -> None:
    for addition_id in (77, 78, 79):
        record(warehouse, a_write(5), EntryKind.CONFIRMED, addition_id=addition_id)
    record(warehouse, a_write(5, agreement_id=11), EntryKind.CONFIRMED, addition_id=80)
    record(warehouse, a_write(5, organization_id="org-2"), EntryKind.CONFIRMED, addition_id=81)
    assert accounted(warehouse) == {77: {0}, 78: {0}, 79: {5}, 80: {5}, 81: {5}}
    record(warehouse, a_write(6, addition_id=78), EntryKind.CONFIRMED)
    assert accounted(warehouse)[78] == {6}
