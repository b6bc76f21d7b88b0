"""Unusual usage over months: what it is compared with, what is written, and what a release changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cw_pipeline.billing.unusual import Limits
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.errors import NotPossible, UnknownChoice
from cw_pipeline.setup.release import release_lines, unusual_month
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.tables import ReleasedUsageRow
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, Msp
from cw_pipeline_tests.support.rows import rows_of
from cw_pipeline_tests.sync.renewals import JANUARY, MONTHS

ONE, TWO, _ = MAPPED

# sync/test_on_both_databases.py sends the same statements to PostgreSQL.
pytestmark = pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)


@pytest.fixture
def msp(since_january: Msp) -> Msp:
    """Three companies whose organizations used 5 seats since January; unusual usage is held."""
    return replace(since_january, run=replace(since_january.run, limits=Limits(hold=True)))


def release(msp: Msp, *organizations: str) -> list[str]:
    lines = release_lines(msp.run, unusual_month(msp.run, MARCH), organizations)
    return [line.organization_id for line in lines]


def test_months_that_are_synced_together_are_compared_with_each_other(msp: Msp) -> None:
    msp.use(25, ONE, month=FEBRUARY)
    msp.use(25, ONE)
    msp.fetch(*MONTHS)
    made = {stored.preview.month: stored.preview for stored in msp.preview(*reversed(MONTHS))}
    outcomes = {
        month: [line.outcome.value for line in preview.lines if line.organization_id == organization_id(ONE)]
        for month, preview in made.items()
    }
    assert outcomes == {JANUARY: ["created"], FEBRUARY: ["unusual"], MARCH: ["unusual"]}


def test_usage_is_compared_with_the_last_month_that_was_billed(msp: Msp) -> None:
    msp.use(0, ONE, month=FEBRUARY)
    february = msp.sync(JANUARY, FEBRUARY).line(ONE)
    assert february.outcome == "zero_usage"
    assert "after 5 in 2026-01" in (february.warning or "")
    assert "after none in 2026-02" in msp.sync().line(ONE).reason


def test_a_plan_that_the_month_s_reports_changed_both_ways_is_held(msp: Msp) -> None:
    msp.sync(*MONTHS)
    for plan in (Plan.ENTERPRISE, Plan.BUSINESS):
        msp.sandbox.nordpass.edit_organization(organization_id(ONE), plan=plan.value)
        msp.use(6, ONE)
        msp.fetch()
    held = msp.sync().line(ONE)
    assert held.outcome == "unusual"
    assert "changed the plan, and changed it back" in held.reason


def test_a_warning_stays_until_the_usage_is_released(msp: Msp) -> None:
    warned = replace(msp, run=replace(msp.run, limits=Limits()))
    warned.sync(JANUARY, FEBRUARY)
    warned.use(25, ONE)
    for outcome in ("created", "unchanged"):
        line = warned.sync().line(ONE)
        assert line.outcome == outcome
        assert "25 seats used, after 5 in 2026-02" in (line.warning or "")
    release(warned, organization_id(ONE))
    assert warned.sync().line(ONE).warning is None


@pytest.mark.parametrize(
    ("asked", "refused", "sentence"),
    [
        (["nobody"], UnknownChoice, "There is no organization nobody"),
        ([organization_id(ONE), organization_id(TWO)], NotPossible, "is not unusual. Nothing was released"),
    ],
    ids=["unknown", "one of two is not unusual"],
)
def test_a_release_that_is_refused_changes_nothing(
    msp: Msp, asked: list[str], refused: type[Exception], sentence: str
) -> None:
    msp.sync(JANUARY, FEBRUARY)
    msp.use(25, ONE)
    assert msp.sync().outcomes(ONE) == ["unusual"]
    with pytest.raises(refused, match=sentence):
        release(msp, *asked)
    assert rows_of(msp.run.warehouse)[ReleasedUsageRow.__tablename__] == []
    assert msp.sync().outcomes(ONE) == ["unusual"]
