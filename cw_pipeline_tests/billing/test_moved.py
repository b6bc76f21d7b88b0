"""`moved`: a month that was invoiced to another company is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
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
from cw_pipeline_tests.billing.held_examples import INVOICED_ELSEWHERE

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Facts


def test_an_invoiced_line_on_another_companys_agreement_holds_the_row_as_moved() -> None:
    preview = preview_of(the_facts(INVOICED_ELSEWHERE), used(9))
    assert (row_line(preview).outcome, row_line(preview).seats) == (Outcome.MOVED, 9)
    assert changes_of(preview) == set()


@pytest.mark.parametrize(
    "facts",
    [
        the_facts(INVOICED_ELSEWHERE, agreements=[an_agreement(20, 2, active=False)]),
        the_facts(INVOICED_ELSEWHERE, agreements=[an_agreement(20, 2, company_deleted=True)]),
    ],
    ids=["inactive", "deleted"],
)
def test_mapping_back_is_not_advised_where_it_cannot_be_billed(facts: Facts) -> None:
    assert "map the organization back" in row_line(preview_of(the_facts(INVOICED_ELSEWHERE), used(9))).reason
    reason = row_line(preview_of(facts, used(9))).reason
    assert "map the organization back" not in reason
    assert "record it with" in reason
    assert "leave it out with" in reason


def test_mapping_back_is_advised_beside_another_organization() -> None:
    facts = the_facts(INVOICED_ELSEWHERE, mappings=[mapped_to(10), mapped_to(20, 2, organization_id="org-2")])
    assert "map the organization back" in row_line(preview_of(facts, used(9))).reason


def test_moved_holds_the_organizations_whole_month_both_plans_and_stale_lines() -> None:
    lines = (INVOICED_ELSEWHERE, a_line(2, 3, Plan.ENTERPRISE), a_line(3, 4, agreement_id=11))
    preview = preview_of(the_facts(*lines), used(9))
    assert {line.outcome for line in preview.lines} == {Outcome.MOVED}
    assert sorted(line.seats for line in also(preview)) == [3, 4]
    assert changes_of(preview) == set()


def test_moved_holds_a_row_of_the_other_plan_too() -> None:
    preview = preview_of(the_facts(INVOICED_ELSEWHERE), used(9, Plan.ENTERPRISE))
    assert row_line(preview).outcome is Outcome.MOVED
    assert changes_of(preview) == set()


def test_moved_is_seen_on_a_line_whose_plan_has_no_product() -> None:
    facts = the_facts(INVOICED_ELSEWHERE, products={Plan.ENTERPRISE: 200})
    assert row_line(preview_of(facts, used(9, Plan.ENTERPRISE))).outcome is Outcome.MOVED


def test_moved_holds_a_row_that_would_need_nothing() -> None:
    preview = preview_of(the_facts(INVOICED_ELSEWHERE), used(5))
    assert row_line(preview).outcome is Outcome.MOVED


def test_a_moved_line_edited_to_the_right_quantity_is_still_reported() -> None:
    edited_away = a_line(1, 0, agreement_id=20, effective=INVOICED)
    preview = preview_of(the_facts(edited_away, ledger={1: [5]}))
    assert [line.outcome for line in also(preview)] == [Outcome.MOVED]


def test_an_open_line_on_another_companys_agreement_holds_nothing() -> None:
    preview = preview_of(the_facts(a_line(1, 5, agreement_id=20)), used(5))
    assert row_line(preview).outcome is Outcome.CREATED


def test_an_invoiced_line_on_another_agreement_of_the_same_company_holds_nothing() -> None:
    preview = preview_of(the_facts(a_line(1, 5, agreement_id=11, effective=INVOICED)), used(5))
    assert row_line(preview).outcome is Outcome.UNCHANGED


def test_after_mapping_back_to_the_invoiced_company_the_month_is_free_again() -> None:
    facts = the_facts(INVOICED_ELSEWHERE, mappings=[mapped_to(20, 2)])
    assert changes_of(preview_of(facts, used(9))) == {(None, 0, 4)}


def test_a_mapped_agreement_that_now_belongs_to_another_company_gets_nothing_written() -> None:
    preview = preview_of(the_facts(agreements=[an_agreement(10, 2)]), used(5))
    assert row_line(preview).outcome is Outcome.MOVED
    assert changes_of(preview) == set()
