"""What a run wrote, what changed it since, and which runs were undone."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from cw_pipeline.billing.accounting import MANUAL_KINDS, SEEN, EntryKind
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.undo import WhoseMonth, Wrote
from cw_pipeline.warehouse.tables import LedgerEntry, MonthErrorRow, PreviewRow, PushRow, UndoneRunRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from cw_pipeline.vocabulary import Month


def runs_that_wrote(session: Session, asked: str) -> dict[str, str]:
    """The runs with writes in the ledger whose id, or whose command's own id, begins so; each with its company."""
    writes = select(LedgerEntry.run_id, LedgerEntry.psa).where(LedgerEntry.kind == EntryKind.INTENT)
    return dict(session.execute(writes.where(_begins(LedgerEntry.run_id, asked)).distinct()).tuples().all())


def is_known(session: Session, asked: str) -> bool:
    """Whether a run whose id begins so previewed a month, pushed one or failed, or is in the ledger."""
    tables = (PreviewRow, PushRow, MonthErrorRow, LedgerEntry)
    return any(session.scalar(select(one.run_id).where(_begins(one.run_id, asked)).limit(1)) for one in tables)


def _begins(run_id: InstrumentedAttribute[str], asked: str) -> ColumnElement[bool]:
    return or_(run_id.startswith(asked, autoescape=True), run_id.contains(f" {asked}", autoescape=True))


def written_by(session: Session, psa: str, run_id: str) -> list[Wrote]:
    """What a run wrote as far as that is confirmed, a line once: from before its first write to after its last."""
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


def changed_since(session: Session, psa: str, run_id: str) -> dict[WhoseMonth, str]:
    """The organizations' months to which the run wrote and that are not as it left them, each with the run that did it.

    Lines have other quantities by the ledger, or a person accepted them. What undid the run does not count, also where
    another run settled it.
    """
    answer, intent = aliased(LedgerEntry), aliased(LedgerEntry)
    whose = (LedgerEntry.month, LedgerEntry.organization_id)
    written = (
        select(*whose, func.max(answer.id))
        .join(answer, and_(answer.intent_id == LedgerEntry.id, answer.kind == EntryKind.CONFIRMED))
        .where(LedgerEntry.psa == psa, LedgerEntry.run_id == run_id, LedgerEntry.kind == EntryKind.INTENT)
        .group_by(*whose)
    )
    last = {(month, one): number for month, one, number in session.execute(written).tuples()}
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
    changed: dict[tuple[WhoseMonth, int | None], str] = {}
    for month, organization_id, number, kind, addition_id, quantity, by in entries.tuples():
        line = (month, organization_id), addition_id
        if number <= last.get(line[0], number):
            left[addition_id] = quantity
        elif quantity != left[addition_id] or kind in MANUAL_KINDS:
            changed[line] = by
        else:
            changed.pop(line, None)
    return {of: by for (of, _), by in changed.items()}


def save_undone(session: Session, psa: str, run_id: str, *, by: str, months: Collection[Month]) -> None:
    """Keep that a run is undone in these months, `by` another, before that writes.

    That counts as after their last pushes, also where the clock of a machine that pushed is ahead.
    """
    last = select(func.max(PushRow.pushed_at)).where(PushRow.psa == psa, PushRow.month.in_(months))
    now, pushed_at = datetime.now(UTC), session.scalar(last)
    undone_at = now if pushed_at is None else max(now, pushed_at + timedelta(microseconds=1))
    session.add_all(
        UndoneRunRow(psa=psa, month=month, run_id=run_id, undone_by=by, undone_at=undone_at) for month in months
    )


def last_undone(session: Session, psa: str) -> dict[Month, datetime]:
    """When a run was last undone in each month of which one was."""
    of_psa = select(UndoneRunRow.month, func.max(UndoneRunRow.undone_at)).where(UndoneRunRow.psa == psa)
    return dict(session.execute(of_psa.group_by(UndoneRunRow.month)).tuples().all())
