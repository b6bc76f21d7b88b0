"""Undo a run: give its lines back the quantities that they had before, as far as they are still open and unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.undo import UndoLine, plan_undo
from cw_pipeline.billing.writes import takes_away
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NothingToUndo
from cw_pipeline.sync.open_intents import settle_open_intents
from cw_pipeline.sync.outdated_warehouse import RecordedPush, require_up_to_date
from cw_pipeline.sync.previews import current_snapshot
from cw_pipeline.sync.writer import FailedWrite, Writer
from cw_pipeline.vocabulary import Month, plain
from cw_pipeline.warehouse.psa import save_right_uses
from cw_pipeline.warehouse.pushes import save_undone
from cw_pipeline.warehouse.runs import changed_since, is_known, runs_that_wrote, written_by
from cw_pipeline.warehouse.tables import OrganizationRow
from cw_pipeline.wording import reasons
from cw_pipeline.wording.undo import why_kept

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.writes import SetQuantity, Write
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.ledger import Known
    from cw_pipeline.warehouse.lock import HeldLock

_FEWEST_CHARACTERS = 4
"""Of a run's id, where it is not given whole."""


class Result(StrEnum):
    """What became of a line of the run that is undone."""

    PLANNED = "planned"
    UNDONE = "undone"
    KEPT = "kept"
    FAILED = "failed"


@dataclass(frozen=True)
class UndoneLine:
    """A line that the run wrote.

    Attributes:
        line: What was planned for it.
        organization_name: The organization's name, or its id where it was not imported.
        result: What became of it.
        reason: Why it was left, or failed; empty otherwise.
    """

    line: UndoLine
    organization_name: str
    result: Result
    reason: str = ""


@dataclass(frozen=True)
class Undone:
    """What undoing a run comes to: its lines, without those that are as they were before it."""

    run_id: str
    lines: Sequence[UndoneLine]

    @property
    def months(self) -> list[Month]:
        """The months of the lines that are undone, or are to be: they have to be pushed again."""
        changed = {Result.PLANNED, Result.UNDONE, Result.FAILED}
        return sorted({one.line.wrote.identity.month for one in self.lines if one.result in changed})

    @property
    def left(self) -> int:
        """How many lines are left as they are, or failed."""
        return sum(one.result in {Result.KEPT, Result.FAILED} for one in self.lines)


def undo_run(run: SyncRun, asked: str, recorded: Collection[RecordedPush], *, confirmed: bool) -> Undone:
    """Plan the undoing of a run and, if that is `confirmed`, carry it out under the same push lock.

    Args:
        run: Gives access to ConnectWise and the warehouse.
        asked: The id of the run to undo, or its first characters.
        recorded: The last pushes that are recorded outside the warehouse. If it lacks one, nothing is written.
        confirmed: Whether to write.

    Raises:
        NothingToUndo: If there is no such run, or it wrote nothing to the connected ConnectWise company.
        LockHeld: If a push is at work for ten minutes; nothing is written.
        SyncError: If the warehouse lacks a push, or a month has no usage report; nothing is written.
        ConnectWiseError: If ConnectWise cannot be read; nothing is written.
    """
    with run.warehouse.transaction() as session:
        run_id = _run_named(session, run.psa, asked)
        names = dict(session.execute(select(OrganizationRow.id, OrganizationRow.name)).tuples().all())
    require_up_to_date(run.warehouse, recorded)
    with run.push_lock() as lock:
        unsettled = settle_open_intents(run)
        with run.warehouse.transaction() as session:
            wrote = written_by(session, run.psa, run_id)
        if not wrote:
            raise NothingToUndo(f"Nothing that run {run_id} tried to write was written. There is nothing to undo.")
        snapshot = current_snapshot(run, lock, sorted({one.identity.month for one in wrote}))
        with run.warehouse.transaction() as session:
            changed = changed_since(session, run.psa, run_id)
        plan = plan_undo(wrote, snapshot.facts, changed=changed, unsettled=unsettled)
        writes = [line.write for line in plan if line.write]
        failed = _carry_out(run, lock, snapshot.known, run_id, writes) if confirmed and writes else {}

    def undone(line: UndoLine) -> UndoneLine:
        organization_id = line.wrote.identity.organization_id
        name = names.get(organization_id, organization_id)
        if line.write is None:
            return UndoneLine(line, name, Result.KEPT, why_kept(line))
        if line.write in failed:
            return UndoneLine(line, name, Result.FAILED, failed[line.write].reason)
        return UndoneLine(line, name, Result.UNDONE if confirmed else Result.PLANNED)

    return Undone(run_id, [undone(line) for line in plan])


def _run_named(session: Session, psa: str, asked: str) -> str:
    """The one run with writes whose id begins so.

    Raises:
        NothingToUndo: If there is none, or several, or it wrote to another ConnectWise company.
    """
    asked = asked.strip()
    found = runs_that_wrote(session, asked) if asked else {}
    found = {asked: found[asked]} if asked in found else found
    if not found:
        known = asked and is_known(session, asked)
        raise NothingToUndo(
            f"Run {asked} wrote nothing. There is nothing to undo."
            if known
            else f"There is no run {asked}. Look for it in `cw-pipeline history`."
        )
    if len(found) > 1:
        raise NothingToUndo(f"{len(found)} runs begin with {asked}. Give more of the id.")
    if len(asked) < _FEWEST_CHARACTERS and asked not in found:
        raise NothingToUndo(f"{asked} is short for a run: a slip would undo another. Give more of the id.")
    ((run_id, wrote_to),) = found.items()
    if wrote_to != psa:
        raise NothingToUndo(f"Run {run_id} wrote to another ConnectWise company, {wrote_to}. It is not undone here.")
    return run_id


def _carry_out(
    run: SyncRun, lock: HeldLock, known: Mapping[int, Known], run_id: str, writes: Sequence[SetQuantity]
) -> dict[Write, FailedWrite]:
    """Take seats away first and add them where, in the same organization's month, all of that succeeded; what failed.

    That the months are to be pushed again is kept before anything is written.
    """
    with run.warehouse.transaction() as session:
        save_undone(session, run.psa, run_id, by=run.run_id, months={one.identity.month for one in writes})
        log_action(
            session,
            AuditAction.UNDO_RUN,
            run_id,
            before={_named(one): str(plain(one.before)) for one in writes},
            after={_named(one): str(plain(one.quantity)) for one in writes},
        )
    writer = Writer(run, lock, known)
    failed = writer.carry_out([one for one in writes if takes_away(one)])
    stuck = {(one.identity.month, one.identity.organization_id): failure for one, failure in failed.items()}
    adding = [one for one in writes if not takes_away(one)]
    for one in adding:
        if failure := stuck.get((one.identity.month, one.identity.organization_id)):
            failed[one] = FailedWrite(failure.outcome, reasons.waiting(failure.reason))
    failed |= writer.carry_out([one for one in adding if one not in failed])
    with run.warehouse.transaction() as session:
        save_right_uses(session, run.psa, writer.rights)
    return failed


def _named(write: SetQuantity) -> str:
    return f"{write.identity.serial_number} line {write.addition_id}"
