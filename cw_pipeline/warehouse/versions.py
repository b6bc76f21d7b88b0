"""A month as it was pushed, or as a preview of it says: what months and previews are compared by."""

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
    """A month as it was pushed, or as a preview of it says.

    Attributes:
        preview: Its lines; of a push, each with the outcome that it really had.
        preview_id: The id of its preview.
        made_at: When it was pushed or previewed.
        run_id: By which run.
        pushed: Whether it was pushed.
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
    """The month as it was pushed last or, if it never was, as it was previewed last; None if it was neither."""
    if pushed := last_pushed_version(session, psa, month):
        return pushed
    rows = select(PreviewRow).where(PreviewRow.psa == psa, PreviewRow.month == month)
    row = session.scalars(rows.order_by(PreviewRow.id.desc()).limit(1)).first()
    return _previewed(session, row) if row else None


def last_pushed_version(session: Session, psa: str, month: Month) -> Version | None:
    """The month as it was pushed last; None if it never was."""
    push = latest_push(session, psa, month)
    if push is None:
        return None
    usage_seats = session.get_one(PreviewRow, push.preview_id).usage_seats
    preview = Preview(month, usage_seats, preview_lines(session, push.preview_id, push))
    return Version(preview, push.preview_id, push.pushed_at, push.run_id, pushed=True)


def preview_version(session: Session, psa: str, preview_id: int) -> Version | None:
    """What the preview with this id says; None if there is none."""
    row = session.get(PreviewRow, preview_id) if preview_id <= _LARGEST_ID else None
    return _previewed(session, row) if row and row.psa == psa else None


def looked_at_before(session: Session, preview_id: int) -> int | None:
    """Which preview of its month people could look at before the run of this one: the last since the push before it.

    Where there is none, an earlier one of the run itself counts.
    """
    of_this = select(PreviewRow.psa, PreviewRow.month, PreviewRow.run_id).where(PreviewRow.id == preview_id)
    psa, month, run_id = session.execute(of_this).tuples().one()
    pushed = select(func.max(PushRow.preview_id)).where(
        PushRow.psa == psa, PushRow.month == month, PushRow.preview_id < preview_id
    )
    earlier = select(PreviewRow.id).where(
        PreviewRow.psa == psa,
        PreviewRow.month == month,
        PreviewRow.id < preview_id,
        PreviewRow.id > (session.scalar(pushed) or 0),
    )
    return session.scalar(earlier.order_by(PreviewRow.run_id == run_id, PreviewRow.id.desc()).limit(1))


def pushed_organizations(session: Session, preview_id: int) -> set[str]:
    """The organizations that a push of this preview did not leave out."""
    pushed = select(PushLineRow.organization_id).join(PushRow, PushRow.id == PushLineRow.push_id)
    return set(session.scalars(pushed.where(PushRow.preview_id == preview_id)))


def _previewed(session: Session, row: PreviewRow) -> Version:
    return Version(stored_preview(session, row).preview, row.id, row.made_at, row.run_id, pushed=False)
