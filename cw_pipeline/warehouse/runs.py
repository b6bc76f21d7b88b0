"""What each run came to, what it wrote, and what changed that since."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from cw_pipeline.billing.accounting import MANUAL_KINDS, SEEN, SETTLED, EntryKind
from cw_pipeline.billing.identity import Identity, OrganizationMonth
from cw_pipeline.billing.preview import PreviewLine, PushedPart
from cw_pipeline.billing.undo import Wrote
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.previews import preview_lines
from cw_pipeline.warehouse.pushes import pushed_part
from cw_pipeline.warehouse.tables import LedgerEntry, MonthErrorRow, PreviewRow, PushRow, UndoneRunRow

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute, Session

RowT = TypeVar("RowT", PreviewRow, PushRow, MonthErrorRow)


@dataclass(frozen=True)
class MonthResult:
    """What a run came to for one month: its lines, or the `error` for which the month failed as a whole.

    `preview_id` is that of the preview that was made or carried out; `part` says how much of the month is pushed, where
    organizations were left out.
    """

    month: Month
    lines: tuple[PreviewLine, ...] = ()
    requests_read: int = 0
    requests_written: int = 0
    error: str | None = None
    preview_id: int | None = None
    part: PushedPart | None = None


def save_month_error(session: Session, month: Month, run_id: str, error: str) -> None:
    """Record why `month` failed as a whole."""
    session.add(MonthErrorRow(month=month, run_id=run_id, at=datetime.now(UTC), error=error))


def run_results(session: Session, run_id: str, *, pushed: bool) -> list[MonthResult]:
    """What a run came to, month by month: what it `pushed`, or what it previewed.

    A month that was neither pushed nor failed is left out. A run that was retried is reported as its last attempt left
    it, with the requests of all its attempts.
    """
    previews, pushes = _by_month(session, PreviewRow, run_id), _by_month(session, PushRow, run_id)
    errors = _by_month(session, MonthErrorRow, run_id)
    results: list[MonthResult] = []
    for month in sorted({*previews, *pushes, *errors}):
        made, done, failed = previews[month], pushes[month], errors[month]
        times = [preview.made_at for preview in made] + [push.pushed_at for push in done]
        if failed and (not times or failed[-1].at > max(times)):
            results.append(MonthResult(month, error=failed[-1].error))
        elif done or (made and not pushed):
            push = done[-1] if done else None
            preview_id = push.preview_id if push else made[-1].id
            result = MonthResult(
                month=month,
                lines=preview_lines(session, preview_id, push),
                requests_read=sum(attempt.requests_read for attempt in (*made, *done)),
                requests_written=sum(attempt.requests_written for attempt in done),
                preview_id=preview_id,
                part=pushed_part(session, push.psa, month) if push and not push.whole else None,
            )
            results.append(result)
    return results


def _by_month(session: Session, table: type[RowT], run_id: str) -> defaultdict[Month, list[RowT]]:
    by_month: defaultdict[Month, list[RowT]] = defaultdict(list)
    for row in session.scalars(select(table).where(table.run_id == run_id).order_by(table.id)):
        by_month[row.month].append(row)
    return by_month


def runs_that_wrote(session: Session, prefix: str) -> dict[str, str]:
    """The runs with writes in the ledger whose id, or command's own id, has this prefix; each with its company."""
    writes = select(LedgerEntry.run_id, LedgerEntry.psa).where(LedgerEntry.kind == EntryKind.INTENT)
    return dict(session.execute(writes.where(_has_prefix(LedgerEntry.run_id, prefix)).distinct()).tuples().all())


def is_known(session: Session, prefix: str) -> bool:
    """Whether a run whose id has this prefix previewed or pushed a month, failed, or is in the ledger."""
    tables = (PreviewRow, PushRow, MonthErrorRow, LedgerEntry)
    return any(
        session.scalar(select(table.run_id).where(_has_prefix(table.run_id, prefix)).limit(1)) for table in tables
    )


def _has_prefix(run_id: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    return or_(run_id.startswith(prefix, autoescape=True), run_id.contains(f" {prefix}", autoescape=True))


class RunWrites(NamedTuple):
    """How many writes of a month a run made, and of how many it is unknown whether they were carried out."""

    confirmed: int
    unknown: int


def writes_of_run(session: Session, run_id: str) -> dict[Month, RunWrites]:
    """What a run wrote, by month."""

    def count(*kinds: EntryKind) -> ColumnElement[int]:
        return func.sum(case((LedgerEntry.kind.in_(kinds), 1), else_=0))

    unknown = count(EntryKind.INTENT) - count(*SETTLED)
    rows = session.execute(
        select(LedgerEntry.month, count(EntryKind.CONFIRMED), unknown)
        .where(LedgerEntry.run_id == run_id, LedgerEntry.kind.in_({EntryKind.INTENT, *SETTLED}))
        .group_by(LedgerEntry.month)
    ).tuples()
    return {month: RunWrites(confirmed, unknown) for month, confirmed, unknown in rows}


def written_by(session: Session, psa: str, run_id: str) -> list[Wrote]:
    """The lines that a run wrote, as far as confirmed: from before its first write of each to after its last."""
    answer = aliased(LedgerEntry)
    of_intent = (LedgerEntry.month, LedgerEntry.plan, LedgerEntry.organization_id, LedgerEntry.before)
    rows = session.execute(
        select(*of_intent, answer.addition_id, answer.agreement_id, answer.quantity)
        .join(answer, and_(answer.intent_id == LedgerEntry.id, answer.kind == EntryKind.CONFIRMED))
        .where(LedgerEntry.psa == psa, LedgerEntry.run_id == run_id, LedgerEntry.kind == EntryKind.INTENT)
        .order_by(LedgerEntry.id)
    )
    wrote: dict[int, Wrote] = {}
    for month, plan, organization_id, before, addition_id, agreement_id, quantity in rows.tuples():
        if addition_id is not None:
            first = wrote[addition_id].before if addition_id in wrote else before
            identity = Identity(month, plan, organization_id)
            wrote[addition_id] = Wrote(identity, addition_id, agreement_id, first, quantity)
    return list(wrote.values())


def changed_since(session: Session, psa: str, run_id: str) -> dict[OrganizationMonth, str]:
    """The organizations' months that are not as the run left them, each with the run that changed it.

    By the ledger their lines have other quantities, or a person accepted them. What undid the run does not count, even
    if another run settled it.
    """
    answer, intent = aliased(LedgerEntry), aliased(LedgerEntry)
    whose = (LedgerEntry.month, LedgerEntry.organization_id)
    written = (
        select(*whose, func.max(answer.id))
        .join(answer, and_(answer.intent_id == LedgerEntry.id, answer.kind == EntryKind.CONFIRMED))
        .where(LedgerEntry.psa == psa, LedgerEntry.run_id == run_id, LedgerEntry.kind == EntryKind.INTENT)
        .group_by(*whose)
    )
    last = {(month, organization_id): entry for month, organization_id, entry in session.execute(written).tuples()}
    undoing = select(UndoneRunRow.undone_by).where(UndoneRunRow.psa == psa, UndoneRunRow.run_id == run_id)
    wrote = func.coalesce(intent.run_id, LedgerEntry.run_id)
    entries = session.execute(
        select(*whose, LedgerEntry.id, LedgerEntry.kind, LedgerEntry.addition_id, LedgerEntry.quantity, wrote)
        .outerjoin(intent, intent.id == LedgerEntry.intent_id)
        .where(
            LedgerEntry.psa == psa,
            LedgerEntry.month.in_({month for month, _ in last}),
            LedgerEntry.kind.in_({EntryKind.CONFIRMED, *SEEN, *MANUAL_KINDS}),
            wrote.not_in(undoing),
        )
        .order_by(LedgerEntry.id)
    )
    left: defaultdict[int | None, Decimal] = defaultdict(Decimal)
    changed: dict[tuple[OrganizationMonth, int | None], str] = {}
    for month, organization_id, entry, kind, addition_id, quantity, changed_by in entries.tuples():
        line = (month, organization_id), addition_id
        if entry <= last.get(line[0], entry):
            left[addition_id] = quantity
        elif quantity != left[addition_id] or kind in MANUAL_KINDS:
            changed[line] = changed_by
        else:
            changed.pop(line, None)
    return {whose_month: changed_by for (whose_month, _), changed_by in changed.items()}
