"""Previews, stored line by line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, func, insert, select

from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.warehouse.tables import PreviewLineRow, PreviewRow, PushLineRow, PushRow
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import BindParameter, Select
    from sqlalchemy.orm import Session

_LINE_COLUMNS = {field.name: getattr(PreviewLineRow, field.name) for field in fields(PreviewLine)}
"""Selected one by one: whole rows, which SQLAlchemy keeps track of, would take several times as long."""


@dataclass(frozen=True)
class StoredPreview:
    """A preview, and the id under which it is stored."""

    id: int
    preview: Preview


def save_preview(
    session: Session,
    preview: Preview,
    *,
    psa: str,
    run_id: str,
    made_at: datetime,
    usage_report_id: int,
    requests_read: int,
) -> StoredPreview:
    """Store a preview, and from which usage report it was made."""
    row = PreviewRow(
        psa=psa,
        month=preview.month,
        made_at=made_at,
        run_id=run_id,
        usage_report_id=usage_report_id,
        usage_seats=preview.usage_seats,
        requests_read=requests_read,
    )
    session.add(row)
    session.flush()
    lines = [vars(line) | {"preview_id": row.id, "position": position} for position, line in enumerate(preview.lines)]
    if lines:
        session.execute(insert(PreviewLineRow), lines, execution_options=IN_BULK)
    return StoredPreview(row.id, preview)


def last_previews(psa: str | BindParameter[str]) -> Select[tuple[int]]:
    """The ids of each month's last preview, as a subquery."""
    return select(func.max(PreviewRow.id)).where(PreviewRow.psa == psa).group_by(PreviewRow.month)


def latest_previews(session: Session, psa: str) -> list[Preview]:
    """The preview made last for each month that has one."""
    rows = session.scalars(select(PreviewRow).where(PreviewRow.id.in_(last_previews(psa))).order_by(PreviewRow.month))
    return [stored_preview(session, row).preview for row in rows]


def stored_preview(session: Session, row: PreviewRow) -> StoredPreview:
    """A stored preview as the rule made it."""
    return StoredPreview(row.id, Preview(row.month, row.usage_seats, preview_lines(session, row.id)))


def preview_lines(session: Session, preview_id: int, pushed: PushRow | None = None) -> tuple[PreviewLine, ...]:
    """The lines of a preview; where it was `pushed`, those that the push did not leave out, with their real outcome."""
    columns, lines = _LINE_COLUMNS, select().where(PreviewLineRow.preview_id == preview_id)
    if pushed is not None:
        columns = columns | {"outcome": PushLineRow.outcome, "reason": PushLineRow.reason}
        lines = lines.where(PushLineRow.push_id == pushed.id, PushLineRow.position == PreviewLineRow.position)
    rows = session.execute(lines.add_columns(*columns.values()).order_by(PreviewLineRow.position))
    return tuple(PreviewLine(*row) for row in rows)


_OLD = select(PreviewRow.id).where(
    PreviewRow.psa == bindparam("psa"),
    PreviewRow.made_at < bindparam("made_before"),
    ~exists().where(PushRow.preview_id == PreviewRow.id),
    PreviewRow.id.not_in(last_previews(bindparam("psa"))),
)
_DELETE_OLD = tuple(
    delete(table).where(preview_id.in_(_OLD)).execution_options(synchronize_session=False)
    for table, preview_id in ((PreviewLineRow, PreviewLineRow.preview_id), (PreviewRow, PreviewRow.id))
)


def delete_old_previews(session: Session, psa: str, *, made_before: datetime) -> None:
    """Delete the previews made before this moment, except those that were pushed and the last one of each month.

    Everything else in the warehouse is kept for good.
    """
    for statement in _DELETE_OLD:
        session.execute(statement, {"psa": psa, "made_before": made_before})
