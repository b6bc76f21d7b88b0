"""A person's choice for lines that are kept by hand: end them in ConnectWise, leave them, or undo either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import Act, can_be_ended
from cw_pipeline.connectwise.errors import ConnectWiseError, UncertainWrite
from cw_pipeline.reports.by_hand import LineByHand
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NotPossible, UnknownChoice
from cw_pipeline.sync.agreement_facts import next_invoice_of
from cw_pipeline.sync.line_reader import addition_by_id
from cw_pipeline.sync.read_agreements import as_line
from cw_pipeline.warehouse.by_hand import choices
from cw_pipeline.warehouse.tables import LineByHandRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.sync.sync_run import SyncRun

_ACTIONS = {Act.END: AuditAction.END_LINE, Act.LEAVE: AuditAction.LEAVE_LINE, Act.UNDO: AuditAction.UNDO_LINE}


@dataclass(frozen=True)
class Chosen:
    """What became of a person's choice for a line.

    Attributes:
        kept: The line, as it was before.
        done: Whether the choice was carried out.
        result: What became of it, in a few words.
    """

    kept: LineByHand
    done: bool
    result: str


def choose(run: SyncRun, shown: Sequence[LineByHand], act: Act, ids: Collection[int]) -> list[Chosen]:
    """End lines that were `shown` in ConnectWise, leave them, or undo either.

    Raises:
        UnknownChoice: If one of the `ids` was not shown.
        NotPossible: If one cannot be ended, left or taken back, or has changed since. Nothing was changed.
        LockLost: If the push lock is no longer ours; nothing more is changed.
        ConnectWiseError: If ConnectWise cannot be read. Lines that it does not let us change are in the result.
    """
    by_id = {kept.line.addition_id: kept for kept in shown}
    for number in ids:
        if number not in by_id:
            lines = (f"{kept.line.addition_id} on {kept.agreement.company_name}'s agreement" for kept in shown)
            raise UnknownChoice(f"There is no line {number} that is kept by hand. Nothing was changed.", lines)
    chosen = [by_id[number] for number in dict.fromkeys(ids)]
    for kept in chosen:
        _require_possible(kept, act)
    with run.push_lock() as lock, run.connectwise.asking_before_writes(lock.check):
        _require_unchanged(run, chosen)
        return [_choose(run, kept, act) for kept in chosen]


def _require_possible(kept: LineByHand, act: Act) -> None:
    number, why = kept.line.addition_id, None
    if act is Act.UNDO and kept.choice is None:
        why = f"For line {number} nothing was chosen, or it has changed since, so there is nothing to undo."
    elif act is not Act.UNDO and not kept.is_undecided:
        done = "ended" if kept.choice is Act.END else "left"
        why = f"Line {number} is {done} already. `cw-pipeline lines undo {number}` takes that back."
    elif act is Act.END and kept.last_day is not None and not can_be_ended(kept.line, kept.last_day):
        why = (
            f"Line {number} begins on {kept.line.effective_date}, and would have to end on {kept.last_day}. Set it to "
            "0 in ConnectWise, or leave it."
        )
    if why is not None:
        raise NotPossible(f"{why} Nothing was changed.")


def _require_unchanged(run: SyncRun, chosen: Sequence[LineByHand]) -> None:
    """Make sure that the lines, what was invoiced of them, and what was chosen, are still as they were shown."""
    with run.warehouse.transaction() as session:
        chosen_at = {number: row.chosen_at for number, row in choices(session, run.psa).items()}
    agreements = run.connectwise.agreements_by_id({kept.line.agreement_id for kept in chosen})
    next_invoice = {agreement.id: next_invoice_of(agreement) for agreement in agreements.records}
    for kept in chosen:
        line = kept.line
        addition = addition_by_id(run, line.agreement_id, line.addition_id)
        now = as_line(line.agreement_id, addition, line.serial_number) if addition else None
        invoiced_since = next_invoice.get(line.agreement_id) != kept.agreement.next_invoice_date
        chosen_since = chosen_at.get(line.addition_id) != kept.chosen_at
        if now != line or line.agreement_id not in next_invoice or invoiced_since or chosen_since:
            raise NotPossible(
                f"Line {line.addition_id} on agreement {line.agreement_id}, or what was invoiced of it or chosen for "
                "it, has changed since it was shown. Nothing was changed. Look at it again with "
                "`cw-pipeline lines by-hand`."
            )


def _choose(run: SyncRun, kept: LineByHand, act: Act) -> Chosen:
    """Carry out a choice; the audit log has it before and after anything is sent."""
    key = (run.psa, kept.line.addition_id)
    if act is Act.LEAVE:
        with run.warehouse.transaction() as session:
            session.merge(_row(run, kept, act))
            _log(session, kept, act, "done")
        return Chosen(kept, done=True, result="left")
    if kept.choice is Act.LEAVE:
        with run.warehouse.transaction() as session:
            session.delete(session.get_one(LineByHandRow, key))
            _log(session, kept, act, "done")
        return Chosen(kept, done=True, result="no longer left")
    last_day = kept.last_day if act is Act.END else kept.restored_day
    with run.warehouse.transaction() as session:
        if act is Act.END:
            session.merge(_row(run, kept, act, last_day))
        _log(session, kept, act, "about to be sent", last_day)
    surely_unchanged, problem = _send(run, kept, last_day)
    nothing_is_chosen = surely_unchanged and not kept.choice if act is Act.END else problem is None
    with run.warehouse.transaction() as session:
        if act is Act.END and surely_unchanged and kept.choice:
            session.merge(_row(run, kept, act, kept.line.cancelled_date))  # still ended, on a later day
        elif nothing_is_chosen:
            session.delete(session.get_one(LineByHandRow, key))
        _log(session, kept, act, problem or "done", last_day)
    return Chosen(kept, problem is None, problem or (f"ends on {last_day}" if act is Act.END else _restored(kept)))


def _restored(kept: LineByHand) -> str:
    """How a line ends that has its last day back."""
    ends = f"ends on {kept.restored_day}" if kept.restored_day else "has no last day"
    if kept.last_day is None or (kept.restored_day and kept.restored_day <= kept.last_day):
        return f"{ends}, as before"
    return f"{ends}, as before: from {kept.last_day + timedelta(days=1)} on it bills beside ours"


def _send(run: SyncRun, kept: LineByHand, last_day: date | None) -> tuple[bool, str | None]:
    """Set a line's last day: whether ConnectWise surely did not, and what went wrong."""
    client, line = run.connectwise, kept.line
    try:
        shown = client.set_last_day(line.agreement_id, line.addition_id, last_day)
    except UncertainWrite as doubt:
        try:
            read_back = addition_by_id(run, line.agreement_id, line.addition_id)
        except ConnectWiseError as error:
            return False, f"{doubt} {error}"
        if read_back is None:
            return False, str(doubt)
        shown = read_back
    except ConnectWiseError as error:
        return True, str(error)
    if shown.cancelled_date != last_day:
        return False, f"ConnectWise shows {shown.cancelled_date or 'no day'} as its last day"
    return False, None


def _row(run: SyncRun, kept: LineByHand, act: Act, last_day: date | None = None) -> LineByHandRow:
    before = kept.restored_day if kept.choice is Act.END else kept.line.cancelled_date
    return LineByHandRow(
        psa=run.psa,
        addition_id=kept.line.addition_id,
        agreement_id=kept.line.agreement_id,
        product_id=kept.line.product_id,
        choice=act,
        last_day=last_day,
        last_day_before=before if act is Act.END else None,
        chosen_at=datetime.now(UTC),
    )


def _log(session: Session, kept: LineByHand, act: Act, result: str, last_day: date | None = None) -> None:
    line = kept.line
    log_action(
        session,
        _ACTIONS[act],
        f"line {line.addition_id} on agreement {line.agreement_id}",
        before={"quantity": str(line.quantity), "last_day": line.cancelled_date and str(line.cancelled_date)},
        after={"result": result, "last_day": last_day and str(last_day)},
    )
