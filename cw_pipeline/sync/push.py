"""Pushing previews: takes seats away first, adds them only when that is confirmed, and never stops at one bad line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from cw_pipeline.billing import reasons
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview
from cw_pipeline.sync.previews import current_previews
from cw_pipeline.sync.run import SyncError
from cw_pipeline.sync.settling import settle_open_intents
from cw_pipeline.sync.writes import Failure, Writer
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline.warehouse.previews import preview_of, save_push

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cw_pipeline.billing.balance import Write
    from cw_pipeline.billing.months import Month
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.sync.run import SyncRun

LOCK_WAIT_SECONDS = 600


@dataclass(frozen=True)
class PushedMonth:
    """What a month's push came to: the preview's lines, each with the outcome that it really had."""

    preview: Preview
    push: tables.Push


def push_months(run: SyncRun, months: Sequence[Month]) -> Iterator[PushedMonth]:
    """Carry out the previews of ``months``, one month after the other, under the one push lock.

    Raises:
        LockHeld: If another push holds the lock for ten minutes; nothing is written.
        LockLost: If the lock's connection breaks; nothing more is written.
        ConnectWiseError: If open intents cannot be settled or previews not be made anew; nothing is written.
        SyncError: If a preview does not account for every seat; nothing is written.
    """
    with push_lock(run.warehouse.engine, run.psa, wait_seconds=LOCK_WAIT_SECONDS, on_wait=run.say) as lock:
        read_before = run.connectwise.requests.read
        settle_open_intents(run)
        settling = run.connectwise.requests.read - read_before
        kept = current_previews(run, months)
        # A preview that was made anew has its own requests on it.
        read_before = run.connectwise.requests.read - settling
        previews = [preview_of(row) for row in kept]
        for preview in previews:
            check_seats(preview)
        writer = Writer(run, lock)
        for row, preview in zip(kept, previews, strict=True):
            written_before = run.connectwise.requests.written
            lines = _carry_out(run, writer, preview.lines)
            pushed = replace(preview, lines=_with_doubts(lines, writer.invoiced_meanwhile()))
            requests = run.connectwise.requests
            with run.warehouse.transaction() as session:
                push = save_push(
                    session,
                    pushed.lines,
                    preview=row,
                    run_id=run.run_id,
                    requests_read=requests.read - read_before,
                    requests_written=requests.written - written_before,
                )
            read_before = requests.read
            yield PushedMonth(pushed, push)


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


def _carry_out(run: SyncRun, writer: Writer, lines: Sequence[PreviewLine]) -> tuple[PreviewLine, ...]:
    """Carry out a month's lines, organization by organization, several organizations at a time."""
    organizations = [list(group) for _, group in groupby(lines, key=lambda line: line.organization_id)]
    with ThreadPoolExecutor(run.concurrency) as pool:
        done = pool.map(partial(_carry_out_organization, writer), organizations)
        return tuple(line for group in done for line in group)


def _carry_out_organization(writer: Writer, lines: Sequence[PreviewLine]) -> list[PreviewLine]:
    """Carry out one organization's month: what takes seats away, then, if all of that succeeded, what adds them."""
    done = [_carry_out_writes(writer, line, taking_away=True) for line in lines]
    stuck = next((failure for _, failure in done if failure), None)
    if stuck is None:
        return [_carry_out_writes(writer, line, taking_away=False)[0] for line, _ in done]
    waiting = Failure(stuck.outcome, reasons.waiting(stuck.reason))
    return [
        _failed(line, waiting) if failure is None and any(not write.takes_away for write in line.writes) else line
        for line, failure in done
    ]


def _carry_out_writes(writer: Writer, line: PreviewLine, *, taking_away: bool) -> tuple[PreviewLine, Failure | None]:
    """Carry out ``line``'s writes of one kind; the line with the outcome that it then has."""
    failures = [
        failure
        for write in line.writes
        if write.takes_away is taking_away
        if (failure := writer.carry_out(write)) is not None
    ]
    return (_failed(line, failures[0]), failures[0]) if failures else (line, None)


def _with_doubts(lines: Sequence[PreviewLine], doubtful: frozenset[Write]) -> tuple[PreviewLine, ...]:
    """The lines, unconfirmed where ConnectWise invoiced while they were written."""
    return tuple(
        _failed(line, Failure(Outcome.UNCONFIRMED, reasons.INVOICED_MEANWHILE))
        if doubtful.intersection(line.writes)
        else line
        for line in lines
    )


def _failed(line: PreviewLine, failure: Failure) -> PreviewLine:
    return replace(line, outcome=failure.outcome, reason=failure.reason)
