"""Previews, stored line by line, and as they were pushed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, func, insert, select

from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.warehouse.pushes import latest_push
from cw_pipeline.warehouse.tables import PreviewLineRow, PreviewRow, PushLineRow, PushRow
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Select
    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month

_LINE_COLUMNS = {field.name: getattr(PreviewLineRow, field.name) for field in fields(PreviewLine)}
"""Selected one by one: whole rows, which SQLAlchemy keeps track of, would take several times as long."""
_LARGEST_ID = 2**31 - 1
"""What an INTEGER column can hold."""


@dataclass(frozen=True)
class StoredPreview:
    """A preview as it is stored, or as it was `pushed`: with the outcomes that its lines really had.

    Attributes:
        made_at: When it was made or pushed.
        run_id: By which run.
    """

    id: int
    preview: Preview
    made_at: datetime
    run_id: str
    pushed: bool = False

    def __str__(self) -> str:
        how = "synced" if self.pushed else f"preview {self.id},"
        return f"{self.preview.month} ({how} {self.made_at:%Y-%m-%d %H:%M} UTC)"


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
    return StoredPreview(row.id, preview, made_at, run_id)


def last_previews(psa: str | BindParameter[str]) -> Select[tuple[int]]:
    """The ids of each month's last preview, as a subquery."""
    return select(func.max(PreviewRow.id)).where(PreviewRow.psa == psa).group_by(PreviewRow.month)


def latest_previews(session: Session, psa: str) -> list[Preview]:
    """The preview made last for each month that has one."""
    rows = session.scalars(select(PreviewRow).where(PreviewRow.id.in_(last_previews(psa))).order_by(PreviewRow.month))
    return [stored_preview(session, row).preview for row in rows]


def stored_preview(session: Session, row: PreviewRow) -> StoredPreview:
    """A stored preview as the rule made it."""
    preview = Preview(row.month, row.usage_seats, preview_lines(session, row.id))
    return StoredPreview(row.id, preview, row.made_at, row.run_id)


def pushed_preview(session: Session, psa: str, month: Month) -> StoredPreview | None:
    """What the last whole push of `month` carried out; None without one."""
    push = latest_push(session, psa, month)
    if push is None:
        return None
    usage_seats = session.get_one(PreviewRow, push.preview_id).usage_seats
    preview = Preview(month, usage_seats, preview_lines(session, push.preview_id, push))
    return StoredPreview(push.preview_id, preview, push.pushed_at, push.run_id, pushed=True)


def pushed_or_previewed(session: Session, psa: str, month: Month) -> StoredPreview | None:
    """What the last whole push of `month` carried out or, without one, its last preview; None without either."""
    if pushed := pushed_preview(session, psa, month):
        return pushed
    rows = select(PreviewRow).where(PreviewRow.psa == psa, PreviewRow.month == month)
    row = session.scalars(rows.order_by(PreviewRow.id.desc()).limit(1)).first()
    return stored_preview(session, row) if row else None


def preview_row(session: Session, preview_id: int) -> PreviewRow | None:
    """The preview with this id, of any company; None if there is none."""
    return session.get(PreviewRow, preview_id) if 0 < preview_id <= _LARGEST_ID else None


def looked_at_before(session: Session, preview: PreviewRow) -> StoredPreview | None:
    """The preview of the same month that people could look at before this one was pushed.

    It is the last one since the push before, if possible of another run.
    """
    pushed = select(func.max(PushRow.preview_id)).where(
        PushRow.psa == preview.psa, PushRow.month == preview.month, PushRow.preview_id < preview.id
    )
    earlier = select(PreviewRow).where(
        PreviewRow.psa == preview.psa,
        PreviewRow.month == preview.month,
        PreviewRow.id < preview.id,
        PreviewRow.id > func.coalesce(pushed.scalar_subquery(), 0),
    )
    row = session.scalar(earlier.order_by(PreviewRow.run_id == preview.run_id, PreviewRow.id.desc()).limit(1))
    return stored_preview(session, row) if row else None


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
_HAS_LINES = exists().where(PreviewLineRow.preview_id == PreviewRow.id)
_DELETE_OLD = tuple(
    statement.execution_options(synchronize_session=False)
    for statement in (
        delete(PreviewLineRow).where(PreviewLineRow.preview_id.in_(_OLD)),
        # One that has only become old since, by another run's preview, keeps its lines and is kept until the next time.
        delete(PreviewRow).where(PreviewRow.id.in_(_OLD), ~_HAS_LINES),
    )
)


def delete_old_previews(session: Session, psa: str, *, made_before: datetime) -> None:
    """Delete the previews made before this moment, except those that were pushed and the last one of each month.

    Everything else in the warehouse is kept for good.
    """
    for statement in _DELETE_OLD:
        session.execute(statement, {"psa": psa, "made_before": made_before})
