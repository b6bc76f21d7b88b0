"""Pushing previews: takes seats away first, adds them only when that is confirmed, and never stops at one bad line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, HELD, Outcome
from cw_pipeline.billing.writes import takes_away
from cw_pipeline.sync.choice import EVERYBODY, Choice
from cw_pipeline.sync.open_intents import settle_open_intents
from cw_pipeline.sync.previews import current_previews
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.writer import Writer
from cw_pipeline.warehouse.psa import save_right_uses
from cw_pipeline.warehouse.pushes import PushedMonth, save_push
from cw_pipeline.wording import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cw_pipeline.billing.preview import Preview, PreviewLine
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
    """Carry out the previews of `months` for the chosen organizations, month after month, under the one push lock.

    Previews that this run `made` just now are carried out as they are, unless something has changed since. A month
    whose preview is not wanted is left out.

    Raises:
        LockHeld: If another push holds the lock for ten minutes; nothing is written.
        LockLost: If the lock's connection breaks; nothing more is written.
        ConnectWiseError: If open intents cannot be settled or previews not be made anew; nothing is written.
        SyncError: If a preview does not account for every seat, or lacks a chosen organization; nothing is
            written.
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
            if not is_wanted(previews.of_months[month]):
                continue
            stuck = {whose: why for (of_month, whose), why in unsettled.items() if of_month == month}
            yield _push_month(
                run, writer, previews.of_months[month], stuck, choice=choice, settling=settling if index == 0 else 0
            )


def _push_month(
    run: SyncRun, writer: Writer, made: StoredPreview, stuck: Mapping[str, str], *, choice: Choice, settling: int
) -> PushedMonth:
    """Carry out and keep one month's push of the chosen organizations.

    The requests of the `settling` before it are counted on it, too. Nothing is written for the organizations that are
    `stuck`, with an earlier write, for the reason that it maps to.
    """
    check_seats(made.preview)
    before = run.connectwise.requests
    lines = [
        _failed(line, Outcome.UNCONFIRMED, stuck[line.organization_id])
        if line.organization_id in stuck and line.outcome not in HELD
        else line
        for line in made.preview.lines
    ]
    left_out = choice.left_out(lines)
    done = iter(_carry_out(writer, [line for line in lines if line.organization_id not in left_out]))
    pushed = tuple(line if line.organization_id in left_out else next(done) for line in lines)
    after = run.connectwise.requests
    month = PushedMonth(
        replace(made.preview, lines=pushed),
        made.id,
        settling + after.read - before.read,
        after.written - before.written,
        left_out,
    )
    with run.warehouse.transaction() as session:
        save_push(session, month, psa=run.psa, run_id=run.run_id)
        save_right_uses(session, run.psa, writer.rights)
    return month


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


def _carry_out(writer: Writer, lines: Sequence[PreviewLine]) -> tuple[PreviewLine, ...]:
    """Carry out a month's lines: first all that takes seats away, then, where all of that succeeded, what adds them."""
    taken = _carry_out_writes(writer, lines, taking_away=True)
    stuck = {line.organization_id: line for line in reversed(taken) if line.outcome in FAILED}
    waiting = [
        _failed(line, failed.outcome, reasons.waiting(failed.reason))
        if line.outcome not in FAILED
        and (failed := stuck.get(line.organization_id))
        and not all(map(takes_away, line.writes))
        else line
        for line in taken
    ]
    return tuple(_carry_out_writes(writer, waiting, taking_away=False))


def _carry_out_writes(writer: Writer, lines: Sequence[PreviewLine], *, taking_away: bool) -> list[PreviewLine]:
    """Carry out the writes of one kind of the lines that have not failed."""
    going = [line for line in lines if line.outcome not in FAILED]
    failed = writer.carry_out([one for line in going for one in line.writes if takes_away(one) is taking_away])
    return [next((_failed(line, *failed[one]) for one in line.writes if one in failed), line) for line in lines]


def _failed(line: PreviewLine, outcome: Outcome, reason: str) -> PreviewLine:
    return replace(line, outcome=outcome, reason=reason)
