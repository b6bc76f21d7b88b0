"""Pushes, stored line by line, and which of them were undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import bindparam, exists, func, insert, select

from cw_pipeline.billing.outcomes import FAILED, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine, PushedPart
from cw_pipeline.billing.unusual import BILLED, Billed
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import PreviewLineRow, PushLineRow, PushRow, UndoneRunRow
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import BindParameter, ColumnElement, Select
    from sqlalchemy.orm import Session

_STORED_FIELDS = ("organization_id", "plan", "also", "outcome", "seats", "to_credit", "by_hand", "reason", "warning")
"""What is stored of a line, in columns of the same names."""


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

    preview: Preview
    preview_id: int
    requests_read: int
    requests_written: int
    left_out: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether nobody was left out."""
        return not self.left_out

    @property
    def carried_out(self) -> Preview:
        """The preview without the lines of those that were left out."""
        lines = tuple(line for line in self.preview.lines if line.organization_id not in self.left_out)
        return replace(self.preview, lines=lines)

    @property
    def failed_lines(self) -> list[PreviewLine]:
        """The lines that failed."""
        return [line for line in self.carried_out.lines if line.outcome in FAILED]

    @property
    def succeeded(self) -> bool:
        """Whether no line failed."""
        return not self.failed_lines


def save_push(session: Session, pushed: PushedMonth, *, psa: str, run_id: str) -> None:
    """Store a push as later than what was undone in its month before."""
    month = pushed.preview.month
    row = PushRow(
        psa=psa,
        month=month,
        run_id=run_id,
        preview_id=pushed.preview_id,
        pushed_at=_now_after(last_undone(session, psa).get(month)),
        succeeded=pushed.succeeded,
        whole=pushed.is_whole,
        requests_read=pushed.requests_read,
        requests_written=pushed.requests_written,
    )
    session.add(row)
    session.flush()
    lines = [
        {"push_id": row.id, "position": position, **{name: getattr(line, name) for name in _STORED_FIELDS}}
        for position, line in enumerate(pushed.preview.lines)
        if line.organization_id not in pushed.left_out
    ]
    if lines:
        session.execute(insert(PushLineRow), lines, execution_options=IN_BULK)


def save_undone(session: Session, psa: str, run_id: str, *, by: str, months: Collection[Month]) -> None:
    """Record that the run `by` is about to undo another in `months`, as later than their last pushes."""
    pushed_at = select(func.max(PushRow.pushed_at)).where(PushRow.psa == psa, PushRow.month.in_(months))
    undone_at = _now_after(session.scalar(pushed_at))
    session.add_all(
        UndoneRunRow(psa=psa, month=month, run_id=run_id, undone_by=by, undone_at=undone_at) for month in months
    )


_LAST_UNDONE = (
    select(UndoneRunRow.month, func.max(UndoneRunRow.undone_at))
    .where(UndoneRunRow.psa == bindparam("psa"))
    .group_by(UndoneRunRow.month)
)


def last_undone(session: Session, psa: str) -> dict[Month, datetime]:
    """When a run was last undone, for each month in which one was."""
    return dict(session.execute(_LAST_UNDONE, {"psa": psa}).tuples().all())


def _now_after(moment: datetime | None) -> datetime:
    """Now, or just after `moment` if the clock that recorded it was ahead of ours.

    What people accept until that time does not make the month due again.
    """
    now = datetime.now(UTC)
    return now if moment is None else max(now, moment + timedelta(microseconds=1))


def last_pushes(psa: str | BindParameter[str], *where: ColumnElement[bool]) -> Select[tuple[int]]:
    """The ids of each month's last whole push, as a subquery; a push that left organizations out does not count."""
    return select(func.max(PushRow.id)).where(PushRow.psa == psa, PushRow.whole, *where).group_by(PushRow.month)


UNDONE_SINCE = exists().where(
    UndoneRunRow.psa == PushRow.psa, UndoneRunRow.month == PushRow.month, UndoneRunRow.undone_at > PushRow.pushed_at
)
"""Whether a run of a push's month was undone after the push."""


def latest_push(session: Session, psa: str, month: Month) -> PushRow | None:
    """The last whole push of `month`; None where there is none."""
    return session.scalars(select(PushRow).where(PushRow.id.in_(last_pushes(psa, PushRow.month == month)))).first()


def pushed_organizations(session: Session, preview_id: int) -> set[str]:
    """The organizations that a push of this preview did not leave out."""
    pushed = select(PushLineRow.organization_id).join(PushRow, PushRow.id == PushLineRow.push_id)
    return set(session.scalars(pushed.where(PushRow.preview_id == preview_id)))


PushedLine: TypeAlias = tuple[Month, PushLineRow, str]
"""A line with its month and its organization's name."""


def lines_with(session: Session, psa: str, outcomes: Collection[Outcome]) -> Sequence[PushedLine]:
    """The lines with one of these outcomes in their month's last push."""
    return _latest_lines(session, psa, PushLineRow.outcome.in_(outcomes))


def warned_lines(session: Session, psa: str) -> Sequence[PushedLine]:
    """The lines with a warning in their month's last push."""
    return _latest_lines(session, psa, PushLineRow.warning.is_not(None))


def _latest_lines(session: Session, psa: str, condition: ColumnElement[bool]) -> Sequence[PushedLine]:
    previewed = (PreviewLineRow.preview_id == PushRow.preview_id) & (PreviewLineRow.position == PushLineRow.position)
    statement = (
        select(PushRow.month, PushLineRow, PreviewLineRow.organization_name)
        .join(PushLineRow, PushLineRow.push_id == PushRow.id)
        .join(PreviewLineRow, previewed)
        .where(PushRow.id.in_(last_pushes(psa)), condition)
        .order_by(PushRow.month, PushLineRow.position)
    )
    return session.execute(statement).tuples().all()


def pushed_part(session: Session, psa: str, month: Month) -> PushedPart | None:
    """How much of `month` is pushed; None unless its last push left organizations out."""
    pushes = select(PushRow).where(PushRow.psa == psa, PushRow.month == month)
    push = session.scalars(pushes.order_by(PushRow.id.desc()).limit(1)).first()
    if push is None or push.whole:
        return None

    def counted(line: type[PreviewLineRow | PushLineRow], *where: ColumnElement[bool]) -> tuple[int, Decimal]:
        sums = select(func.count(line.organization_id.distinct()), func.sum(line.seats)).where(~line.also, *where)
        organizations, seats = session.execute(sums).tuples().one()
        return organizations, seats or Decimal(0)

    organizations, seats = counted(PushLineRow, PushLineRow.push_id == push.id, PushLineRow.outcome.in_(RIGHT))
    of_organizations, of_seats = counted(
        PreviewLineRow, PreviewLineRow.preview_id == push.preview_id, PreviewLineRow.outcome.not_in(NOT_BILLED)
    )
    return PushedPart(organizations, of_organizations, seats, of_seats)


_PUSHES_BEFORE = last_pushes(
    bindparam("psa"),
    PushRow.month < bindparam("month"),
    PushRow.month >= bindparam("since"),
    PushRow.month.not_in(bindparam("but_for", expanding=True)),
)
_BILLED_LINES = (
    select(
        PushLineRow.organization_id,
        PushRow.month,
        PushLineRow.seats,
        func.row_number().over(partition_by=PushLineRow.organization_id, order_by=PushRow.month.desc()).label("rank"),
    )
    .join(PushRow, PushRow.id == PushLineRow.push_id)
    .where(PushLineRow.push_id.in_(_PUSHES_BEFORE), ~UNDONE_SINCE, ~PushLineRow.also, PushLineRow.outcome.in_(BILLED))
    .subquery()
)
_BILLED_LAST = select(_BILLED_LINES.c.organization_id, _BILLED_LINES.c.month, _BILLED_LINES.c.seats).where(
    _BILLED_LINES.c.rank == 1
)


def billed_before(session: Session, psa: str, month: Month, *, but_for: Collection[Month]) -> dict[str, Billed]:
    """By organization id, the last month that was billed in the year before `month`.

    Months in `but_for`, and those of which a run was undone since, are left out.
    """
    parameters = {"psa": psa, "month": month, "since": month.plus(-12), "but_for": list(but_for)}
    billed = session.execute(_BILLED_LAST, parameters).tuples()
    return {organization_id: Billed(of, seats) for organization_id, of, seats in billed}
