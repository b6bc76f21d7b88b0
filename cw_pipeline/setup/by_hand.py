"""What becomes of a line that people keep by hand: it is ended in ConnectWise or left, or either is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import Act, can_be_ended
from cw_pipeline.connectwise.errors import ConnectWiseError, UncertainWrite
from cw_pipeline.reports.by_hand import LineByHand
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NotChosen, UnknownChoice
from cw_pipeline.sync.agreement_facts import next_invoice_of
from cw_pipeline.sync.line_reader import addition_by_id
from cw_pipeline.sync.reading import as_line
from cw_pipeline.warehouse.by_hand import choices
from cw_pipeline.warehouse.tables import LineByHandRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cw_pipeline.sync.sync_run import SyncRun

_ACTIONS = {
    Act.END: AuditAction.END_LINE,
    Act.LEAVE: AuditAction.LEAVE_LINE,
    Act.UNDO: AuditAction.UNDO_LINE,
}


@dataclass(frozen=True)
class Chosen:
    """What became of a person's choice for a line.

    Attributes:
        line: The line, as it was before.
        done: Whether it was carried out.
        result: What became of it, in a few words.
    """

    line: LineByHand
    done: bool
    result: str


def choose(run: SyncRun, shown: Sequence[LineByHand], act: Act, ids: Collection[int]) -> list[Chosen]:
    """Have an act done about lines that were `shown`: end them in ConnectWise, leave them, or undo either.

    Raises:
        UnknownChoice: If one of the `ids` was not shown; nothing is changed.
        NotChosen: If one cannot be ended, left or taken back, or has changed since; nothing is changed.
        LockHeld: If a push is at work for ten minutes.
        ConnectWiseError: If ConnectWise cannot be read; nothing is changed.
    """
    by_id = {one.line.addition_id: one for one in shown}
    for number in ids:
        if number not in by_id:
            listed = (f"{one.line.addition_id} on {one.agreement.company_name}'s agreement" for one in shown)
            raise UnknownChoice(f"There is no line {number} that is kept by hand. Nothing was changed.", listed)
    wanted = [by_id[number] for number in dict.fromkeys(ids)]
    for one in wanted:
        _require_possible(one, act)
    with run.push_lock() as lock, run.connectwise.asking_before_writes(lock.check):
        _require_unchanged(run, wanted)
        return [_choose(run, one, act) for one in wanted]


def _require_possible(one: LineByHand, act: Act) -> None:
    number = one.line.addition_id
    why = None
    if act is Act.UNDO and one.choice is None:
        why = f"For line {number} nothing was chosen, or it has changed since, so there is nothing to undo."
    elif act is not Act.UNDO and not one.is_undecided:
        done = "ended" if one.choice is Act.END else "left"
        why = f"Line {number} is {done} already. `cw-pipeline lines undo {number}` takes that back."
    elif act is Act.END and one.last_day is not None and not can_be_ended(one.line, one.last_day):
        why = (
            f"Line {number} begins on {one.line.effective_date}, and would have to end on {one.last_day}. Set it to 0 "
            "in ConnectWise, or leave it."
        )
    if why is not None:
        raise NotChosen(f"{why} Nothing was changed.")


def _require_unchanged(run: SyncRun, wanted: Sequence[LineByHand]) -> None:
    """Make sure that the lines, what was invoiced of them, and what was chosen, are still as they were shown."""
    with run.warehouse.transaction() as session:
        chosen_at = {number: row.chosen_at for number, row in choices(session, run.psa).items()}
    agreements = run.connectwise.agreements_by_id({one.line.agreement_id for one in wanted})
    next_invoice = {one.id: next_invoice_of(one) for one in agreements.records}
    for one in wanted:
        line = one.line
        addition = addition_by_id(run, line.agreement_id, line.addition_id)
        now = as_line(line.agreement_id, addition, line.serial_number) if addition else None
        invoiced_since = next_invoice.get(line.agreement_id) != one.agreement.next_invoice_date
        chosen_since = chosen_at.get(line.addition_id) != one.chosen_at
        if now != line or line.agreement_id not in next_invoice or invoiced_since or chosen_since:
            raise NotChosen(
                f"Line {line.addition_id} on agreement {line.agreement_id}, or what was invoiced of it or chosen for "
                "it, has changed since it was shown. Nothing was changed. Look at it again with "
                "`cw-pipeline lines by-hand`."
            )


def _choose(run: SyncRun, one: LineByHand, act: Act) -> Chosen:
    if act is Act.LEAVE:
        _record(run, one, act, "done", keep=_row(run, one, act, None))
        return Chosen(one, done=True, result="left")
    if act is Act.UNDO and one.choice is Act.LEAVE:
        _record(run, one, act, "done", forget=True)
        return Chosen(one, done=True, result="no longer left")
    last_day = one.last_day if act is Act.END else one.restored_day
    ended = _row(run, one, act, last_day) if act is Act.END else None
    _record(run, one, act, "about to be sent", last_day, keep=ended)
    surely_not, result = _send(run, one, last_day)
    done = result is None
    # What was surely not ended is as it was before: nothing was chosen for it, or it was ended later.
    as_before = _row(run, one, act, one.line.cancelled_date) if ended and surely_not and one.choice else None
    forget = done if act is Act.UNDO else surely_not and as_before is None
    _record(run, one, act, result or "done", last_day, keep=as_before, forget=forget)
    return Chosen(one, done, result or (f"ends on {last_day}" if act is Act.END else _restored(one)))


def _restored(one: LineByHand) -> str:
    """What became of a line that has its last day back."""
    ends = f"ends on {one.restored_day}" if one.restored_day else "has no last day"
    if one.last_day is None or (one.restored_day and one.restored_day <= one.last_day):
        return f"{ends}, as before"
    return f"{ends}, as before: from {one.last_day + timedelta(days=1)} on it bills beside ours"


def _send(run: SyncRun, one: LineByHand, last_day: date | None) -> tuple[bool, str | None]:
    """Give a line its last day, and look whether it has it: whether it surely was not sent, and what went wrong."""
    client, line = run.connectwise, one.line
    try:
        shown = client.set_last_day(line.agreement_id, line.addition_id, last_day)
    except UncertainWrite as doubt:
        try:
            looked_at = addition_by_id(run, line.agreement_id, line.addition_id)
        except ConnectWiseError as error:
            return False, f"{doubt} {error}"
        if looked_at is None:
            return False, str(doubt)
        shown = looked_at
    except ConnectWiseError as error:
        return True, str(error)
    if shown.cancelled_date != last_day:
        return False, f"ConnectWise shows {shown.cancelled_date or 'no day'} as its last day"
    return False, None


def _row(run: SyncRun, one: LineByHand, act: Act, last_day: date | None) -> LineByHandRow:
    before = one.restored_day if one.choice is Act.END else one.line.cancelled_date
    return LineByHandRow(
        psa=run.psa,
        addition_id=one.line.addition_id,
        agreement_id=one.line.agreement_id,
        product_id=one.line.product_id,
        choice=act,
        last_day=last_day,
        last_day_before=before if act is Act.END else None,
        chosen_at=datetime.now(UTC),
    )


def _record(
    run: SyncRun,
    one: LineByHand,
    act: Act,
    result: str,
    last_day: date | None = None,
    *,
    keep: LineByHandRow | None = None,
    forget: bool = False,
) -> None:
    """Enter in the audit log what is about to be done of a line, or was, and keep or forget what was chosen for it."""
    line = one.line
    with run.warehouse.transaction() as session:
        if keep is not None:
            session.merge(keep)
        if forget:
            session.delete(session.get_one(LineByHandRow, (run.psa, line.addition_id)))
        log_action(
            session,
            _ACTIONS[act],
            f"line {line.addition_id} on agreement {line.agreement_id}",
            before={"quantity": str(line.quantity), "last_day": _text(line.cancelled_date)},
            after={"result": result, "last_day": _text(last_day)},
        )


def _text(day: date | None) -> str | None:
    return str(day) if day else None
