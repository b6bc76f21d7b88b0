"""Undoing a run: which of its lines are given back what they had, and why each of the others is not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cw_pipeline.billing.facts import Facts, Unread
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.undo import Kept, Wrote, plan_undo
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.vocabulary import Plan
from cw_pipeline.wording.undo import why_kept
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    ORGANIZATION,
    PRODUCTS,
    a_line,
    an_agreement,
    mapped_to,
    the_facts,
)

WHOSE = (MARCH, ORGANIZATION)
KNOWN = {1: [5]}
"""The run wrote 5 on line 1, and the ledger says so."""


def wrote(before: int, after: int, plan: Plan = Plan.BUSINESS, *, addition_id: int = 1) -> Wrote:
    return Wrote(Identity(MARCH, plan, ORGANIZATION), addition_id, 10, Decimal(before), Decimal(after))


def kept(facts: Facts, before: int = 0) -> Kept | Outcome | None:
    (line,) = plan_undo([wrote(before, 5)], facts, changed={}, unsettled=set())
    assert (line.write is None) is (line.kept is not None)
    assert (line.kept is None) is (why_kept(line) == "")
    return line.kept


def test_an_open_line_gets_back_what_it_had() -> None:
    (line,) = plan_undo([wrote(3, 5)], the_facts(a_line(1, 5), ledger=KNOWN), changed={}, unsettled=set())
    assert isinstance(line.write, SetQuantity)
    assert (line.write.before, line.write.quantity) == (5, 3)


def test_a_line_that_is_as_before_the_run_is_left_out() -> None:
    facts = the_facts(a_line(1, 3), ledger=KNOWN)
    assert plan_undo([wrote(3, 5)], facts, changed={WHOSE: "later"}, unsettled={WHOSE}) == []


@pytest.mark.parametrize("before", [0, 9])
@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (the_facts(ledger=KNOWN), Kept.GONE),
        (the_facts(a_line(1, 5, effective=INVOICED), ledger=KNOWN), Kept.INVOICED),
        (
            the_facts(a_line(1, 5), ledger=KNOWN, seen_invoiced=[1], agreements=[an_agreement(next_invoice=None)]),
            Kept.UNCLEAR,
        ),
        (the_facts(a_line(1, 6), ledger=KNOWN), Kept.EDITED),
        (the_facts(a_line(1, 5), ledger=KNOWN, agreements=[an_agreement(active=False)]), Outcome.AGREEMENT_INACTIVE),
        (
            replace(the_facts(a_line(1, 5), ledger=KNOWN), unread=[Unread("Agreement 10", "it is cut short", 10)]),
            Kept.UNREAD,
        ),
    ],
)
def test_a_line_that_must_not_be_written_is_left(facts: Facts, before: int, why: Kept) -> None:
    assert kept(facts, before) is why


def test_why_an_agreement_cannot_bill_is_told() -> None:
    facts = the_facts(a_line(1, 5), ledger=KNOWN, agreements=[an_agreement(company_deleted=True)], mappings=[])
    (line,) = plan_undo([wrote(0, 5)], facts, changed={}, unsettled=set())
    assert line.kept is Outcome.COMPANY_DELETED


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (the_facts(a_line(1, 5), ledger=KNOWN, mappings=[]), Kept.NOT_MAPPED),
        (the_facts(a_line(1, 5), ledger=KNOWN, mappings=[mapped_to(20, 2)]), Kept.NOT_MAPPED),
        (the_facts(a_line(1, 5), ledger=KNOWN, mappings=[mapped_to(10, bill_from=MARCH.plus(1))]), Kept.NOT_MAPPED),
        (
            replace(the_facts(a_line(1, 5), ledger=KNOWN), by_hand={(10, PRODUCTS[Plan.BUSINESS]): [a_line(7, 12)]}),
            Kept.BY_HAND,
        ),
    ],
)
def test_seats_are_taken_away_where_none_may_be_added(facts: Facts, why: Kept) -> None:
    assert (kept(facts, 9), kept(facts, 3)) == (why, None)


def test_what_a_later_run_changed_or_is_not_settled_is_left() -> None:
    facts = the_facts(a_line(1, 5), ledger=KNOWN)
    (line,) = plan_undo([wrote(0, 5)], facts, changed={WHOSE: "later"}, unsettled=set())
    assert (line.kept, line.write, "later" in why_kept(line)) == (Kept.CHANGED, None, True)
    (line,) = plan_undo([wrote(0, 5)], facts, changed={}, unsettled={WHOSE})
    assert (line.kept, line.write) == (Kept.UNSETTLED, None)


def test_seats_wait_for_the_other_plan_s_line_only_within_the_month() -> None:
    lines = [a_line(1, 0), a_line(2, 5, Plan.ENTERPRISE, effective=INVOICED)]
    facts = the_facts(*lines, ledger={1: [0], 2: [5]})
    run = [wrote(5, 0), wrote(0, 5, Plan.ENTERPRISE, addition_id=2)]
    assert [line.kept for line in plan_undo(run, facts, changed={}, unsettled=set())] == [Kept.WAITING, Kept.INVOICED]
    facts = the_facts(a_line(1, 0), a_line(2, 5, Plan.ENTERPRISE), ledger={1: [0], 2: [5]})
    assert [line.kept for line in plan_undo(run, facts, changed={}, unsettled=set())] == [None, None]
