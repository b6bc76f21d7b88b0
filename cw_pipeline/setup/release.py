"""Release unusual usage: a person confirms that an organization's usage in a month's report is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import PreviewLine
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.lookup import organizations_named
from cw_pipeline.sync.previews import current_snapshot
from cw_pipeline.vocabulary import Month, plain
from cw_pipeline.warehouse.names import name_and_id
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
    """A month's unusual lines, held or with a warning, and the report that they are of."""

    month: Month
    report_id: int
    lines: tuple[PreviewLine, ...]


def unusual_month(run: SyncRun, month: Month) -> UnusualMonth:
    """The unusual usage of a month at this moment.

    Raises:
        SyncError: If the month has no usage report.
    """
    with run.push_lock() as lock:
        snapshot = current_snapshot(run, lock, [month])
    (preview,) = snapshot.previews()
    unusual = (
        in_words
        for line, in_words in zip(preview.lines, preview_in_words(preview, snapshot.facts).lines, strict=True)
        if line.outcome is Outcome.UNUSUAL or (line.warning and line.warning.unusual)
    )
    return UnusualMonth(month, snapshot.reports[month].id, tuple(unusual))


def unusual_lines(session: Session, psa: str) -> list[tuple[Month, PreviewLine]]:
    """The unusual lines of each month's latest preview, held or with a warning, each with its month."""
    return [
        (preview.month, line)
        for preview in latest_previews(session, psa)
        for line in preview.lines
        if line.outcome is Outcome.UNUSUAL or warns_of_usage(line, preview.month)
    ]


def release_lines(run: SyncRun, unusual: UnusualMonth, organizations: Iterable[str] | None) -> list[PreviewLine]:
    """Release the unusual usage that a person has looked at, of these organizations or of all; return its lines.

    The release holds for that report: if it changes, a person is asked again. Organizations are named by id or exact
    name.

    Raises:
        UnknownChoice: If no organization has such an id or exact name.
        NotPossible: If one is not unusual in the month, or none is.
    """
    month = unusual.month
    with run.warehouse.transaction() as session:
        released = {line.organization_id for line in unusual.lines}
        if organizations is not None:
            named = organizations_named(session, organizations)
            if usual := [name_and_id(organization) for organization in named if organization.id not in released]:
                raise NotPossible(f"The usage of {usual[0]} for {month} is not unusual. Nothing was released.")
            released = {organization.id for organization in named}
        if not released:
            raise NotPossible(f"No usage of {month} is unusual. Nothing was released.")
        release_usage(session, unusual.report_id, released)
        lines = [line for line in unusual.lines if line.organization_id in released]
        for organization_id in sorted(released):
            seats = {
                line.plan.value: str(plain(line.seats)) for line in lines if line.organization_id == organization_id
            }
            after = {"report": unusual.report_id, "seats": seats}
            log_action(session, AuditAction.RELEASE_LINES, f"{month} {organization_id}", after=after)
    return lines
