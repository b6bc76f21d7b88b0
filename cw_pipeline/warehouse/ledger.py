"""The ledger: an append-only record of every write, with what was there before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.identity import Identity, Plan
from cw_pipeline.billing.months import Month
from cw_pipeline.warehouse.tables import SETTLED, EntryKind, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from decimal import Decimal

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.balance import Write


def position(session: Session, tenant: str) -> int:
    """The id of the last entry for ``tenant``; 0 where there is none."""
    return session.scalar(select(func.max(LedgerEntry.id)).where(LedgerEntry.tenant == tenant)) or 0


def append_intent(session: Session, tenant: str, run_id: str, write: Write) -> LedgerEntry:
    """Record that ``write`` is about to be sent."""
    entry = LedgerEntry(
        tenant=tenant,
        at=datetime.now(UTC),
        run_id=run_id,
        kind=EntryKind.INTENT,
        month=str(write.identity.month),
        organization_id=write.identity.organization_id,
        plan=write.identity.plan,
        serial_number=write.identity.serial_number,
        agreement_id=write.agreement_id,
        product_id=write.product_id,
        addition_id=write.addition_id,
        before=write.before,
        quantity=write.quantity,
        effective_date=write.effective_date,
        cancelled_date=write.cancelled_date,
    )
    session.add(entry)
    session.flush()
    return entry


def append_result(
    session: Session,
    intent: LedgerEntry,
    kind: EntryKind,
    *,
    run_id: str,
    addition_id: int | None = None,
    note: str | None = None,
) -> None:
    """Record what became of ``intent``; ``addition_id`` is the id that ConnectWise gave a new line."""
    session.add(
        LedgerEntry(
            tenant=intent.tenant,
            at=datetime.now(UTC),
            run_id=run_id,
            kind=kind,
            intent_id=intent.id,
            month=intent.month,
            organization_id=intent.organization_id,
            plan=intent.plan,
            serial_number=intent.serial_number,
            agreement_id=intent.agreement_id,
            product_id=intent.product_id,
            addition_id=intent.addition_id if addition_id is None else addition_id,
            before=intent.before,
            quantity=intent.quantity,
            effective_date=intent.effective_date,
            cancelled_date=intent.cancelled_date,
            note=note,
        )
    )


def open_intents(session: Session, tenant: str) -> Sequence[LedgerEntry]:
    """The intents of which nobody knows yet what became, oldest first."""
    settled = select(LedgerEntry.intent_id).where(LedgerEntry.tenant == tenant, LedgerEntry.kind.in_(SETTLED))
    return session.scalars(
        select(LedgerEntry)
        .where(LedgerEntry.tenant == tenant, LedgerEntry.kind == EntryKind.INTENT, LedgerEntry.id.not_in(settled))
        .order_by(LedgerEntry.id)
    ).all()


def agreements_with_lines(session: Session, tenant: str, months: Collection[Month]) -> set[int]:
    """The agreements to which lines for ``months`` were written, or may have been."""
    return set(
        session.scalars(
            select(LedgerEntry.agreement_id)
            .where(LedgerEntry.tenant == tenant, LedgerEntry.month.in_([str(month) for month in months]))
            .distinct()
        )
    )


def accounted_quantities(session: Session, tenant: str, months: Collection[Month]) -> dict[int, frozenset[Decimal]]:
    """For each addition, the quantity last confirmed and, where a write to it is not settled, the intended one."""
    confirmed = session.execute(
        select(LedgerEntry.addition_id, LedgerEntry.quantity)
        .where(
            LedgerEntry.tenant == tenant,
            LedgerEntry.month.in_([str(month) for month in months]),
            LedgerEntry.kind == EntryKind.CONFIRMED,
        )
        .order_by(LedgerEntry.id)
    )
    quantities = {addition_id: frozenset({quantity}) for addition_id, quantity in confirmed if addition_id is not None}
    for intent in open_intents(session, tenant):
        if intent.addition_id in quantities:
            quantities[intent.addition_id] |= {intent.quantity}
    return quantities


def known_additions(session: Session, tenant: str) -> set[int]:
    """Every addition that the ledger shows as written."""
    additions = session.scalars(
        select(LedgerEntry.addition_id)
        .where(LedgerEntry.tenant == tenant, LedgerEntry.kind == EntryKind.CONFIRMED)
        .distinct()
    )
    return {addition_id for addition_id in additions if addition_id is not None}


def identity_of(entry: LedgerEntry) -> Identity:
    """Whose seats an entry is about."""
    return Identity(Month.parse(entry.month), Plan(entry.plan), entry.organization_id)
