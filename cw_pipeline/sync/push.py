"""Pushing previews: each write is carried out or accounted for, and a line that fails stops no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, HELD, Outcome
from cw_pipeline.billing.writes import takes_away
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline.sync.open_intents import settle_open_intents
from cw_pipeline.sync.previews import current_previews
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.writer import FailedWrite, Writer
from cw_pipeline.warehouse.psa import save_right_uses
from cw_pipeline.warehouse.pushes import PushedMonth, save_push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cw_pipeline.billing.identity import OrganizationMonth
    from cw_pipeline.billing.preview import Preview, PreviewLine
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.sync.previews import Previews
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.previews import StoredPreview


def push_months(
    run: SyncRun,
    months: Sequence[Month],
    made: Previews | None = None,
    is_wanted: Callable[[StoredPreview], bool] = lambda _preview: True,
    choice: Choice = EVERYBODY,
) -> Iterator[PushedMonth]:
    """Carry out the previews of `months` for the chosen organizations, month after month, under one push lock.

    Previews that this run just `made` are carried out as they are, unless something changed since. A month whose
    preview is not wanted is left out.

    Raises:
        LockHeld: If another push holds the lock for ten minutes; nothing is written.
        LockLost: If the lock's connection breaks; nothing more is written.
        ConnectWiseError: If open intents cannot be settled, or previews cannot be made anew; nothing is written.
        SyncError: If this run was undone, or a preview does not account for every seat, or lacks a chosen organization;
            nothing is written.
    """
    with run.push_lock() as lock:
        read_before = run.connectwise.requests.read
        unsettled = settle_open_intents(run)
        settling = run.connectwise.requests.read - read_before
        previews = current_previews(run, lock, months, made)
        for month in months:
            check_seats(previews.of_months[month].preview)
        choice.require_in(previews.of_months[month].preview for month in months)
        writer = Writer(run, lock, previews.snapshot.known)
        for index, month in enumerate(months):
            if previews.snapshot.is_old:
                previews = current_previews(run, lock, months[index:], None)
            preview = previews.of_months[month]
            if is_wanted(preview):
                yield _push_month(run, writer, preview, unsettled, choice, settling=settling)
                settling = 0


def _push_month(
    run: SyncRun,
    writer: Writer,
    stored: StoredPreview,
    unsettled: Mapping[OrganizationMonth, str],
    choice: Choice,
    *,
    settling: int,
) -> PushedMonth:
    """Carry out a month's preview for the chosen organizations, and store the push.

    Nothing is written for organizations with an `unsettled` write. The requests of `settling` are counted too.
    """
    preview, before = stored.preview, run.connectwise.requests
    check_seats(preview)
    lines: list[PreviewLine] = []
    for line in preview.lines:
        why = unsettled.get((preview.month, line.organization_id))
        is_stuck = why is not None and line.outcome not in HELD
        lines.append(replace(line, outcome=Outcome.UNCONFIRMED, reason=why) if is_stuck else line)
    left_out = choice.left_out(lines)
    going = [line for line in lines if line.organization_id not in left_out and line.outcome not in FAILED]
    failed = writer.carry_out([write for line in going for write in line.writes])
    after = run.connectwise.requests
    pushed = PushedMonth(
        replace(preview, lines=tuple(_as_carried_out(line, failed) for line in lines)),
        stored.id,
        settling + after.read - before.read,
        after.written - before.written,
        left_out,
    )
    with run.warehouse.transaction() as session:
        save_push(session, pushed, psa=run.psa, run_id=run.run_id)
        save_right_uses(session, run.psa, writer.rights)
    return pushed


def _as_carried_out(line: PreviewLine, failed: Mapping[Write, FailedWrite]) -> PreviewLine:
    """The line with what became of its writes: the first that failed counts, in the order in which they were sent."""
    writes = sorted(line.writes, key=takes_away, reverse=True)
    failure = next((failed[write] for write in writes if write in failed), None)
    return replace(line, outcome=failure.outcome, reason=failure.reason) if failure else line


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
