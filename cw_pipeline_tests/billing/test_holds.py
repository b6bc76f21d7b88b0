"""What is held, the order of the reasons, and that nothing is written for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.facts import Written
from cw_pipeline.billing.outcomes import FAILED, HELD, Outcome
from cw_pipeline.vocabulary import Plan
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MONTHLY,
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
from cw_pipeline_tests.billing.held_examples import (
    DELETED,
    DELETED_AND_INACTIVE,
    EDITED,
    EDITED_LEDGER,
    INACTIVE,
    INVOICED_ELSEWHERE,
    NEVER,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Agreement, Facts, Line


@pytest.mark.parametrize("usage", [5, 10, 12, 0])
def test_an_edited_invoiced_line_holds_its_plan_whatever_the_usage(usage: int) -> None:
    preview = preview_of(the_facts(EDITED, ledger=EDITED_LEDGER), used(usage))
    assert (row_line(preview).outcome, row_line(preview).seats) == (Outcome.INVOICE_UNCLEAR, usage)
    assert changes_of(preview) == set()


def test_an_edited_invoiced_line_holds_the_open_lines_of_its_plan_too() -> None:
    facts = the_facts(EDITED, a_line(2, 5), a_line(3, 4, agreement_id=11), ledger=EDITED_LEDGER)
    preview = preview_of(facts, used(9))
    assert {line.outcome for line in preview.lines} == {Outcome.INVOICE_UNCLEAR}
    assert changes_of(preview) == set()


def test_an_edited_invoiced_line_of_one_plan_leaves_the_other_plan_alone() -> None:
    preview = preview_of(the_facts(EDITED, ledger=EDITED_LEDGER), used(9, Plan.ENTERPRISE))
    assert row_line(preview).outcome is Outcome.CREATED
    assert [(line.plan, line.outcome) for line in also(preview)] == [(Plan.BUSINESS, Outcome.INVOICE_UNCLEAR)]


def test_an_edited_invoiced_line_is_reported_where_the_organization_has_no_row() -> None:
    preview = preview_of(the_facts(EDITED, ledger=EDITED_LEDGER))
    assert [line.outcome for line in preview.lines] == [Outcome.INVOICE_UNCLEAR]


def test_the_reason_names_what_was_written_and_what_is_there() -> None:
    reason = row_line(preview_of(the_facts(EDITED, ledger=EDITED_LEDGER), used(9))).reason
    assert "was written with 10 from 2026-03-01 to 2026-03-31 and invoiced, but now has 5 from" in reason


def test_an_invoiced_line_as_the_ledger_wrote_it_is_taken() -> None:
    assert changes_of(preview_of(the_facts(EDITED, ledger={1: [5]}), used(9))) == {(None, 0, 4)}


def test_the_dates_of_a_line_set_to_0_hold_nothing() -> None:
    written = the_facts(a_line(1, 0), ledger={1: [0]})
    moved = a_line(1, 0, effective=INVOICED - timedelta(11), cancelled=INVOICED + timedelta(60))
    facts = replace(the_facts(moved, a_line(2, 10, effective=INVOICED)), ledger=written.ledger)
    assert row_line(preview_of(facts, used(10))).outcome is Outcome.UNCHANGED


def test_an_invoiced_line_unknown_to_the_ledger_counts_as_it_is() -> None:
    assert changes_of(preview_of(the_facts(EDITED, ledger={99: [10]}), used(9))) == {(None, 0, 4)}


@pytest.mark.parametrize("quantity", [5, 8])
def test_while_a_write_is_not_settled_both_of_its_quantities_are_ours(quantity: int) -> None:
    facts = the_facts(a_line(1, quantity, effective=INVOICED), ledger={1: [5, 8]})
    assert changes_of(preview_of(facts, used(9))) == {(None, 0, 9 - quantity)}


def test_an_open_line_that_was_edited_is_overwritten_not_held() -> None:
    preview = preview_of(the_facts(a_line(1, 5), ledger=EDITED_LEDGER), used(10))
    assert changes_of(preview) == {(1, 5, 10)}


@pytest.mark.parametrize(
    ("agreement", "outcome"),
    [
        (DELETED, Outcome.COMPANY_DELETED),
        (INACTIVE, Outcome.AGREEMENT_INACTIVE),
        (NEVER, Outcome.AGREEMENT_INACTIVE),
        (an_agreement(end=date(2026, 3, 31)), Outcome.AGREEMENT_INACTIVE),
    ],
)
@pytest.mark.parametrize("lines", [[], [a_line(1, 5)], [a_line(1, 5), a_line(2, 1)]])
def test_a_line_that_may_not_be_written_on_its_agreement_is_held(
    agreement: Agreement, outcome: Outcome, lines: list[Line]
) -> None:
    preview = preview_of(the_facts(*lines, agreements=[agreement]), used(9))
    assert (row_line(preview).outcome, row_line(preview).seats) == (outcome, 9)
    assert changes_of(preview) == set()


@pytest.mark.parametrize("end", [date(2026, 4, 1), date(2026, 4, 15), None])
def test_an_agreement_that_ends_within_the_window_is_written_to(end: date | None) -> None:
    assert changes_of(preview_of(the_facts(agreements=[an_agreement(end=end)]), used(9))) == {(None, 0, 9)}


def test_an_ended_agreement_is_judged_by_each_lines_own_window() -> None:
    facts = the_facts(a_line(1, 5, effective=date(2026, 5, 1)), agreements=[an_agreement(end=date(2026, 4, 15))])
    assert row_line(preview_of(facts, used(9))).outcome is Outcome.AGREEMENT_INACTIVE


@pytest.mark.parametrize("agreement", [DELETED, INACTIVE, DELETED_AND_INACTIVE, an_agreement(end=date(2026, 1, 1))])
@pytest.mark.parametrize(
    ("lines", "usage", "outcome"),
    [
        pytest.param([], 0, Outcome.ZERO_USAGE, id="no line"),
        pytest.param([a_line(1, 0)], 0, Outcome.UNCHANGED, id="an open line of 0"),
        pytest.param([a_line(1, 5, effective=INVOICED)], 5, Outcome.UNCHANGED, id="all invoiced"),
        pytest.param([a_line(1, 9, effective=INVOICED)], 5, Outcome.CREDIT_DUE, id="invoiced too much"),
    ],
)
def test_where_no_open_line_has_seats_the_agreements_state_does_not_matter(
    agreement: Agreement, lines: list[Line], usage: int, outcome: Outcome
) -> None:
    assert row_line(preview_of(the_facts(*lines, agreements=[agreement]), used(usage))).outcome is outcome


@pytest.mark.parametrize(
    ("agreement", "outcome"),
    [
        (DELETED, Outcome.COMPANY_DELETED),
        (INACTIVE, Outcome.AGREEMENT_INACTIVE),
        (an_agreement(end=date(2026, 1, 1)), Outcome.AGREEMENT_INACTIVE),
        (an_agreement(terms=replace(MONTHLY, cycle="Weekly")), Outcome.AGREEMENT_CHANGED),
        (an_agreement(10, 2), Outcome.MOVED),
    ],
)
def test_a_right_line_that_will_not_be_billed_is_held(agreement: Agreement, outcome: Outcome) -> None:
    line = row_line(preview_of(the_facts(a_line(1, 5), agreements=[agreement]), used(5)))
    assert (line.outcome, line.seats) == (outcome, 5)
    assert "Line 1 carries 5 on agreement 10" in line.reason


def test_a_stale_line_is_judged_by_its_own_agreement() -> None:
    facts = the_facts(a_line(1, 5, agreement_id=11), agreements=[an_agreement(11, active=False)])
    preview = preview_of(facts, used(0))
    assert [(line.outcome, line.seats) for line in also(preview)] == [(Outcome.AGREEMENT_INACTIVE, 5)]
    assert changes_of(preview) == set()


@pytest.mark.parametrize("mapped_agreement", [10, 11])
def test_a_line_on_an_agreement_with_date_never_is_held(
    mapped_agreement: int,
) -> None:
    facts = the_facts(a_line(1, 5, effective=INVOICED), agreements=[NEVER], mappings=[mapped_to(mapped_agreement)])
    preview = preview_of(facts, used(9))
    assert row_line(preview).outcome is Outcome.INVOICE_UNCLEAR
    assert "set the line to what" in row_line(preview).reason
    assert changes_of(preview) == set()


def test_a_right_unclear_line_is_left_unless_its_dates_were_edited() -> None:
    line = a_line(1, 5, effective=INVOICED)
    facts = the_facts(line, agreements=[an_agreement(next_invoice=None)], ledger={1: [5]})
    stretched = replace(facts, lines={line.serial_number: (replace(line, cancelled_date=None),)})
    assert row_line(preview_of(facts, used(5))).outcome is Outcome.UNCHANGED
    assert row_line(preview_of(stretched, used(5))).outcome is Outcome.INVOICE_UNCLEAR


def test_a_new_line_on_an_agreement_with_date_never_is_held() -> None:
    line = row_line(preview_of(the_facts(agreements=[NEVER]), used(9)))
    assert line.outcome is Outcome.AGREEMENT_INACTIVE
    assert "Set its next invoice date" in line.reason


def test_a_line_missing_from_an_agreement_with_date_never_is_held() -> None:
    serial_number = a_line(1, 5).serial_number
    gone = Written(10, serial_number, frozenset({Decimal(5)}), effective_date=INVOICED, cancelled_date=None)
    facts = replace(the_facts(agreements=[NEVER], mappings=[mapped_to(11)]), ledger={1: gone})
    assert row_line(preview_of(facts, used(5))).outcome is Outcome.INVOICE_UNCLEAR


def test_a_mapped_agreement_that_no_longer_exists_holds_the_row() -> None:
    preview = preview_of(the_facts(mappings=[mapped_to(77)]), used(5))
    assert row_line(preview).outcome is Outcome.AGREEMENT_INACTIVE
    assert "no longer exists" in row_line(preview).reason


def test_credit_due_is_held_last_and_still_zeroes_its_open_line() -> None:
    preview = preview_of(the_facts(a_line(1, 10, effective=INVOICED), a_line(2, 3)), used(8))
    assert row_line(preview).outcome is Outcome.CREDIT_DUE
    assert changes_of(preview) == {(2, 3, 0)}


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        pytest.param(
            the_facts(
                INVOICED_ELSEWHERE,
                a_line(2, 5, effective=INVOICED),
                agreements=[DELETED_AND_INACTIVE],
                ledger={2: [10]},
            ),
            Outcome.MOVED,
            id="moved first",
        ),
        pytest.param(
            the_facts(EDITED, a_line(2, 9), agreements=[DELETED_AND_INACTIVE], ledger=EDITED_LEDGER),
            Outcome.INVOICE_UNCLEAR,
            id="then invoice_unclear",
        ),
        pytest.param(
            the_facts(EDITED, a_line(2, 9), agreements=[DELETED_AND_INACTIVE]),
            Outcome.COMPANY_DELETED,
            id="then company_deleted",
        ),
        pytest.param(
            the_facts(EDITED, a_line(2, 9), agreements=[INACTIVE]),
            Outcome.AGREEMENT_INACTIVE,
            id="then agreement_inactive",
        ),
        pytest.param(the_facts(EDITED, a_line(2, 9)), Outcome.CREDIT_DUE, id="credit_due last"),
    ],
)
def test_of_several_holds_the_first_in_the_fixed_order_is_the_outcome(facts: Facts, outcome: Outcome) -> None:
    preview = preview_of(facts, used(3))
    assert row_line(preview).outcome is outcome


def test_exactly_the_holds_and_failures_have_a_way_out() -> None:
    assert WAYS_OUT.keys() == HELD | FAILED
    for sentence in WAYS_OUT.values():
        assert (sentence.count("."), sentence[-1]) == (1, ".")


def test_a_credit_that_is_due_says_for_how_many_seats() -> None:
    facts = the_facts(a_line(1, 10, effective=INVOICED), a_line(2, 5, Plan.ENTERPRISE, effective=INVOICED))
    preview = preview_of(facts, used(8))
    assert [(line.also, line.seats, line.to_credit) for line in preview.lines] == [(False, 8, 2), (True, 5, 5)]
    held = preview_of(the_facts(EDITED, ledger=EDITED_LEDGER), used(3))
    assert row_line(held).to_credit is None


def test_a_held_row_keeps_its_seats_in_the_tally() -> None:
    preview = preview_of(the_facts(agreements=[INACTIVE]), used(9))
    assert preview.outcomes[Outcome.AGREEMENT_INACTIVE].seats == Decimal(9)
    assert preview.unaccounted_seats == 0
