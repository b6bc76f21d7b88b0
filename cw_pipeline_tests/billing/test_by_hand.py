"""Lines that people keep by hand for a product of ours: what is held because of them, and when it no longer is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cw_pipeline.billing.by_hand import LeftLine, last_day_by_hand, undecided
from cw_pipeline.billing.facts import Facts, Line
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    PRODUCTS,
    PRORATED,
    TODAY,
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

BY_HAND = Line(
    addition_id=7,
    agreement_id=10,
    product_id=PRODUCTS[Plan.BUSINESS],
    serial_number="",
    quantity=Decimal(12),
    effective_date=date(2024, 1, 1),
    cancelled_date=None,
)


def with_by_hand(facts: Facts, *lines: Line, left: bool = False) -> Facts:
    chosen = {LeftLine(line.addition_id, line.agreement_id, line.product_id) for line in lines if left}
    return replace(facts, by_hand=undecided(lines, chosen))


@pytest.mark.parametrize(
    ("ours", "seats"),
    [
        pytest.param([], 5, id="a new line"),
        pytest.param([a_line(1, 3)], 5, id="a line that gets more"),
        pytest.param([a_line(1, 8)], 5, id="a line that gets fewer"),
        pytest.param([a_line(1, 5)], 5, id="a line that is right"),
        pytest.param([a_line(1, 2, effective=INVOICED)], 5, id="a new line beside an invoiced one"),
    ],
)
def test_seats_wait_while_a_line_kept_by_hand_bills_the_same_days(ours: list[Line], seats: int) -> None:
    held = row_line(preview_of(with_by_hand(the_facts(*ours), BY_HAND), used(seats)))
    assert (held.outcome, held.seats, held.writes) == (Outcome.BILLED_BY_HAND, seats, ())
    assert "Line 7 (12, 2024-01-01 to no last day) on agreement 10" in held.reason
    assert "2026-04-01 to 2026-04-30 would be billed twice" in held.reason
    assert "`cw-pipeline lines end 7`" in held.reason
    assert "`cw-pipeline lines leave 7`" in held.reason
    assert row_line(preview_of(with_by_hand(the_facts(*ours), BY_HAND, left=True), used(seats))).outcome in {
        Outcome.CREATED,
        Outcome.UPDATED,
        Outcome.UNCHANGED,
    }


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(replace(BY_HAND, product_id=PRODUCTS[Plan.ENTERPRISE]), id="another plan's product"),
        pytest.param(replace(BY_HAND, product_id=900), id="another product"),
        pytest.param(replace(BY_HAND, agreement_id=11), id="another agreement"),
        pytest.param(replace(BY_HAND, cancelled_date=date(2026, 3, 31)), id="ended the day before"),
        pytest.param(replace(BY_HAND, effective_date=date(2026, 5, 1)), id="begins the day after"),
        pytest.param(replace(BY_HAND, quantity=Decimal(0)), id="no quantity"),
        pytest.param(replace(BY_HAND, less_included=Decimal(12)), id="all of it included"),
        pytest.param(replace(BY_HAND, bill_customer="DoNotBill"), id="not billed"),
    ],
)
def test_a_line_that_does_not_bill_the_same_days_holds_nothing(line: Line) -> None:
    assert row_line(preview_of(with_by_hand(the_facts(), line), used(5))).outcome is Outcome.CREATED


def test_what_takes_all_seats_away_is_not_held() -> None:
    facts = with_by_hand(the_facts(a_line(1, 5)), BY_HAND)
    preview = preview_of(facts, used(5, Plan.ENTERPRISE))
    assert (row_line(preview).outcome, [line.outcome for line in also(preview)]) == (
        Outcome.CREATED,
        [Outcome.ZEROED],
    )
    invoiced = with_by_hand(the_facts(a_line(1, 5, effective=INVOICED)), BY_HAND)
    assert row_line(preview_of(invoiced, used(5))).outcome is Outcome.UNCHANGED


def test_a_moving_line_leaves_its_old_agreement_while_it_waits() -> None:
    facts = with_by_hand(the_facts(a_line(1, 5, agreement_id=11)), BY_HAND)
    preview = preview_of(facts, used(5))
    assert row_line(preview).outcome is Outcome.BILLED_BY_HAND
    assert changes_of(preview) == {(1, 5, 0)}


def test_a_line_that_begins_no_sooner_than_ours_cannot_be_ended() -> None:
    late = replace(BY_HAND, effective_date=date(2026, 4, 1))
    held = row_line(preview_of(with_by_hand(the_facts(), late), used(5)))
    assert held.outcome is Outcome.BILLED_BY_HAND
    assert "lines end" not in held.reason
    assert "If it bills something else, leave it with" in held.reason


@pytest.mark.parametrize(
    ("prorates", "first", "held"),
    [(False, date(2026, 3, 1), Outcome.BILLED_BY_HAND), (True, date(2026, 3, 15), Outcome.CREATED)],
    ids=["does not prorate", "prorates"],
)
def test_earlier_days_of_the_month_count_where_it_is_billed_in_full(
    *, prorates: bool, first: date, held: Outcome
) -> None:
    """Where periods begin is not certain: with the 15th or with the month."""
    agreement = an_agreement(next_invoice=date(2026, 2, 15))
    if prorates:
        agreement = replace(agreement, terms=PRORATED)
    facts = the_facts(agreements=[agreement])
    ended = replace(BY_HAND, cancelled_date=date(2026, 3, 14))
    assert row_line(preview_of(with_by_hand(facts, ended), used(5))).outcome is held
    last_day = last_day_by_hand(mapped_to(10, bill_from=MARCH), agreement, [], TODAY)
    assert last_day == date.fromordinal(first.toordinal() - 1)
    ended = replace(BY_HAND, cancelled_date=last_day)
    assert row_line(preview_of(with_by_hand(facts, ended), used(5))).outcome is Outcome.CREATED


@pytest.mark.parametrize(
    ("begins", "held"),
    [(date(2026, 4, 14), Outcome.BILLED_BY_HAND), (date(2026, 4, 15), Outcome.CREATED)],
    ids=["in a period from the 15th on", "after it"],
)
def test_days_after_ours_count_where_its_period_may_have_them(begins: date, held: Outcome) -> None:
    facts = the_facts(agreements=[an_agreement(next_invoice=date(2026, 3, 15))])
    line = row_line(preview_of(with_by_hand(facts, replace(BY_HAND, effective_date=begins)), used(5)))
    assert line.outcome is held
    prorating = the_facts(agreements=[replace(an_agreement(next_invoice=date(2026, 3, 1)), terms=PRORATED)])
    later = replace(BY_HAND, effective_date=date(2026, 4, 1))
    assert row_line(preview_of(with_by_hand(prorating, later), used(5))).outcome is Outcome.CREATED


def test_days_before_ours_that_are_invoiced_hold_nothing() -> None:
    agreement = an_agreement(next_invoice=date(2026, 3, 15))
    facts = the_facts(agreements=[agreement])
    ended = replace(BY_HAND, cancelled_date=date(2026, 3, 14))
    assert row_line(preview_of(with_by_hand(facts, ended), used(5))).outcome is Outcome.CREATED
    assert last_day_by_hand(mapped_to(10, bill_from=MARCH), agreement, [], TODAY) == date(2026, 3, 14)


@pytest.mark.parametrize(
    ("next_invoice", "ours", "last_day"),
    [
        pytest.param(date(2026, 1, 1), [], date(2025, 12, 31), id="the first month is to be invoiced"),
        pytest.param(date(2026, 4, 1), [], date(2026, 3, 31), id="earlier months were invoiced"),
        pytest.param(
            date(2026, 1, 15), [a_line(1, 5, effective=date(2026, 2, 1))], date(2026, 1, 14), id="a later one"
        ),
        pytest.param(date(2025, 12, 15), [a_line(1, 5, effective=date(2025, 12, 20))], date(2025, 12, 14), id="open"),
        pytest.param(date(2026, 4, 1), [a_line(1, 5, effective=date(2026, 3, 1))], date(2026, 3, 31), id="invoiced"),
    ],
)
def test_by_hand_may_be_billed_until_our_first_line_begins(
    next_invoice: date, ours: list[Line], last_day: date
) -> None:
    assert last_day_by_hand(mapped_to(10), an_agreement(next_invoice=next_invoice), ours, TODAY) == last_day
