"""Versions of a month that people compare: a push of it, or a preview."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.preview import Preview
from cw_pipeline.warehouse.previews import preview_lines, stored_preview
from cw_pipeline.warehouse.pushes import latest_push
from cw_pipeline.warehouse.tables import PreviewRow, PushLineRow, PushRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month

_LARGEST_ID = 2**31 - 1
"""What an INTEGER column can hold."""


@dataclass(frozen=True)
class Version:
    """A month as it was pushed, or as a preview says.

    Attributes:
        preview: Its lines; those of a push with their real outcomes.
        preview_id: The preview that this is, or that was pushed.
        made_at: When it was pushed or previewed.
    """

    preview: Preview
    preview_id: int
    made_at: datetime
    run_id: str
    pushed: bool

    def __str__(self) -> str:
        how = "synced" if self.pushed else f"preview {self.preview_id},"
        return f"{self.preview.month} ({how} {self.made_at:%Y-%m-%d %H:%M} UTC)"


def last_version(session: Session, psa: str, month: Month) -> Version | None:
    """The month's last push or, without one, its last preview; None without either."""
    if pushed := last_pushed_version(session, psa, month):
        return pushed
    rows = select(PreviewRow).where(PreviewRow.psa == psa, PreviewRow.month == month)
    row = session.scalars(rows.order_by(PreviewRow.id.desc()).limit(1)).first()
    return _previewed(session, row) if row else None


def last_pushed_version(session: Session, psa: str, month: Month) -> Version | None:
    """The month's last push; None without one."""
    push = latest_push(session, psa, month)
    if push is None:
        return None
    usage_seats = session.get_one(PreviewRow, push.preview_id).usage_seats
    preview = Preview(month, usage_seats, preview_lines(session, push.preview_id, push))
    return Version(preview, push.preview_id, push.pushed_at, push.run_id, pushed=True)


def preview_version(session: Session, psa: str, preview_id: int) -> Version | None:
    """The preview with this id; None if there is none."""
    row = session.get(PreviewRow, preview_id) if preview_id <= _LARGEST_ID else None
    return _previewed(session, row) if row and row.psa == psa else None


def looked_at_before(session: Session, preview_id: int) -> int | None:
    """The preview of the same month that people could look at before this one was pushed.

    It is the last one since the push before, if possible of another run.
    """
    this = session.get_one(PreviewRow, preview_id)
    pushed = select(func.max(PushRow.preview_id)).where(
        PushRow.psa == this.psa, PushRow.month == this.month, PushRow.preview_id < preview_id
    )
    earlier = select(PreviewRow.id).where(
        PreviewRow.psa == this.psa,
        PreviewRow.month == this.month,
        PreviewRow.id < preview_id,
        PreviewRow.id > func.coalesce(pushed.scalar_subquery(), 0),
    )
    return session.scalar(earlier.order_by(PreviewRow.run_id == this.run_id, PreviewRow.id.desc()).limit(1))


def pushed_organizations(session: Session, preview_id: int) -> set[str]:
    """The organizations that a push of this preview did not leave out."""
    pushed = select(PushLineRow.organization_id).join(PushRow, PushRow.id == PushLineRow.push_id)
    return set(session.scalars(pushed.where(PushRow.preview_id == preview_id)))


def _previewed(session: Session, row: PreviewRow) -> Version:
    return Version(stored_preview(session, row).preview, row.id, row.made_at, row.run_id, pushed=False)
