"""An agreement that is billed in another way than was accepted, or that cannot bill a line of one month at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.holds import can_be_billed
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MONTHLY,
    a_line,
    an_agreement,
    changes_of,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Line, Terms

QUARTERLY = replace(MONTHLY, cycle="Quarterly")
CHILD = replace(MONTHLY, parent_agreement_id=7)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        pytest.param(QUARTERLY, "billed Quarterly", id="cycle"),
        pytest.param(replace(MONTHLY, period_type="Future"), "for the period Future", id="period type"),
        pytest.param(CHILD, "with its parent 7", id="parent"),
        pytest.param(replace(MONTHLY, prorates=True), "prorated now", id="prorating"),
    ],
)
@pytest.mark.parametrize("lines", [[], [a_line(1, 5)], [a_line(1, 9)]], ids=["new line", "changed line", "right line"])
def test_an_agreement_on_other_terms_than_accepted_is_held(terms: Terms, said: str, lines: list[Line]) -> None:
    facts = the_facts(*lines, agreements=[an_agreement(terms=terms)], mappings=[mapped_to(10, terms=MONTHLY)])
    line = row_line(preview_of(facts, used(9)))
    assert line.outcome is Outcome.AGREEMENT_CHANGED
    assert said in line.reason
    assert "was billed Monthly" in line.reason
    assert "companies map 1 --agreement 10 --organization org-1" in line.reason
    assert changes_of(preview_of(facts, used(9))) == set()


def test_what_was_accepted_is_written() -> None:
    facts = the_facts(agreements=[an_agreement(terms=QUARTERLY)], mappings=[mapped_to(10, terms=QUARTERLY)])
    assert changes_of(preview_of(facts, used(9))) == {(None, 0, 9)}


def test_without_recorded_terms_a_billable_agreement_is_written() -> None:
    assert changes_of(preview_of(the_facts(agreements=[an_agreement(terms=QUARTERLY)]), used(9))) == {(None, 0, 9)}


def test_a_change_matters_only_where_a_line_is_still_to_be_billed() -> None:
    facts = the_facts(
        a_line(1, 9, effective=INVOICED),
        agreements=[an_agreement(terms=QUARTERLY)],
        mappings=[mapped_to(10, terms=MONTHLY)],
    )
    assert row_line(preview_of(facts, used(9))).outcome is Outcome.UNCHANGED


def test_changed_terms_of_an_unmapped_agreement_keep_no_seats_there() -> None:
    facts = the_facts(
        a_line(1, 5, agreement_id=11),
        agreements=[an_agreement(11, terms=QUARTERLY)],
        mappings=[mapped_to(10, terms=MONTHLY)],
    )
    assert changes_of(preview_of(facts, used(5))) == {(1, 5, 0), (None, 0, 5)}


UNBILLABLE = [
    *(replace(MONTHLY, cycle=cycle) for cycle in (None, "Weekly", "BiWeekly", "NotRecurring")),
    *(replace(MONTHLY, cycle=cycle, prorates=True) for cycle in ("BiMonthly", "Quarterly", "SemiAnnual", "Yearly")),
    replace(CHILD, prorates=True),
]


@pytest.mark.parametrize("terms", UNBILLABLE, ids=str)
@pytest.mark.parametrize("accepted", [True, False])
def test_an_agreement_that_cannot_bill_a_month_once_is_never_written(terms: Terms, *, accepted: bool) -> None:
    mapping = mapped_to(10, terms=terms if accepted else None)
    facts = the_facts(agreements=[an_agreement(terms=terms)], mappings=[mapping])
    assert not can_be_billed(terms)
    assert row_line(preview_of(facts, used(9))).outcome is Outcome.AGREEMENT_CHANGED
    assert changes_of(preview_of(facts, used(9))) == set()
