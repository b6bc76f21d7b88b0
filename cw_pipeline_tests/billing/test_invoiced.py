"""What is known of a line's invoice: open, invoiced, unclear or a copy, and what accepting it settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.facts import Written
from cw_pipeline.billing.invoiced import State, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    OPEN,
    a_line,
    also,
    an_agreement,
    changes_of,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Agreement, Facts, Line

CLEARED = an_agreement(next_invoice=None)
PAST = a_line(1, 5, effective=INVOICED)


@pytest.mark.parametrize(
    ("next_invoice", "state"),
    [
        (date(2026, 4, 2), State.INVOICED),
        (date(2026, 4, 1), State.OPEN),
        (date(2026, 3, 1), State.OPEN),
        (None, State.OPEN),
    ],
)
def test_a_line_before_the_next_invoice_date_is_invoiced(next_invoice: date | None, state: State) -> None:
    line = a_line(1, 5, effective=date(2026, 4, 1))
    facts = the_facts(line, agreements=[an_agreement(next_invoice=next_invoice)], ledger={1: [5]})
    assert state_of(line, facts, MARCH) is state


@pytest.mark.parametrize(
    ("line", "agreement", "seen"),
    [
        pytest.param(PAST, CLEARED, [], id="no next invoice date, and the first day is past"),
        pytest.param(PAST, CLEARED, [1], id="seen invoiced, and the next invoice date was cleared"),
        pytest.param(a_line(1, 5), an_agreement(), [1], id="seen invoiced, and the next invoice was moved back"),
    ],
)
class TestUnclear:
    """A line of 5 of which nobody knows whether it was invoiced."""

    def test_is_left_alone_while_it_is_right(self, line: Line, agreement: Agreement, seen: list[int]) -> None:
        facts = the_facts(line, agreements=[agreement], ledger={1: [5]}, seen_invoiced=seen)
        assert state_of(line, facts, MARCH) is State.UNCLEAR
        assert [line.outcome for line in preview_of(facts, used(5)).lines] == [Outcome.UNCHANGED]

    @pytest.mark.parametrize("usage", [0, 3, 9])
    def test_is_held_where_its_quantity_would_change(
        self, line: Line, agreement: Agreement, seen: list[int], usage: int
    ) -> None:
        facts = the_facts(line, agreements=[agreement], ledger={1: [5]}, seen_invoiced=seen)
        preview = preview_of(facts, used(usage))
        assert (row_line(preview).outcome, row_line(preview).seats) == (Outcome.INVOICE_UNCLEAR, usage)
        assert "Line 1 (quantity 5) on agreement 10" in row_line(preview).reason
        assert changes_of(preview) == set()

    def test_is_held_where_its_seats_would_go_elsewhere(
        self, line: Line, agreement: Agreement, seen: list[int]
    ) -> None:
        facts = the_facts(line, agreements=[agreement], ledger={1: [5]}, seen_invoiced=seen, mappings=[mapped_to(11)])
        preview = preview_of(facts, used(5))
        assert {line.outcome for line in preview.lines} == {Outcome.INVOICE_UNCLEAR}
        assert changes_of(preview) == set()

    def test_counts_for_good_once_a_person_accepted_it(self, line: Line, agreement: Agreement, seen: list[int]) -> None:
        facts = the_facts(line, agreements=[agreement], seen_invoiced=seen, accepted=[1])
        assert state_of(line, facts, MARCH) is State.INVOICED
        assert changes_of(preview_of(facts, used(9))) == {(None, 0, 4)}

    def test_does_not_matter_where_it_was_set_to_0(self, line: Line, agreement: Agreement, seen: list[int]) -> None:
        zeroed = replace(line, quantity=line.quantity * 0)
        facts = the_facts(zeroed, agreements=[agreement], ledger={1: [0]}, seen_invoiced=seen)
        assert changes_of(preview_of(facts, used(9))) == {(None, 0, 9)}


def test_the_reason_of_an_unclear_line_names_the_next_invoice_date() -> None:
    cleared = the_facts(PAST, agreements=[CLEARED], ledger={1: [5]})
    moved_back = the_facts(a_line(1, 5), seen_invoiced=[1])
    assert "has no next invoice date" in row_line(preview_of(cleared, used(9))).reason
    assert "moved back to 2026-04-01" in row_line(preview_of(moved_back, used(9))).reason


def test_every_unclear_line_that_a_person_is_to_look_at_is_named() -> None:
    facts = the_facts(a_line(1, 5), a_line(2, 3), seen_invoiced=[1, 2])
    reason = row_line(preview_of(facts, used(9))).reason
    assert "Line 1 (quantity 5)" in reason
    assert "Line 2 (quantity 3)" in reason


def test_an_open_copy_beside_its_original_is_set_to_0() -> None:
    facts = the_facts(a_line(1, 5), a_line(2, 5), ledger={1: [5]}, found=[2])
    preview = preview_of(facts, used(5))
    assert changes_of(preview) == {(2, 5, 0)}
    assert "was not written here and has the serial number of another line" in also(preview)[0].reason


def test_an_open_copy_on_the_mapped_agreement_is_set_to_0() -> None:
    renewed = the_facts(
        a_line(1, 5), a_line(2, 5, agreement_id=11), ledger={1: [5]}, found=[2], mappings=[mapped_to(11)]
    )
    assert changes_of(preview_of(renewed, used(5))) == {(1, 5, 0), (2, 5, 0), (None, 0, 5)}


@pytest.mark.parametrize("usage", [5, 9, 0])
def test_a_copy_that_looks_invoiced_holds_its_plan_and_says_so(usage: int) -> None:
    copy = a_line(2, 5, agreement_id=11, effective=INVOICED)
    facts = the_facts(PAST, copy, ledger={1: [5]}, found=[2])
    assert state_of(copy, facts, MARCH) is State.COPY
    line = row_line(preview_of(facts, used(usage)))
    assert line.outcome is Outcome.INVOICE_UNCLEAR
    assert "Line 2 (quantity 5) on agreement 11 (Agreement 11) was not written here" in line.reason
    assert "cw-pipeline lines accept --month 2026-03 --organization org-1" in line.reason


def test_a_copy_that_a_person_accepted_counts_for_what_it_shows() -> None:
    copy = a_line(2, 0, agreement_id=11, effective=INVOICED)
    facts = the_facts(PAST, copy, ledger={1: [5]}, found=[2], accepted=[2])
    assert [line.outcome for line in preview_of(facts, used(5)).lines] == [Outcome.UNCHANGED]


def test_a_copy_of_0_holds_nothing() -> None:
    facts = the_facts(PAST, a_line(2, 0, agreement_id=11, effective=INVOICED), ledger={1: [5]}, found=[2])
    assert [line.outcome for line in preview_of(facts, used(5)).lines] == [Outcome.UNCHANGED]


def test_of_two_found_lines_with_the_same_days_the_older_is_original() -> None:
    facts = the_facts(a_line(1, 5), a_line(2, 5, agreement_id=11), found=[1, 2])
    assert changes_of(preview_of(facts, used(5))) == {(2, 5, 0)}
    invoiced = the_facts(PAST, a_line(2, 5, agreement_id=11, effective=INVOICED), found=[1, 2])
    assert row_line(preview_of(invoiced, used(5))).outcome is Outcome.INVOICE_UNCLEAR


@pytest.mark.parametrize(
    "older",
    [
        pytest.param(a_line(1, 4, effective=date(2026, 2, 1)), id="of other days"),
        pytest.param(a_line(1, 0, effective=INVOICED), id="of 0"),
    ],
)
def test_a_found_line_with_other_days_is_no_copy_and_counts(older: Line) -> None:
    facts = the_facts(older, a_line(2, 5, effective=INVOICED), found=[1, 2])
    usage = 5 + int(older.quantity)
    assert [line.outcome for line in preview_of(facts, used(usage)).lines] == [Outcome.UNCHANGED]


def test_a_found_line_whose_original_was_zeroed_by_hand_counts() -> None:
    facts = the_facts(a_line(1, 0), a_line(2, 5), ledger={1: [5]}, found=[1, 2])
    assert changes_of(preview_of(facts, used(5))) == set()


def test_a_found_line_that_stands_alone_counts_like_one_that_was_written() -> None:
    assert changes_of(preview_of(the_facts(PAST, found=[1]), used(9))) == {(None, 0, 4)}
    assert changes_of(preview_of(the_facts(a_line(1, 5), found=[1]), used(9))) == {(1, 5, 9)}


def _gone(*, invoiced: bool) -> Facts:
    written = Written(10, PAST.serial_number, frozenset({PAST.quantity}), OPEN, None, invoiced=invoiced)
    return replace(the_facts(), ledger={1: written})


def test_a_line_that_is_gone_is_replaced_unless_it_was_seen_invoiced() -> None:
    assert changes_of(preview_of(_gone(invoiced=False), used(5))) == {(None, 0, 5)}
    assert row_line(preview_of(_gone(invoiced=True), used(5))).outcome is Outcome.INVOICE_UNCLEAR


def test_a_right_unclear_line_is_held_if_its_agreement_was_moved() -> None:
    facts = the_facts(a_line(1, 5), agreements=[an_agreement(10, 2)], ledger={1: [5]}, seen_invoiced=[1])
    assert row_line(preview_of(facts, used(5))).outcome is Outcome.MOVED
