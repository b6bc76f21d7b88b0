"""Undoing a run: what its lines get back, what is left, and what the month is taken for afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.last_push import last_push
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.undo import Undone, undo_run
from cw_pipeline.sync.due_months import Why, unpushed_months
from cw_pipeline.sync.outdated_warehouse import RecordedPush, WarehouseOutdated
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.writer import Writer
from cw_pipeline.warehouse.tables import AuditEntry, PushRow
from cw_pipeline_tests.support.fake_msp import (
    FEBRUARY,
    MAPPED,
    MARCH,
    Msp,
    additions_of,
    agreement_id,
    company_id,
    of_the_connected_company,
)
from cw_pipeline_tests.sync.one_company import SPARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.worlds import Worlds

ONE, TWO, THREE = MAPPED


class Killed(BaseException):
    """The process is gone before what became of its writes was entered."""


def killed(_writer: Writer, attempts: Sequence[object]) -> dict[object, object]:
    if attempts:
        raise Killed
    return {}


def synced_by(msp: Msp, run_id: str, *months: Month) -> None:
    replace(msp, run=replace(msp.run, run_id=run_id)).sync(*months)


def undo(msp: Msp, asked: str, *, by: str = "undo 1", confirmed: bool = True) -> Undone:
    return undo_run(replace(msp.run, run_id=by), asked, [], confirmed=confirmed)


def results(undone: Undone) -> dict[int, str]:
    """What became of the line of each organization, with the reason if it was left."""
    places = {organization_id(place): place for place in MAPPED}
    return {
        places[undone_line.line.wrote.identity.organization_id]: str(undone_line.line.kept or undone_line.result)
        for undone_line in sorted(undone.lines, key=lambda undone_line: undone_line.line.wrote.addition_id)
    }


def quantities(msp: Msp, month: Month = MARCH) -> list[Sequence[object]]:
    return [msp.quantities(place, month) for place in MAPPED]


def due(msp: Msp) -> dict[Month, Why]:
    with msp.run.warehouse.transaction() as session:
        return unpushed_months(session, msp.run.psa, FEBRUARY, datetime(2026, 4, 1, tzinfo=UTC))


@pytest.fixture
def both(synced_on_both_databases: Msp, worlds: Worlds) -> Msp:
    """Three companies: run `first` billed 6 seats each for March, run `second` 7."""
    msp = synced_on_both_databases

    def sync_twice() -> None:
        for run_id, seats in (("first", 6), ("second", 7)):
            msp.use(seats)
            synced_by(msp, run_id, MARCH)

    worlds.reach("synced by two runs", msp, sync_twice)
    return msp


def test_each_line_gets_its_former_quantity_and_the_month_is_due(both: Msp) -> None:
    written = both.written()
    shown = undo(both, "seco", confirmed=False)
    assert (results(shown), both.written(), due(both)) == (dict.fromkeys(MAPPED, "planned"), written, {})
    undone = undo(both, "seco")
    assert (undone.run_id, undone.months, results(undone)) == ("second", [MARCH], dict.fromkeys(MAPPED, "undone"))
    assert quantities(both) == [[6]] * 3
    assert due(both) == {MARCH: Why.UNDONE}
    with both.run.warehouse.transaction() as session:
        (act,) = session.query(AuditEntry).filter_by(action="undo run")
        assert (act.subject, set((act.before or {}).values()), set((act.after or {}).values())) == (
            "second",
            {"7"},
            {"6"},
        )
    again = undo(both, "second", by="undo 2")
    assert (again.lines, again.months) == ([], [])
    assert results(undo(both, "first", by="undo 3")) == dict.fromkeys(MAPPED, "undone")
    assert quantities(both) == [[5]] * 3
    synced_by(both, "third", MARCH)
    assert (quantities(both), due(both)) == ([[7]] * 3, {})
    assert results(undo(both, "first", by="undo 4")) == dict.fromkeys(MAPPED, "changed")
    assert results(undo(both, "undo 3", by="undo 5")) == dict.fromkeys(MAPPED, "changed")


def test_a_run_that_was_undone_pushes_nothing_when_it_tries_again(both: Msp) -> None:
    undo(both, "second")
    written = both.written()
    with pytest.raises(SyncError, match="This run was undone, so it pushes nothing more"):
        synced_by(both, "second", MARCH)
    assert (both.written(), quantities(both)) == (written, [[6]] * 3)


def test_a_run_that_is_undone_after_its_preview_pushes_nothing(both: Msp) -> None:
    again = replace(both, run=replace(both.run, run_id="second"))
    both.use(8)
    again.fetch(MARCH)
    again.preview(MARCH)
    undo(both, "second")
    with pytest.raises(SyncError, match="This run was undone"):
        again.push(MARCH)
    assert quantities(both) == [[6]] * 3


def test_a_month_is_in_no_metric_while_it_is_undone(msp: Msp) -> None:
    msp = of_the_connected_company(msp)

    def last_month() -> Month | None:
        with msp.run.warehouse.transaction() as session:
            last = last_push(session)
            return last and last.month

    synced_by(msp, "before", FEBRUARY)
    synced_by(msp, "only", MARCH)
    assert last_month() == MARCH
    undo(msp, "only")
    assert last_month() == FEBRUARY
    synced_by(msp, "again", MARCH)
    assert last_month() == MARCH


def test_lines_that_the_run_created_are_set_to_0_and_used_again(msp: Msp) -> None:
    synced_by(msp, "only")
    assert results(undo(msp, "only")) == dict.fromkeys(MAPPED, "undone")
    assert quantities(msp) == [[0]] * 3
    assert msp.sync().outcomes() == ["updated"] * 3
    assert quantities(msp) == [[5]] * 3


def test_what_was_invoiced_gone_edited_or_written_since_is_named_and_left(both: Msp) -> None:
    connectwise = both.sandbox.connectwise
    connectwise.invoice(agreement_id(ONE))
    (line,) = both.lines(TWO)
    connectwise.edit_addition(agreement_id(TWO), line["id"], quantity=9)
    (line,) = both.lines(THREE)
    connectwise.delete_addition(agreement_id(THREE), line["id"])
    written = both.written()
    undone = undo(both, "second")
    assert results(undone) == {ONE: "invoiced", TWO: "edited", THREE: "gone"}
    assert all(line.reason for line in undone.lines)
    assert (undone.months, undone.left, both.written()) == ([], 3, written)
    both.use(8, TWO)
    synced_by(both, "third", MARCH)
    assert results(undo(both, "second"))[TWO] == "changed"


def test_seats_are_not_on_two_lines_when_one_of_them_is_invoiced(both: Msp) -> None:
    both.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    both.map(ONE, agreement=agreement_id(SPARE))
    synced_by(both, "moved", MARCH)
    assert both.quantities(ONE) == [0, 7]
    both.sandbox.connectwise.invoice(agreement_id(SPARE))
    undone = undo(both, "moved")
    assert [one.line.kept for one in undone.lines] == ["waiting", "invoiced"]
    assert both.quantities(ONE) == [0, 7]


def test_seats_go_back_to_the_line_that_they_came_from(both: Msp) -> None:
    both.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    synced_by(both, "moved", MARCH)
    assert both.quantities(ONE) == [0, 7]
    both.sandbox.journal.clear()
    assert undo(both, "moved").left == 0
    assert both.quantities(ONE) == [7, 0]
    sent = [entry.path for entry in both.sandbox.journal.writes("/finance/")]
    assert [int(path.rpartition("/")[2]) for path in sent] == [line["id"] for line in reversed(both.lines(ONE))]


def test_seats_wait_while_the_line_that_has_them_cannot_be_written(both: Msp) -> None:
    both.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    synced_by(both, "moved", MARCH)
    both.sandbox.faults.add(FaultKind.STATUS, method="PATCH", path=additions_of(ONE), status=400, times=1)
    undone = undo(both, "moved")
    assert [line.result.value for line in undone.lines] == ["failed", "failed"]
    assert both.quantities(ONE) == [0, 7]
    again = undo(both, "moved", by="undo 2")
    assert again.left == 0
    assert both.quantities(ONE) == [7, 0]
    assert undo(both, "moved", by="undo 3").lines == []


def test_an_undo_that_was_killed_is_not_taken_for_a_later_change(both: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    both.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    synced_by(both, "moved", MARCH)
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_enter", killed)
        with pytest.raises(Killed):
            undo(both, "moved")
    assert (both.quantities(ONE), due(both)) == ([0, 0], {MARCH: Why.UNDONE})
    assert undo(both, "moved", by="undo 2").left == 0
    assert both.quantities(ONE) == [7, 0]


def test_the_month_is_due_although_the_other_clock_is_ahead(msp: Msp) -> None:
    synced_by(msp, "only", MARCH)
    with msp.run.warehouse.transaction() as session:
        for push in session.query(PushRow):
            push.pushed_at += timedelta(hours=1)
    undo(msp, "only")
    assert due(msp)[MARCH] is Why.UNDONE
    synced_by(msp, "again", MARCH)
    assert MARCH not in due(msp)


def test_a_copy_that_the_run_set_to_0_gets_no_seats_back(both: Msp) -> None:
    both.sandbox.connectwise.copy_agreement(agreement_id(ONE))
    both.map(ONE)  # anew, so that all agreements of its company are looked through
    synced_by(both, "third", MARCH)
    assert both.quantities(ONE) == [7, 0]
    assert results(undo(both, "third")) == {ONE: "waiting"}
    assert both.quantities(ONE) == [7, 0]


@pytest.mark.parametrize("mapped", [False, True])
def test_nothing_is_added_for_an_organization_that_is_not_billed_there(both: Msp, *, mapped: bool) -> None:
    both.use(0, ONE)
    synced_by(both, "zeroed", MARCH)
    if mapped:
        both.map(ONE, company=company_id(SPARE), agreement=agreement_id(SPARE))
    else:
        both.map(ONE, bill_from=MARCH.plus(1))
    assert results(undo(both, "zeroed")) == {ONE: "not_mapped"}
    assert both.quantities(ONE) == [0]


def test_a_run_that_is_not_known_or_wrote_nothing_here_is_refused(both: Msp) -> None:
    synced_by(both, "idle", MARCH)
    elsewhere = replace(both, run=replace(both.run, psa="https://elsewhere.example|other"))
    for asked, by, sentence in (
        ("nobody", both, "There is no run nobody."),
        ("", both, "There is no run "),
        ("idle", both, "Run idle wrote nothing."),
        ("second", elsewhere, "Run second wrote to another ConnectWise company"),
    ):
        with pytest.raises(NotPossible, match=sentence):
            undo(by, asked)
    synced_by(both, "run-1 and more", MARCH)
    both.use(9)
    synced_by(both, "second too", MARCH)
    with pytest.raises(NotPossible, match="2 runs begin with seco"):
        undo(both, "seco")
    with pytest.raises(NotPossible, match="run is too short"):
        undo(both, "run")
    assert undo(both, "second").run_id == "second"


def test_a_warehouse_that_lacks_a_push_undoes_nothing(both: Msp) -> None:
    unknown = RecordedPush(MARCH, "unknown", datetime(2026, 4, 1, tzinfo=UTC))
    with pytest.raises(WarehouseOutdated):
        undo_run(both.run, "second", [unknown], confirmed=True)
    assert quantities(both) == [[7]] * 3
