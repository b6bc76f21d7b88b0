"""Pushing previews: takes seats away first, adds them only when that is confirmed, and never stops at one bad line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.billing.writes import takes_away
from cw_pipeline.sync.previews import current_previews
from cw_pipeline.sync.settling import settle_open_intents
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.writes import FailedWrite, Writer
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.previews import save_push
from cw_pipeline.warehouse.rights import save_right_uses
from cw_pipeline.wording import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cw_pipeline.billing.writes import Write
    from cw_pipeline.sync.previews import Previews
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.previews import StoredPreview


@dataclass(frozen=True)
class PushedMonth:
    """What a month's push came to: the preview's lines, each with the outcome that it really had."""

    preview: Preview
    push: tables.PushRow


def push_months(run: SyncRun, months: Sequence[Month], made: Previews | None = None) -> Iterator[PushedMonth]:
    """Carry out the previews of `months`, one month after the other, under the one push lock.

    Previews that this run `made` just now are carried out as they are, unless something has changed since.

    Raises:
        LockHeld: If another push holds the lock for ten minutes; nothing is written.
        LockLost: If the lock's connection breaks; nothing more is written.
        ConnectWiseError: If open intents cannot be settled or previews not be made anew; nothing is written.
        SyncError: If a preview does not account for every seat; nothing is written.
    """
    with run.push_lock() as lock:
        read_before = run.connectwise.requests.read
        unsettled = {(one.month, one.organization_id): one.why for one in settle_open_intents(run)}
        settling = run.connectwise.requests.read - read_before
        previews = current_previews(run, lock, months, made)
        for month in months:
            check_seats(previews.of_months[month].preview)
        writer = Writer(run, lock)
        for index, month in enumerate(months):
            if previews.is_old:
                previews = current_previews(run, lock, months[index:], None)
            stuck = {whose: why for (of_month, whose), why in unsettled.items() if of_month == month}
            yield _push_month(run, writer, previews.of_months[month], stuck, settling if index == 0 else 0)


def _push_month(
    run: SyncRun, writer: Writer, made: StoredPreview, stuck: Mapping[str, str], settling: int
) -> PushedMonth:
    """Carry out and keep one month's push; the requests of the `settling` before it are counted on it, too.

    Nothing is written for the organizations that are `stuck`, for the reason beside them, with an earlier write.
    """
    check_seats(made.preview)
    before = run.connectwise.requests
    steps = [_stopped(line, stuck.get(line.organization_id)) for line in made.preview.lines]
    pushed = replace(made.preview, lines=_carry_out(writer, steps))
    after = run.connectwise.requests
    with run.warehouse.transaction() as session:
        push = save_push(
            session,
            pushed,
            psa=run.psa,
            preview_id=made.id,
            run_id=run.run_id,
            requests_read=settling + after.read - before.read,
            requests_written=after.written - before.written,
        )
        save_right_uses(session, run.psa, writer.rights)
    return PushedMonth(pushed, push)


def check_seats(preview: Preview) -> None:
    """Make sure that every seat of the usage report has an outcome.

    Raises:
        SyncError: If seats are missing or too many: a fault of this program, which must not reach an invoice.
    """
    if preview.unaccounted_seats != 0:
        msg = (
            f"The preview of {preview.month} does not account for {preview.unaccounted_seats} of {preview.usage_seats} "
            "seats. Nothing is written. This is a fault of cw_pipeline: please report it."
        )
        raise SyncError(msg)


@dataclass(frozen=True)
class _Step:
    """A preview line on its way, and why it failed if it did."""

    line: PreviewLine
    failure: FailedWrite | None = None

    def failing(self, failure: FailedWrite) -> _Step:
        line = replace(self.line, outcome=failure.outcome, reason=failure.reason)
        return _Step(line, self.failure or failure)


def _stopped(line: PreviewLine, why: str | None) -> _Step:
    step = _Step(line)
    return step if why is None or line.outcome in HELD else step.failing(FailedWrite(Outcome.UNCONFIRMED, why))


def _carry_out(writer: Writer, steps: Sequence[_Step]) -> tuple[PreviewLine, ...]:
    """Carry out a month's lines: first all that takes seats away, then, where all of that succeeded, what adds them."""
    taken = _carry_out_writes(writer, steps, taking_away=True)
    stuck: dict[str, FailedWrite] = {}
    for step in taken:
        if step.failure is not None:
            stuck.setdefault(step.line.organization_id, step.failure)
    waiting = [
        step.failing(FailedWrite(failure.outcome, reasons.waiting(failure.reason)))
        if step.failure is None and (failure := stuck.get(step.line.organization_id)) and _adds(step.line)
        else step
        for step in taken
    ]
    return tuple(step.line for step in _carry_out_writes(writer, waiting, taking_away=False))


def _carry_out_writes(writer: Writer, steps: Sequence[_Step], *, taking_away: bool) -> list[_Step]:
    """Carry out the writes of one kind of the lines that have not failed."""
    failed = writer.carry_out(
        [
            write
            for step in steps
            if step.failure is None
            for write in step.line.writes
            if takes_away(write) is taking_away
        ]
    )
    return [_after(step, failed) for step in steps]


def _after(step: _Step, failed: Mapping[Write, FailedWrite]) -> _Step:
    for write in step.line.writes:
        if write in failed:
            step = step.failing(failed[write])
    return step


def _adds(line: PreviewLine) -> bool:
    return any(not takes_away(write) for write in line.writes)
