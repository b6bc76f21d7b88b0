"""Trial months: lines are written and bill nobody; what changes when a trial begins or ends, and what counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cw_pipeline.billing.by_hand import last_day_by_hand, undecided
from cw_pipeline.billing.facts import CompanyMapping, Facts, Line
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    PRODUCTS,
    TODAY,
    a_line,
    an_agreement,
    changes_of,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
    writes_of,
)

TRIAL = replace(mapped_to(10, bill_from=MARCH), trial_months=1)
"""March is the only trial month."""
PAID = mapped_to(10, bill_from=MARCH)


def to_nobody(line: Line) -> Line:
    return replace(line, bill_customer="DoNotBill")


def facts_of(mapping: CompanyMapping, *lines: Line, invoiced: bool = False, written_so: bool = True) -> Facts:
    """What is known of lines that were written for a trial month, unless they were not `written_so`."""
    known = {line.addition_id: [int(line.quantity)] for line in lines}
    facts = the_facts(*lines, mappings=[mapping], ledger=known, seen_invoiced=known if invoiced else ())
    ledger = {key: replace(one, trial=written_so) for key, one in facts.ledger.items()}
    return replace(facts, ledger=ledger)


def by_hand(facts: Facts, quantity: int, **fields: object) -> Facts:
    line = Line(7, 10, PRODUCTS[Plan.BUSINESS], "", Decimal(quantity), date(2024, 1, 1), None)
    return replace(facts, by_hand=undecided([replace(line, **fields)], ()))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("month", "trial"),
    [(MARCH, True), (Month(2026, 4), False)],
    ids=["in the trial month", "in the month after it"],
)
def test_a_trial_month_bills_nobody_and_the_next_is_billed(month: Month, *, trial: bool) -> None:
    preview = preview_of(facts_of(TRIAL), used(5), month=month)
    (write,) = writes_of(preview)
    assert isinstance(write, CreateLine)
    assert (write.quantity, write.trial, row_line(preview).bills_nobody) == (5, trial, trial)
    assert ("Trial month: billed to nobody" in row_line(preview).reason) is trial


def test_a_trial_month_s_line_is_kept_right_without_a_warning() -> None:
    right = preview_of(facts_of(TRIAL, to_nobody(a_line(1, 5))), used(5))
    assert (row_line(right).outcome, row_line(right).warning) == (Outcome.UNCHANGED, None)
    more = preview_of(facts_of(TRIAL, to_nobody(a_line(1, 5))), used(8))
    assert changes_of(more) == {(1, 5, 8)}
    invoiced = facts_of(TRIAL, to_nobody(a_line(1, 5, effective=INVOICED)), invoiced=True)
    assert row_line(preview_of(invoiced, used(5))).warning is None
    found = facts_of(TRIAL, to_nobody(a_line(1, 5)), written_so=False)
    assert row_line(preview_of(found, used(5))).warning is None


@pytest.mark.parametrize(
    ("mapping", "line", "why"),
    [
        pytest.param(TRIAL, a_line(1, 5), "would be billed, but 2026-03 is a trial month", id="mapped with a trial"),
        pytest.param(PAID, to_nobody(a_line(1, 5)), "is no longer a trial month", id="mapped without one"),
    ],
)
def test_an_open_line_that_bills_otherwise_than_mapped_now_is_replaced(
    mapping: CompanyMapping, line: Line, why: str
) -> None:
    preview = preview_of(facts_of(mapping, line), used(5))
    assert changes_of(preview) == {(1, 5, 0), (None, 0, 5)}
    assert row_line(preview).outcome is Outcome.CREATED
    assert why in next(line.reason for line in preview.lines if line.also)
    again = preview_of(facts_of(mapping, replace(line, quantity=Decimal(0))), used(0))
    assert changes_of(again) == set()


def test_a_line_that_a_person_set_to_do_not_bill_has_a_warning() -> None:
    line = row_line(preview_of(facts_of(PAID, to_nobody(a_line(1, 5)), written_so=False), used(5)))
    assert (line.outcome, line.writes) == (Outcome.UNCHANGED, ())
    assert "is DoNotBill" in (line.warning or "")


@pytest.mark.parametrize("mapping", [TRIAL, PAID], ids=["in the trial", "after it was mapped without"])
@pytest.mark.parametrize(
    ("seats", "outcome", "changes"),
    [
        (5, Outcome.UNCHANGED, []),
        (8, Outcome.CREATED, [(None, 0, 3)]),
        (2, Outcome.UNCHANGED, []),
        (0, Outcome.UNCHANGED, []),
    ],
)
def test_an_invoiced_trial_month_is_accounted_for_and_never_credited(
    mapping: CompanyMapping, seats: int, outcome: Outcome, changes: list[tuple[None, int, int]]
) -> None:
    facts = facts_of(mapping, to_nobody(a_line(1, 5, effective=INVOICED)), invoiced=True)
    preview = preview_of(facts, used(seats))
    assert (row_line(preview).outcome, changes_of(preview)) == (outcome, set(changes))


def test_what_was_billed_beside_a_trial_is_all_that_can_be_credited() -> None:
    billed = a_line(2, 3, effective=INVOICED)
    facts = facts_of(PAID, to_nobody(a_line(1, 5, effective=INVOICED)), billed, invoiced=True)
    line = row_line(preview_of(facts, used(4)))
    assert (line.outcome, line.to_credit) == (Outcome.CREDIT_DUE, 3)


def test_a_trial_month_that_was_invoiced_at_another_company_holds_nothing() -> None:
    elsewhere = to_nobody(a_line(1, 5, effective=INVOICED, agreement_id=20))
    assert row_line(preview_of(facts_of(PAID, elsewhere, invoiced=True), used(5))).outcome is Outcome.UNCHANGED


def test_a_line_kept_by_hand_holds_no_trial_month() -> None:
    line = row_line(preview_of(by_hand(facts_of(TRIAL), 12), used(5)))
    assert (line.outcome, line.by_hand) == (Outcome.CREATED, 12)
    kept = row_line(preview_of(by_hand(facts_of(TRIAL, to_nobody(a_line(1, 5))), 12), used(5)))
    assert (kept.outcome, kept.by_hand) == (Outcome.UNCHANGED, 12)
    assert row_line(preview_of(by_hand(facts_of(TRIAL), 12, less_included=Decimal(2)), used(5))).by_hand == 10
    assert row_line(preview_of(by_hand(facts_of(TRIAL), 12, cancelled_date=date(2026, 3, 31)), used(5))).by_hand == 0
    april = row_line(preview_of(by_hand(facts_of(TRIAL), 12), used(5), month=Month(2026, 4)))
    assert (april.outcome, april.by_hand) == (Outcome.BILLED_BY_HAND, None)


def test_by_hand_may_be_billed_until_the_trial_is_over() -> None:
    agreement = an_agreement(next_invoice=date(2026, 3, 1))
    ours = [to_nobody(a_line(1, 5, effective=date(2026, 3, 1)))]
    assert last_day_by_hand(TRIAL, agreement, ours, TODAY) == date(2026, 3, 31)
    assert last_day_by_hand(PAID, agreement, [], TODAY) == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("next_invoice", "last_day"),
    [(date(2026, 4, 1), date(2026, 5, 31)), (date(2026, 3, 1), date(2026, 4, 30))],
    ids=["invoiced ahead", "invoiced afterwards"],
)
def test_a_trial_is_billed_by_hand_until_its_first_billed_line_begins(next_invoice: date, last_day: date) -> None:
    mapping = replace(TRIAL, trial_months=2)
    assert last_day_by_hand(mapping, an_agreement(next_invoice=next_invoice), [], TODAY) == last_day
