"""Unusual usage: the rules, each at its limit, and what a preview does with it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.rule import preview_month
from cw_pipeline.billing.unusual import Baseline, Billed, Limits, Rule, billed_in, unusual_usage
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline.wording.previews import preview_in_words
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    ORGANIZATION,
    a_line,
    also,
    changes_of,
    row_line,
    the_facts,
    used,
)

FEBRUARY = Month(2026, 2)
HOLD = Limits(hold=True)
RELEASE = "`cw-pipeline lines release --month 2026-03 --organization org-1`"


def before(seats: int | None, limits: Limits = HOLD, plans: str = "") -> Baseline:
    """So many seats were billed in February, and March's reports had these plans in turn."""
    billed = {} if seats is None else {ORGANIZATION: Billed(FEBRUARY, Decimal(seats))}
    of_letters = {"B": Plan.BUSINESS, "E": Plan.ENTERPRISE}
    return Baseline(limits, billed, {ORGANIZATION: [of_letters[letter] for letter in plans]} if plans else {})


@pytest.mark.parametrize(
    ("last", "now", "rules"),
    [
        pytest.param(20, 30, [Rule.CHANGED], id="half and ten more"),
        pytest.param(20, 10, [Rule.CHANGED], id="half and ten fewer"),
        pytest.param(20, 29, [], id="fewer than ten more"),
        pytest.param(21, 31, [], id="less than half more"),
        pytest.param(4, 13, [], id="thrice as much, but few"),
        pytest.param(1, 0, [Rule.FELL_TO_0], id="fell to 0"),
        pytest.param(0, 1, [Rule.CAME_FROM_0], id="came from 0"),
        pytest.param(0, 100, [Rule.CAME_FROM_0], id="many came from 0"),
        pytest.param(0, 0, [], id="still 0"),
        pytest.param(None, 100, [Rule.FIRST_BILLED], id="first billed"),
        pytest.param(None, 99, [], id="first billed, not many"),
        pytest.param(None, 0, [], id="never used"),
    ],
)
def test_each_rule_begins_at_its_limit(last: int | None, now: int, rules: list[Rule]) -> None:
    unusual = unusual_usage(used(now), MARCH, before(last))
    assert (list(unusual.rules) if unusual else []) == rules


@pytest.mark.parametrize(
    ("limits", "is_unusual"),
    [
        (Limits(percent=200, seats=8), True),
        (Limits(percent=201, seats=8), False),
        (Limits(percent=200, seats=9), False),
    ],
)
def test_the_limits_are_those_that_are_set(limits: Limits, *, is_unusual: bool) -> None:
    assert (unusual_usage(used(12), MARCH, before(4, limits)) is not None) is is_unusual
    assert unusual_usage(used(12), MARCH, before(None, replace(limits, first_seats=12))) is not None


@pytest.mark.parametrize(("plans", "is_unusual"), [("BE", False), ("BEE", False), ("BEB", True), ("EBBE", True)])
def test_a_plan_that_changed_both_ways_is_unusual(plans: str, *, is_unusual: bool) -> None:
    assert (unusual_usage(used(5), MARCH, before(5, plans=plans)) is not None) is is_unusual


def test_unusual_usage_is_held_until_it_is_released() -> None:
    lines = (a_line(1, 20), a_line(2, 3, Plan.ENTERPRISE))
    held = preview_in_words(preview_month(MARCH, [used(30)], the_facts(*lines), before(20)), the_facts(*lines))
    assert (row_line(held).outcome, row_line(held).seats, row_line(held).warning) == (Outcome.UNUSUAL, 30, None)
    assert "30 seats used, after 20 in 2026-02" in row_line(held).reason
    assert RELEASE in row_line(held).reason
    assert {line.outcome for line in also(held)} == {Outcome.UNUSUAL}
    assert changes_of(held) == set()
    assert held.unaccounted_seats == 0

    facts = the_facts(*lines, released=[ORGANIZATION])
    released = preview_in_words(preview_month(MARCH, [used(30)], facts, before(20)), facts)
    assert (row_line(released).outcome, row_line(released).warning) == (Outcome.UPDATED, None)
    assert changes_of(released) == {(1, 20, 30), (2, 3, 0)}


def test_no_credit_is_due_while_it_is_held() -> None:
    facts = the_facts(a_line(1, 20, effective=INVOICED))
    assert row_line(preview_in_words(preview_month(MARCH, [used(5)], facts, before(20)), facts)).outcome == "unusual"


@pytest.mark.parametrize(
    ("now", "limits", "outcome"),
    [
        pytest.param(30, HOLD, Outcome.UNCHANGED, id="what is right already is not held"),
        pytest.param(40, Limits(), Outcome.UPDATED, id="warned of and billed"),
    ],
)
def test_unusual_usage_that_is_not_held_has_a_warning(now: int, limits: Limits, outcome: Outcome) -> None:
    facts = the_facts(a_line(1, 30))
    line = row_line(preview_in_words(preview_month(MARCH, [used(now)], facts, before(20, limits)), facts))
    assert line.outcome is outcome
    assert line.warning is not None
    assert f"{now} seats used, after 20 in 2026-02" in line.warning
    assert RELEASE in line.warning


def test_usage_that_is_not_billed_is_never_unusual() -> None:
    facts = the_facts()
    trial = preview_month(MARCH, [used(500, license_type=LicenseType.TRIAL)], facts, before(None))
    assert [(line.outcome, line.warning) for line in trial.lines] == [(Outcome.TRIAL, None)]


def test_only_what_is_billed_counts_for_the_months_after_it() -> None:
    facts = the_facts()
    assert billed_in(preview_month(MARCH, [used(30)], facts, before(30))) == {ORGANIZATION: Billed(MARCH, Decimal(30))}
    assert billed_in(preview_month(MARCH, [used(0)], facts)) == {ORGANIZATION: Billed(MARCH, Decimal(0))}
    assert billed_in(preview_month(MARCH, [used(30)], facts, before(10))) == {}
