"""Release unusual usage: a person says that what a month's report has of an organization is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import PreviewLine
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NothingToRelease
from cw_pipeline.setup.lookup import organizations_named
from cw_pipeline.sync.previews import current_snapshot
from cw_pipeline.vocabulary import Month, plain
from cw_pipeline.warehouse.previews import latest_previews
from cw_pipeline.warehouse.usage import release_usage
from cw_pipeline.wording.previews import preview_in_words
from cw_pipeline.wording.unusual_usage import warns_of_usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from cw_pipeline.sync.sync_run import SyncRun


@dataclass(frozen=True)
class UnusualMonth:
    """A month's unusual lines, held or with a warning, and the report that has them."""

    month: Month
    report_id: int
    lines: tuple[PreviewLine, ...]


def unusual_month(run: SyncRun, month: Month) -> UnusualMonth:
    """What is unusual in a month at this moment.

    Raises:
        LockHeld: If a push is at work for ten minutes.
        SyncError: If the month has no usage report.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with run.push_lock() as lock:
        snapshot = current_snapshot(run, lock, [month])
    (preview,) = snapshot.previews()
    lines = zip(preview.lines, preview_in_words(preview, snapshot.facts).lines, strict=True)
    unusual = [
        in_words
        for line, in_words in lines
        if line.outcome is Outcome.UNUSUAL or (line.warning and line.warning.unusual)
    ]
    return UnusualMonth(month, snapshot.reports[month].id, tuple(unusual))


def unusual_lines(session: Session, psa: str) -> list[tuple[Month, PreviewLine]]:
    """What is unusual in each month's latest preview, held or with a warning, each line with its month."""
    return [
        (preview.month, line)
        for preview in latest_previews(session, psa)
        for line in preview.lines
        if line.outcome is Outcome.UNUSUAL or warns_of_usage(line, preview.month)
    ]


def release_lines(run: SyncRun, unusual: UnusualMonth, organizations: Iterable[str] | None) -> list[PreviewLine]:
    """Release what was found to be `unusual`, of all its organizations or of these; what was released.

    It holds for the report in which it was found: of a changed one, a person is asked again.

    Args:
        run: Gives access to the warehouse.
        unusual: What a person has looked at.
        organizations: By id or exact name; None for all.

    Raises:
        UnknownChoice: If no organization has such an id or exact name; nothing is released.
        NothingToRelease: If one is not unusual in the month, or none is; nothing is released.
    """
    month = unusual.month
    with run.warehouse.transaction() as session:
        found = {line.organization_id for line in unusual.lines}
        if organizations is not None:
            chosen = organizations_named(session, organizations)
            if usual := [f"{one.name} ({one.id})" for one in chosen if one.id not in found]:
                raise NothingToRelease(f"The usage of {usual[0]} for {month} is not unusual. Nothing was released.")
            found = {one.id for one in chosen}
        if not found:
            raise NothingToRelease(f"No usage of {month} is unusual. Nothing was released.")
        release_usage(session, unusual.report_id, found)
        lines = [line for line in unusual.lines if line.organization_id in found]
        for organization_id in sorted(found):
            seats = {one.plan.value: str(plain(one.seats)) for one in lines if one.organization_id == organization_id}
            log_action(
                session,
                AuditAction.RELEASE_LINES,
                f"{month} {organization_id}",
                after={"report": unusual.report_id, "seats": seats},
            )
    return lines
