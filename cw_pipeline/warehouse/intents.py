"""Writes in the ledger: what is about to be sent, and what became of it; many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import insert

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.warehouse.tables import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.writes import Write


def append_intents(session: Session, psa: str, run_id: str, writes: Sequence[Write]) -> Sequence[LedgerEntry]:
    """Record that `writes` are about to be sent; an entry for each, in their order."""
    now = datetime.now(UTC)
    rows = [
        {
            "psa": psa,
            "at": now,
            "run_id": run_id,
            "kind": EntryKind.INTENT,
            "month": write.identity.month,
            "organization_id": write.identity.organization_id,
            "plan": write.identity.plan,
            "serial_number": write.identity.serial_number,
            "agreement_id": write.agreement_id,
            "product_id": write.product_id,
            "addition_id": None if isinstance(write, CreateLine) else write.addition_id,
            "before": write.before,
            "quantity": write.quantity,
            "effective_date": write.effective_date,
            "cancelled_date": write.cancelled_date if isinstance(write, CreateLine) else None,
        }
        for write in writes
    ]
    return session.scalars(insert(LedgerEntry).returning(LedgerEntry, sort_by_parameter_order=True), rows).all()


@dataclass(frozen=True)
class Result:
    """What became of an intent.

    Attributes:
        intent: The intent.
        kind: What became of it.
        note: Why, where that is not plain.
        addition_id: The id that ConnectWise gave a new line.
        quantity: What it shows where that is not as meant.
    """

    intent: LedgerEntry
    kind: EntryKind
    note: str | None = None
    addition_id: int | None = None
    quantity: Decimal | None = None


def append_results(session: Session, run_id: str, results: Sequence[Result]) -> None:
    """Record what became of intents."""
    now = datetime.now(UTC)
    rows = [
        {
            "psa": one.intent.psa,
            "at": now,
            "run_id": run_id,
            "kind": one.kind,
            "intent_id": one.intent.id,
            "month": one.intent.month,
            "organization_id": one.intent.organization_id,
            "plan": one.intent.plan,
            "serial_number": one.intent.serial_number,
            "agreement_id": one.intent.agreement_id,
            "product_id": one.intent.product_id,
            "addition_id": one.intent.addition_id if one.addition_id is None else one.addition_id,
            "before": one.intent.before,
            "quantity": one.intent.quantity if one.quantity is None else one.quantity,
            "effective_date": one.intent.effective_date,
            "cancelled_date": one.intent.cancelled_date,
            "note": one.note,
        }
        for one in results
    ]
    if rows:
        session.execute(insert(LedgerEntry), rows)
