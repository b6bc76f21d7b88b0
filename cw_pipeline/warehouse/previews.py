"""Previews and pushes, kept line by line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from sqlalchemy import func, insert, select

from cw_pipeline.billing import preview as billing
from cw_pipeline.billing.outcomes import FAILED, Outcome
from cw_pipeline.billing.writes import Write
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import MonthErrorRow, PreviewLineRow, PreviewRow, PushLineRow, PushRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

_WRITES = TypeAdapter(tuple[Write, ...])


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
    """Store a preview, and of which usage report it was made."""
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
    lines = [
        {
            "preview_id": row.id,
            **_line(position, line),
            "organization_name": line.organization_name,
            "company_id": line.company_id,
            "agreement_id": line.agreement_id,
            "writes": _WRITES.dump_python(line.writes, mode="json"),
        }
        for position, line in enumerate(preview.lines)
    ]
    if lines:
        session.execute(insert(PreviewLineRow), lines)
    return StoredPreview(row.id, preview)


def latest_previews(session: Session, psa: str) -> list[billing.Preview]:
    """The preview made last for each month that has one."""
    latest = select(func.max(PreviewRow.id)).where(PreviewRow.psa == psa).group_by(PreviewRow.month)
    rows = session.scalars(select(PreviewRow).where(PreviewRow.id.in_(latest)).order_by(PreviewRow.month))
    return [_preview(row) for row in rows]


def _preview(row: PreviewRow) -> billing.Preview:
    """A stored preview as the rule made it."""
    return billing.Preview(
        month=row.month,
        usage_seats=row.usage_seats,
        lines=tuple(
            billing.PreviewLine(
                organization_id=line.organization_id,
                organization_name=line.organization_name,
                plan=line.plan,
                company_id=line.company_id,
                agreement_id=line.agreement_id,
                also=line.also,
                outcome=line.outcome,
                seats=line.seats,
                to_credit=line.to_credit,
                reason=line.reason,
                warning=line.warning,
                writes=_WRITES.validate_python(line.writes),
            )
            for line in row.lines
        ),
    )


def save_push(
    session: Session,
    pushed: billing.Preview,
    *,
    psa: str,
    preview_id: int,
    run_id: str,
    requests_read: int,
    requests_written: int,
) -> PushRow:
    """Store what became of a preview's lines; the push succeeded if none of them failed."""
    push = PushRow(
        psa=psa,
        month=pushed.month,
        run_id=run_id,
        preview_id=preview_id,
        pushed_at=datetime.now(UTC),
        succeeded=not any(line.outcome in FAILED for line in pushed.lines),
        requests_read=requests_read,
        requests_written=requests_written,
    )
    session.add(push)
    session.flush()
    rows = [{"push_id": push.id, **_line(position, line)} for position, line in enumerate(pushed.lines)]
    if rows:
        session.execute(insert(PushLineRow), rows)
    return push


def _line(position: int, line: billing.PreviewLine) -> dict[str, object]:
    """What is stored of a line of a preview, and of a push."""
    return {
        "position": position,
        "organization_id": line.organization_id,
        "plan": line.plan,
        "also": line.also,
        "outcome": line.outcome,
        "seats": line.seats,
        "to_credit": line.to_credit,
        "reason": line.reason,
        "warning": line.warning,
    }


def lines_with(session: Session, psa: str, outcomes: Collection[Outcome]) -> Sequence[tuple[Month, PushLineRow]]:
    """The lines, each with its month, that came to one of `outcomes` in their month's last push."""
    return session.execute(_latest_lines(psa).where(PushLineRow.outcome.in_(outcomes))).tuples().all()


def warned_lines(session: Session, psa: str) -> Sequence[tuple[Month, PushLineRow]]:
    """The lines, each with its month, with which something was wrong in their month's last push."""
    return session.execute(_latest_lines(psa).where(PushLineRow.warning.is_not(None))).tuples().all()


def _latest_lines(psa: str) -> Select[tuple[Month, PushLineRow]]:
    return (
        select(PushRow.month, PushLineRow)
        .join(PushLineRow, PushLineRow.push_id == PushRow.id)
        .where(PushRow.id.in_(_latest(psa)))
        .order_by(PushRow.month, PushLineRow.position)
    )


def _latest(psa: str) -> Select[tuple[int]]:
    return select(func.max(PushRow.id)).where(PushRow.psa == psa).group_by(PushRow.month)


def save_month_error(session: Session, month: Month, run_id: str, error: str) -> None:
    """Keep why `month` failed as a whole."""
    session.add(MonthErrorRow(month=month, run_id=run_id, at=datetime.now(UTC), error=error))


@dataclass(frozen=True)
class MonthReport:
    """What a run came to for one month: its lines, or the `error` for which the month failed as a whole."""

    month: Month
    lines: tuple[billing.PreviewLine, ...] = ()
    requests_read: int = 0
    requests_written: int = 0
    error: str | None = None


def run_reports(session: Session, run_id: str, *, pushed: bool) -> list[MonthReport]:
    """What the run with `run_id` came to, month by month: what it `pushed`, or what it previewed.

    A month that it neither pushed nor said why not is left out. A run that was tried again is reported as its last
    attempt left it, with the requests of all its attempts.
    """
    reports: dict[Month, MonthReport] = {}
    pushes: set[Month] = set()
    done_at: dict[Month, datetime] = {}
    for preview in session.scalars(select(PreviewRow).where(PreviewRow.run_id == run_id).order_by(PreviewRow.id)):
        before = reports.get(preview.month)
        reports[preview.month] = MonthReport(
            month=preview.month,
            lines=_preview(preview).lines,
            requests_read=preview.requests_read + (before.requests_read if before else 0),
        )
        done_at[preview.month] = preview.made_at
    for push in session.scalars(select(PushRow).where(PushRow.run_id == run_id).order_by(PushRow.id)):
        before = reports.get(push.month)
        previewed = _preview(session.get_one(PreviewRow, push.preview_id))
        reports[push.month] = MonthReport(
            month=push.month,
            lines=tuple(
                replace(line, outcome=pushed.outcome, reason=pushed.reason)
                for line, pushed in zip(previewed.lines, push.lines, strict=True)
            ),
            requests_read=push.requests_read + (before.requests_read if before else 0),
            requests_written=push.requests_written + (before.requests_written if before else 0),
        )
        done_at[push.month] = max(push.pushed_at, done_at.get(push.month, push.pushed_at))
        pushes.add(push.month)
    for error in session.scalars(
        select(MonthErrorRow).where(MonthErrorRow.run_id == run_id).order_by(MonthErrorRow.id)
    ):
        if error.month not in done_at or error.at > done_at[error.month]:
            reports[error.month] = MonthReport(month=error.month, error=error.error)
    told = [one for key, one in reports.items() if one.error is not None or not pushed or key in pushes]
    return sorted(told, key=lambda report: report.month)
