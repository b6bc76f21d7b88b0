"""Undo a run: give its lines the quantities that they had before, as far as they are still open and unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.undo import UndoLine, plan_undo
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.sync.open_intents import settle_open_intents
from cw_pipeline.sync.outdated_warehouse import RecordedPush, require_up_to_date
from cw_pipeline.sync.previews import current_snapshot
from cw_pipeline.sync.writer import FailedWrite, Writer
from cw_pipeline.vocabulary import Month, plain
from cw_pipeline.warehouse.psa import save_right_uses
from cw_pipeline.warehouse.pushes import save_undone
from cw_pipeline.warehouse.runs import changed_since, is_known, runs_that_wrote, written_by
from cw_pipeline.warehouse.tables import OrganizationRow
from cw_pipeline.wording.undo import why_kept

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.writes import SetQuantity, Write
    from cw_pipeline.sync.sync_run import SyncRun

_FEWEST_CHARACTERS = 4
"""Of a run's id that is not given in full."""


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
        reason: Why the line was kept, or failed; empty otherwise.
    """

    line: UndoLine
    organization_name: str
    result: Result
    reason: str = ""


@dataclass(frozen=True)
class Undone:
    """A run that was undone, or is to be, and its lines, without those that are as they were before it."""

    run_id: str
    lines: Sequence[UndoneLine]

    @property
    def months(self) -> list[Month]:
        """The months of the lines that are undone, or are to be: they have to be pushed again."""
        return sorted({undone.line.wrote.identity.month for undone in self.lines if undone.result is not Result.KEPT})

    @property
    def left(self) -> int:
        """How many lines are left as they are, or failed."""
        return sum(undone.result in {Result.KEPT, Result.FAILED} for undone in self.lines)


def undo_run(run: SyncRun, prefix: str, recorded: Collection[RecordedPush], *, confirmed: bool) -> Undone:
    """Plan to undo the only run whose id begins with `prefix` and, if `confirmed`, do it under the same push lock.

    Lines that failed are in the result. Nothing is written if the warehouse lacks one of the pushes that are `recorded`
    outside of it.

    Raises:
        NotPossible: If no run or several begin with `prefix`, it is too short, or the run wrote nothing to the
            connected ConnectWise company.
        SyncError: If the warehouse lacks a push, or a month has no usage report; nothing is written.
        LockLost: If the push lock is no longer ours; nothing more is written.
        ConnectWiseError: If ConnectWise cannot be read; what was not confirmed is settled by the next push.
    """
    with run.warehouse.transaction() as session:
        run_id = _run_named(session, run.psa, prefix.strip())
        names = dict(session.execute(select(OrganizationRow.id, OrganizationRow.name)).tuples().all())
    require_up_to_date(run.warehouse, recorded)
    with run.push_lock() as lock:
        unsettled = settle_open_intents(run)
        with run.warehouse.transaction() as session:
            wrote = written_by(session, run.psa, run_id)
        if not wrote:
            raise NotPossible(f"Nothing that run {run_id} tried to write was written. There is nothing to undo.")
        snapshot = current_snapshot(run, lock, sorted({line.identity.month for line in wrote}))
        with run.warehouse.transaction() as session:
            changed = changed_since(session, run.psa, run_id)
        plan = plan_undo(wrote, snapshot.facts, changed=changed, unsettled=unsettled)
        writes = [line.write for line in plan if line.write]
        failed = _carry_out(run, Writer(run, lock, snapshot.known), run_id, writes) if confirmed and writes else {}

    def undone(line: UndoLine) -> UndoneLine:
        organization_id = line.wrote.identity.organization_id
        name = names.get(organization_id, organization_id)
        if line.write is None:
            return UndoneLine(line, name, Result.KEPT, why_kept(line))
        if line.write in failed:
            return UndoneLine(line, name, Result.FAILED, failed[line.write].reason)
        return UndoneLine(line, name, Result.UNDONE if confirmed else Result.PLANNED)

    return Undone(run_id, [undone(line) for line in plan])


def _run_named(session: Session, psa: str, prefix: str) -> str:
    """The only run with writes whose id begins with the prefix.

    Raises:
        NotPossible: If there is none, or several, the prefix is too short, or it wrote to another ConnectWise company.
    """
    runs = runs_that_wrote(session, prefix) if prefix else {}
    if prefix in runs:
        runs = {prefix: runs[prefix]}
    if not runs:
        if prefix and is_known(session, prefix):
            raise NotPossible(f"Run {prefix} wrote nothing. There is nothing to undo.")
        raise NotPossible(f"There is no run {prefix}. Look for it in `cw-pipeline history`.")
    if len(runs) > 1:
        raise NotPossible(f"{len(runs)} runs begin with {prefix}. Give more of the id.")
    if len(prefix) < _FEWEST_CHARACTERS and prefix not in runs:
        raise NotPossible(
            f"{prefix} is too short: a typing error could name another run. Give at least {_FEWEST_CHARACTERS} "
            "characters of the id."
        )
    ((run_id, wrote_to),) = runs.items()
    if wrote_to != psa:
        raise NotPossible(f"Run {run_id} wrote to another ConnectWise company, {wrote_to}. It is not undone here.")
    return run_id


def _carry_out(run: SyncRun, writer: Writer, run_id: str, writes: Sequence[SetQuantity]) -> dict[Write, FailedWrite]:
    """Carry out an undo; returns the writes that failed.

    That the months have to be pushed again is stored before anything is written.
    """
    with run.warehouse.transaction() as session:
        save_undone(session, run.psa, run_id, by=run.run_id, months={write.identity.month for write in writes})
        log_action(
            session,
            AuditAction.UNDO_RUN,
            run_id,
            before={_named(write): str(plain(write.before)) for write in writes},
            after={_named(write): str(plain(write.quantity)) for write in writes},
        )
    failed = writer.carry_out(writes)
    with run.warehouse.transaction() as session:
        save_right_uses(session, run.psa, writer.rights)
    return failed


def _named(write: SetQuantity) -> str:
    return f"{write.identity.serial_number} line {write.addition_id}"
