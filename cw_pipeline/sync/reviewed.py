"""Previews that a person looked at: exactly that is pushed, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.differences import differences
from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.warehouse.previews import StoredPreview, preview_row, stored_preview
from cw_pipeline.warehouse.tables import PushRow
from cw_pipeline.wording.differences import changed_since

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month


class PreviewRefused(SyncError):
    """A named preview cannot be pushed; nothing is done."""

    exit_code = USAGE_ERROR


class PreviewOutdated(SyncError):
    """A push would do something else than the preview that a person looked at says; nothing is written."""


def reviewed_previews(session: Session, psa: str, ids: Iterable[int]) -> dict[Month, StoredPreview]:
    """The previews with these ids, by month.

    Raises:
        PreviewRefused: If one does not exist or is of another ConnectWise company, if its month was pushed since it was
            made, or if two are of the same month.
    """
    found: dict[Month, StoredPreview] = {}
    for preview_id in dict.fromkeys(ids):
        row = preview_row(session, preview_id)
        if row is None:
            raise PreviewRefused(
                f"There is no preview {preview_id}: a preview that was never pushed is deleted after a year, or after "
                "the days in CW_PIPELINE_KEEP_PREVIEWS. Look at a new one with `cw-pipeline preview`."
            )
        again = f"Look at a new one with `cw-pipeline preview --month {row.month}`."
        if row.psa != psa:
            raise PreviewRefused(f"Preview {preview_id} is not of the ConnectWise company that is connected. {again}")
        if row.month in found:
            raise PreviewRefused(
                f"Previews {found[row.month].id} and {preview_id} are both of {row.month}. Name one of each month."
            )
        pushed = select(func.max(PushRow.preview_id)).where(PushRow.psa == psa, PushRow.month == row.month)
        if preview_id <= (session.scalar(pushed) or 0):
            raise PreviewRefused(f"{row.month} was pushed since preview {preview_id} was made, or by it. {again}")
        found[row.month] = stored_preview(session, row)
    return found


def require_of(months: Collection[Month], reviewed: Collection[StoredPreview]) -> None:
    """Make sure that there is a preview of each of these months, and of no other.

    Raises:
        PreviewRefused: If there is not.
    """
    for stored in reviewed:
        month = stored.preview.month
        if month not in months:
            raise PreviewRefused(
                f"Preview {stored.id} is of {month}, not of {', '.join(map(str, months))}. Name that month."
            )
    if missing := set(months) - {stored.preview.month for stored in reviewed}:
        raise PreviewRefused(f"No preview of {', '.join(map(str, sorted(missing)))} is named. Name one of each month.")


def require_unchanged(reviewed: StoredPreview, now: StoredPreview) -> None:
    """Make sure that the preview made just `now` decides what the `reviewed` one does.

    Raises:
        PreviewOutdated: If it does not, naming the lines that differ.
    """
    if changed := differences(reviewed.preview, now.preview):
        raise PreviewOutdated(changed_since(now.preview.month, reviewed.id, now.id, changed))
