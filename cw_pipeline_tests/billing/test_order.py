"""Seats are taken away before others are added, so that they are never on two lines at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import takes_away
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    a_line,
    also,
    an_agreement,
    changes_of,
    line_of,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
    writes_of,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Agreement, Line

STUCK = [
    pytest.param(an_agreement(11, active=False), Outcome.AGREEMENT_INACTIVE, id="inactive"),
    pytest.param(an_agreement(11, company_deleted=True), Outcome.COMPANY_DELETED, id="deleted"),
]


@pytest.mark.parametrize(
    ("lines", "usage", "taken"),
    [
        ([a_line(1, 5)], 3, {1: True}),
        ([a_line(1, 5)], 8, {1: False}),
        ([], 8, {None: False}),
        ([a_line(1, 5, agreement_id=11)], 8, {1: True, None: False}),
        ([a_line(1, 5), a_line(2, 1)], 8, {1: False, 2: True}),
    ],
)
def test_each_write_tells_whether_it_takes_seats_away(
    lines: list[Line], usage: int, taken: dict[int | None, bool]
) -> None:
    writes = writes_of(preview_of(the_facts(*lines), used(usage)))
    assert {line_of(write): takes_away(write) for write in writes} == taken


@pytest.mark.parametrize(("agreement", "outcome"), STUCK)
def test_a_hold_on_the_old_agreement_holds_the_new_line(agreement: Agreement, outcome: Outcome) -> None:
    preview = preview_of(the_facts(a_line(1, 5, agreement_id=11), agreements=[agreement]), used(5))
    assert [line.outcome for line in preview.lines] == [outcome, outcome]
    assert row_line(preview).seats == 5
    assert changes_of(preview) == set()


@pytest.mark.parametrize(("agreement", "outcome"), STUCK)
def test_a_hold_on_the_old_plan_holds_the_new_plan(agreement: Agreement, outcome: Outcome) -> None:
    old_plan = a_line(1, 5, agreement_id=11)
    preview = preview_of(the_facts(old_plan, agreements=[agreement]), used(5, Plan.ENTERPRISE))
    assert row_line(preview).outcome is outcome
    assert changes_of(preview) == set()


def test_an_edited_line_of_the_old_plan_holds_the_new_plan() -> None:
    old_plan = (a_line(1, 5, effective=INVOICED), a_line(2, 3))
    preview = preview_of(the_facts(*old_plan, ledger={1: [10]}), used(8, Plan.ENTERPRISE))
    assert row_line(preview).outcome is Outcome.INVOICE_UNCLEAR
    assert changes_of(preview) == set()


def test_the_reason_of_a_line_that_waits_says_for_what() -> None:
    facts = the_facts(a_line(1, 5, agreement_id=11), agreements=[an_agreement(11, active=False)])
    reason = row_line(preview_of(facts, used(5))).reason
    assert "Waits" in reason
    assert "Line 1" in reason


def test_a_hold_does_not_hold_other_lines_that_lose_seats() -> None:
    lines = (a_line(1, 5, agreement_id=11), a_line(2, 9))
    preview = preview_of(the_facts(*lines, agreements=[an_agreement(11, active=False)]), used(4))
    assert changes_of(preview) == {(2, 9, 4)}
    assert row_line(preview).outcome is Outcome.UPDATED


def test_a_hold_on_what_takes_away_leaves_a_row_that_is_right() -> None:
    lines = (a_line(1, 5, agreement_id=11), a_line(2, 9))
    preview = preview_of(the_facts(*lines, agreements=[an_agreement(11, active=False)]), used(9))
    assert row_line(preview).outcome is Outcome.UNCHANGED
    assert [line.outcome for line in also(preview)] == [Outcome.AGREEMENT_INACTIVE]


def test_a_credit_does_not_hold_what_adds() -> None:
    old_plan = (a_line(1, 10, effective=INVOICED), a_line(2, 3))
    preview = preview_of(the_facts(*old_plan), used(8, Plan.ENTERPRISE))
    assert row_line(preview).outcome is Outcome.CREATED
    assert changes_of(preview) == {(2, 3, 0), (None, 0, 8)}


def test_a_hold_on_what_adds_does_not_hold_what_takes_away() -> None:
    facts = the_facts(a_line(1, 5, agreement_id=11), agreements=[an_agreement(10, active=False)])
    preview = preview_of(facts, used(5))
    assert row_line(preview).outcome is Outcome.AGREEMENT_INACTIVE
    assert changes_of(preview) == {(1, 5, 0)}


def test_one_organizations_hold_does_not_hold_another_organization() -> None:
    facts = the_facts(
        a_line(1, 5, agreement_id=11),
        mappings=[mapped_to(10), mapped_to(20, 2, organization_id="org-2")],
        agreements=[an_agreement(11, active=False)],
    )
    preview = preview_of(facts, used(5), used(6, organization_id="org-2"))
    assert changes_of(preview) == {(None, 0, 6)}
