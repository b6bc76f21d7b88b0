"""Pushing one organization first: what is written, and what the month is taken for afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import PushedPart
from cw_pipeline.reports.changes import since_looked_at
from cw_pipeline.reports.last_push import last_push
from cw_pipeline.reports.month_report.report import NothingToReport, month_report
from cw_pipeline.reports.status import status
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline.sync.due_months import Why
from cw_pipeline.sync.push import push_months
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.warehouse.pushes import billed_before, lines_with
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, Msp, Pushed, additions_of, of_the_connected_company
from cw_pipeline_tests.warehouse.examples import a_line, a_write

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine

ONE, TWO, _ = MAPPED


def sync(msp: Msp, choice: Choice, *, run_id: str | None = None) -> Pushed:
    msp.fetch()
    run = replace(msp.run, run_id=run_id or msp.run.run_id)
    return Pushed(next(push_months(run, [MARCH], choice=choice)))


def only(*places: int) -> Choice:
    return Choice(frozenset(map(organization_id, places)))


def quantities(msp: Msp) -> list[list[Decimal]]:
    return [msp.quantities(place) for place in MAPPED]


def due(msp: Msp) -> dict[str, str]:
    """Why March has to be pushed, if it has."""
    return how_much(msp)[0]


def how_much(msp: Msp) -> tuple[dict[str, str], PushedPart | None]:
    """Why March is due, and how much of it is pushed."""
    found = status(msp.run.warehouse, first_month=MARCH, now=datetime(2026, 4, 1, tzinfo=UTC))
    return found.why_unpushed, found.partly_pushed.get(str(MARCH))


@pytest.fixture
def never_synced(msp: Msp) -> Msp:
    """Three companies whose organizations used 5 seats in March."""
    return of_the_connected_company(msp)


@pytest.fixture
def on_both_databases(synced_on_both_databases: Msp) -> Msp:
    """Three companies of which 5 seats are billed for March, and whose organizations use 7 now."""
    msp = of_the_connected_company(synced_on_both_databases)
    sync(msp, EVERYBODY)
    msp.use(7)
    return msp


def test_only_the_chosen_organization_is_written_and_the_month_stays_due(never_synced: Msp) -> None:
    msp = never_synced
    pushed = sync(msp, only(TWO))
    assert quantities(msp) == [[], [5], []]
    assert not pushed.month.is_whole
    assert pushed.outcomes(TWO) == ["created"]
    why, part = how_much(msp)
    assert why == {"2026-03": "only 1 of 3 organizations, 5 of 15 seats are pushed"}
    assert part == PushedPart(1, 3, Decimal(5), Decimal(15))
    with msp.run.warehouse.transaction() as session:
        assert last_push(session) is None
        assert billed_before(session, msp.run.psa, MARCH.plus(1), but_for=[]) == {}
        with pytest.raises(NothingToReport):
            month_report(session, MARCH)


def test_a_push_in_part_that_leaves_nothing_is_the_whole_push(never_synced: Msp) -> None:
    msp = never_synced
    assert not sync(msp, Choice(limit=1)).month.is_whole
    assert sorted(quantities(msp)) == [[], [], [5]]
    assert not sync(msp, Choice(limit=1)).month.is_whole
    assert sorted(quantities(msp)) == [[], [5], [5]]
    assert how_much(msp)[1] == PushedPart(2, 3, Decimal(10), Decimal(15))
    assert sync(msp, Choice(limit=1)).month.is_whole
    assert how_much(msp) == ({}, None)


def test_a_month_that_was_pushed_stays_so_where_nothing_of_it_changed(on_both_databases: Msp) -> None:
    msp = on_both_databases
    assert sync(msp, EVERYBODY).month.is_whole
    written = msp.written()
    assert sync(msp, only(ONE)).month.is_whole
    assert (msp.written(), due(msp)) == (written, {})


def test_a_push_in_part_is_not_taken_for_the_month_s(on_both_databases: Msp) -> None:
    msp = on_both_databases
    msp.sandbox.connectwise.edit_agreement(1001 + ONE, cancelledFlag=True)
    sync(msp, only(ONE, TWO), run_id="in-part")
    assert quantities(msp) == [[5], [7], [5]]
    assert due(msp) == {"2026-03": "only 1 of 3 organizations, 7 of 21 seats are pushed"}
    assert how_much(msp)[1] == PushedPart(1, 3, Decimal(7), Decimal(21))
    with msp.run.warehouse.transaction() as session:
        assert lines_with(session, msp.run.psa, {Outcome.AGREEMENT_INACTIVE}) == []
        last = last_push(session)
        assert last is not None
        assert last.billed == 15
        assert month_report(session, MARCH).run_id == msp.run.run_id


def test_only_pushed_lines_are_told_to_differ_from_the_preview(never_synced: Msp) -> None:
    msp = never_synced
    msp.fetch()
    msp.preview()
    msp.use(6, ONE, TWO)
    pushed = sync(msp, only(TWO), run_id="in-part").month
    with msp.run.warehouse.transaction() as session:
        found = since_looked_at(session, pushed.preview_id)
    assert found is not None
    assert [change.line.organization_id for change in found.changes] == [organization_id(TWO)]


def test_only_failed_lines_of_the_chosen_organizations_count(never_synced: Msp) -> None:
    msp = never_synced
    msp.sandbox.faults.add(FaultKind.STATUS, method="POST", path=additions_of(ONE), status=400, times=None)
    assert sync(msp, only(TWO)).month.succeeded
    assert not sync(msp, only(ONE)).month.succeeded
    assert due(msp) == {"2026-03": Why.FAILED}
    assert sync(msp, EVERYBODY).outcomes() == ["rejected", "unchanged", "created"]
    msp.sandbox.faults.clear()
    assert sync(msp, only(ONE)).month.is_whole
    assert due(msp) == {}


def test_an_organization_that_is_not_in_the_month_changes_nothing(never_synced: Msp) -> None:
    msp = never_synced
    msp.use(None, TWO)
    msp.map(TWO, bill_from=MARCH.plus(1))
    with pytest.raises(SyncError, match=f"{organization_id(TWO)} has neither usage nor lines in 2026-03. Nothing"):
        sync(msp, only(ONE, TWO))
    assert (msp.written(), due(msp)) == (0, {"2026-03": Why.NEVER})


def test_the_limit_counts_organizations_that_have_something_to_write() -> None:
    def line(organization: str, outcome: Outcome, *, writes: bool = False) -> PreviewLine:
        return replace(a_line(outcome, 1, organization_id=organization), writes=(a_write(1),) if writes else ())

    lines = [
        line("right", Outcome.UNCHANGED),
        line("unread", Outcome.UNCONFIRMED),
        line("first", Outcome.CREATED, writes=True),
        line("first", Outcome.ZEROED, writes=True),
        line("second", Outcome.CREATED, writes=True),
        line("held", Outcome.MOVED),
    ]
    assert Choice(limit=1).left_out(lines) == {"unread", "second"}
    assert Choice(limit=2).left_out(lines) == {"unread"}
    assert Choice(frozenset({"second", "right"}), limit=1).left_out(lines) == {"unread", "first"}
    assert Choice(frozenset({"unread"})).left_out(lines) == {"first", "second"}
    assert EVERYBODY.left_out(lines) == frozenset()
