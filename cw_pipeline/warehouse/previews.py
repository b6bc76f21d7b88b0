"""Previews and pushes, kept line by line."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import func, insert, select

from cw_pipeline.billing import preview as billing
from cw_pipeline.billing.outcomes import FAILED, Outcome
from cw_pipeline.billing.unusual import BILLED, Billed
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.pushed_part import pushed_part
from cw_pipeline.warehouse.run_writes import last_undone
from cw_pipeline.warehouse.tables import MonthErrorRow, PreviewLineRow, PreviewRow, PushLineRow, PushRow
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

_OF_A_LINE = {field.name: getattr(PreviewLineRow, field.name) for field in fields(billing.PreviewLine)}
"""The columns of a line: whole rows, which SQLAlchemy keeps track of, would take it several times as long."""
_OF_A_PUSH = ("organization_id", "plan", "also", "outcome", "seats", "to_credit", "by_hand", "reason", "warning")
"""What is stored of a line: the columns are named as the line's fields."""


@dataclass(frozen=True)
class StoredPreview:
    """A preview, and the id under which it is stored."""

    id: int
    preview: billing.Preview


def save_preview(
    session: Session,
    preview: billing.Preview,
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


def latest_previews(session: Session, psa: str) -> list[billing.Preview]:
    """The preview made last for each month that has one."""
    latest = select(func.max(PreviewRow.id)).where(PreviewRow.psa == psa).group_by(PreviewRow.month)
    rows = session.scalars(select(PreviewRow).where(PreviewRow.id.in_(latest)).order_by(PreviewRow.month))
    return [stored_preview(session, row).preview for row in rows]


def stored_preview(session: Session, row: PreviewRow) -> StoredPreview:
    """A stored preview as the rule made it, with its id."""
    return StoredPreview(row.id, billing.Preview(row.month, row.usage_seats, _lines(session, row.id)))


def _lines(session: Session, preview_id: int, pushed: PushRow | None = None) -> tuple[billing.PreviewLine, ...]:
    """The lines of a preview; where it was `pushed`, those that were not left out, each with its real outcome."""
    columns, lines = _OF_A_LINE, select().where(PreviewLineRow.preview_id == preview_id)
    if pushed is not None:
        columns = columns | {"outcome": PushLineRow.outcome, "reason": PushLineRow.reason}
        lines = lines.where(PushLineRow.push_id == pushed.id, PushLineRow.position == PreviewLineRow.position)
    found = session.execute(lines.add_columns(*columns.values()).order_by(PreviewLineRow.position))
    return tuple(billing.PreviewLine(*line) for line in found)


@dataclass(frozen=True)
class PushedMonth:
    """What a month's push came to: the preview's lines, each with the outcome that it really had.

    Attributes:
        preview: The whole preview.
        preview_id: Under which it is stored.
        requests_read: How many requests read ConnectWise.
        requests_written: How many wrote to it.
        left_out: The organizations that had something to write and were not chosen, by id.
    """

    preview: billing.Preview
    preview_id: int
    requests_read: int
    requests_written: int
    left_out: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether nobody was left out."""
        return not self.left_out

    @property
    def carried_out(self) -> billing.Preview:
        """The preview without the lines of those that were left out."""
        lines = tuple(line for line in self.preview.lines if line.organization_id not in self.left_out)
        return replace(self.preview, lines=lines)

    @property
    def failed_lines(self) -> list[billing.PreviewLine]:
        """The lines that failed."""
        return [line for line in self.carried_out.lines if line.outcome in FAILED]

    @property
    def succeeded(self) -> bool:
        """Whether no line failed."""
        return not self.failed_lines


def save_push(session: Session, pushed: PushedMonth, *, psa: str, run_id: str) -> None:
    """Store what became of a preview's lines; it counts as after what was undone before it, whatever the clocks say."""
    now, undone_at = datetime.now(UTC), last_undone(session, psa).get(pushed.preview.month)
    row = PushRow(
        psa=psa,
        month=pushed.preview.month,
        run_id=run_id,
        preview_id=pushed.preview_id,
        pushed_at=now if undone_at is None else max(now, undone_at + timedelta(microseconds=1)),
        succeeded=pushed.succeeded,
        whole=pushed.is_whole,
        requests_read=pushed.requests_read,
        requests_written=pushed.requests_written,
    )
    session.add(row)
    session.flush()
    lines = [
        {"push_id": row.id, "position": position, **{name: getattr(line, name) for name in _OF_A_PUSH}}
        for position, line in enumerate(pushed.preview.lines)
        if line.organization_id not in pushed.left_out
    ]
    if lines:
        session.execute(insert(PushLineRow), lines, execution_options=IN_BULK)


def last_pushes(psa: str, *of: ColumnElement[bool]) -> Select[tuple[int]]:
    """The ids of each month's last push, as a subquery; one that left organizations out is none of the month's."""
    return select(func.max(PushRow.id)).where(PushRow.psa == psa, PushRow.whole, *of).group_by(PushRow.month)


PushedLine: TypeAlias = tuple[Month, PushLineRow, str]
"""A line with its month and its organization's name."""


def lines_with(session: Session, psa: str, outcomes: Collection[Outcome]) -> Sequence[PushedLine]:
    """The lines that came to one of `outcomes` in their month's last push."""
    return _latest_lines(session, psa, PushLineRow.outcome.in_(outcomes))


def warned_lines(session: Session, psa: str) -> Sequence[PushedLine]:
    """The lines with which something was wrong in their month's last push."""
    return _latest_lines(session, psa, PushLineRow.warning.is_not(None))


def _latest_lines(session: Session, psa: str, wanted: ColumnElement[bool]) -> Sequence[PushedLine]:
    previewed = (PreviewLineRow.preview_id == PushRow.preview_id) & (PreviewLineRow.position == PushLineRow.position)
    statement = (
        select(PushRow.month, PushLineRow, PreviewLineRow.organization_name)
        .join(PushLineRow, PushLineRow.push_id == PushRow.id)
        .join(PreviewLineRow, previewed)
        .where(PushRow.id.in_(last_pushes(psa)), wanted)
        .order_by(PushRow.month, PushLineRow.position)
    )
    return session.execute(statement).tuples().all()


def latest_push(session: Session, psa: str, month: Month) -> PushRow | None:
    """The push that was made last for the whole of `month`; None where there is none."""
    return session.scalars(select(PushRow).where(PushRow.id.in_(last_pushes(psa, PushRow.month == month)))).first()


def pushed_lines(session: Session, push: PushRow) -> tuple[billing.PreviewLine, ...]:
    """The lines of a push's preview that it did not leave out, each with the outcome that it really had."""
    return _lines(session, push.preview_id, push)


def billed_before(session: Session, psa: str, month: Month, *, but_for: Collection[Month]) -> dict[str, Billed]:
    """By organization id, the last month that was billed in the year before `month`, leaving out those in `but_for`."""
    latest = last_pushes(psa, PushRow.month < month, PushRow.month >= month.plus(-12), PushRow.month.not_in(but_for))
    line = PushLineRow
    place = func.row_number().over(partition_by=line.organization_id, order_by=PushRow.month.desc()).label("place")
    billed = (
        select(line.organization_id, PushRow.month, line.seats, place)
        .join(PushRow, PushRow.id == line.push_id)
        .where(line.push_id.in_(latest), ~line.also, line.outcome.in_(BILLED))
        .subquery()
    )
    last = select(billed.c.organization_id, billed.c.month, billed.c.seats).where(billed.c.place == 1)
    return {organization_id: Billed(of, seats) for organization_id, of, seats in session.execute(last).tuples()}


def save_month_error(session: Session, month: Month, run_id: str, error: str) -> None:
    """Keep why `month` failed as a whole."""
    session.add(MonthErrorRow(month=month, run_id=run_id, at=datetime.now(UTC), error=error))


@dataclass(frozen=True)
class MonthReport:
    """What a run came to for one month: its lines, or the `error` for which the month failed as a whole.

    `preview_id` is that of the preview that was made, or carried out.
    """

    month: Month
    lines: tuple[billing.PreviewLine, ...] = ()
    requests_read: int = 0
    requests_written: int = 0
    error: str | None = None
    preview_id: int | None = None
    part: billing.PushedPart | None = None
    """How much of the month is pushed, where organizations were left out."""


def run_reports(session: Session, run_id: str, *, pushed: bool) -> list[MonthReport]:
    """What the run with `run_id` came to, month by month: what it `pushed`, or what it previewed.

    A month that was neither pushed nor failed is left out. A run that was tried again is reported as its last
    attempt left it, with the requests of all its attempts.
    """
    reports: dict[Month, MonthReport] = {}
    pushes: set[Month] = set()
    done_at: dict[Month, datetime] = {}
    for preview in session.scalars(select(PreviewRow).where(PreviewRow.run_id == run_id).order_by(PreviewRow.id)):
        month, before = preview.month, reports.get(preview.month, MonthReport(preview.month))
        requests_read = before.requests_read + preview.requests_read
        lines = _lines(session, preview.id)
        reports[month] = replace(before, preview_id=preview.id, lines=lines, requests_read=requests_read)
        done_at[month] = preview.made_at
    for push in session.scalars(select(PushRow).where(PushRow.run_id == run_id).order_by(PushRow.id)):
        month, before = push.month, reports.get(push.month, MonthReport(push.month))
        reports[month] = MonthReport(
            month=month,
            preview_id=push.preview_id,
            lines=pushed_lines(session, push),
            requests_read=before.requests_read + push.requests_read,
            requests_written=before.requests_written + push.requests_written,
            part=None if push.whole else pushed_part(session, push.psa, month),
        )
        done_at[month] = max(push.pushed_at, done_at.get(month, push.pushed_at))
        pushes.add(month)
    errors = select(MonthErrorRow).where(MonthErrorRow.run_id == run_id).order_by(MonthErrorRow.id)
    for error in session.scalars(errors):
        if error.month not in done_at or error.at > done_at[error.month]:
            reports[error.month] = MonthReport(error.month, error=error.error)
    reported = [one for month, one in reports.items() if one.error is not None or not pushed or month in pushes]
    return sorted(reported, key=lambda report: report.month)
