"""What is deleted after a time: previews that were never pushed. All else that the warehouse has is kept for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from cw_pipeline.warehouse.tables import PreviewLineRow, PreviewRow, PushRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def delete_old_previews(session: Session, psa: str, *, made_before: datetime) -> None:
    """Delete the previews made before this moment, except those that were pushed and the last one of each month."""
    last = select(func.max(PreviewRow.id)).where(PreviewRow.psa == psa).group_by(PreviewRow.month)
    old = session.scalars(
        select(PreviewRow.id)
        .outerjoin(PushRow, PushRow.preview_id == PreviewRow.id)
        .where(
            PreviewRow.psa == psa,
            PreviewRow.made_at < made_before,
            PushRow.id.is_(None),
            PreviewRow.id.not_in(last),
        )
    ).all()
    for preview_id in old:
        session.execute(delete(PreviewLineRow).where(PreviewLineRow.preview_id == preview_id))
        session.execute(delete(PreviewRow).where(PreviewRow.id == preview_id))
