"""Writes in the ledger, in batches: intents before they are sent, and their results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, insert, select
from sqlalchemy.orm import aliased

from cw_pipeline.billing.accounting import SETTLED, EntryKind
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.writes import CreateLine, SetQuantity, Write
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Intent:
    """A write that is about to be sent, or was sent, with its id in the ledger; `at` is when its batch began."""

    id: int
    at: datetime
    write: Write


@dataclass(frozen=True)
class Result:
    """What became of an intent.

    Attributes:
        note: Why, where that is not plain.
        addition_id: The id that ConnectWise gave a new line.
        quantity: What ConnectWise shows, where that is not what was intended.
    """

    intent: Intent
    kind: EntryKind
    note: str | None = None
    addition_id: int | None = None
    quantity: Decimal | None = None


def append_intents(session: Session, psa: str, run_id: str, writes: Sequence[Write]) -> list[Intent]:
    """Record that `writes` are about to be sent; returns their intents in the same order."""
    now = datetime.now(UTC)
    entry = {"psa": psa, "at": now, "run_id": run_id, "kind": EntryKind.INTENT}
    ids = session.scalars(
        insert(LedgerEntry).returning(LedgerEntry.id, sort_by_parameter_order=True),
        [entry | _columns(write) for write in writes],
        execution_options=IN_BULK,
    )
    return [Intent(intent_id, now, write) for intent_id, write in zip(ids, writes, strict=True)]


def append_results(session: Session, psa: str, run_id: str, results: Sequence[Result]) -> None:
    """Record what became of intents."""
    entry = {"psa": psa, "at": datetime.now(UTC), "run_id": run_id}
    rows: list[dict[str, object]] = []
    for result in results:
        row = _columns(result.intent.write) | entry
        row |= {"kind": result.kind, "intent_id": result.intent.id, "note": result.note}
        if result.addition_id is not None:
            row["addition_id"] = result.addition_id
        if result.quantity is not None:
            row["quantity"] = result.quantity
        rows.append(row)
    if rows:
        session.execute(insert(LedgerEntry), rows, execution_options=IN_BULK)


_RESULT = aliased(LedgerEntry)
_OPEN_INTENTS = (
    select(LedgerEntry)
    .where(
        LedgerEntry.psa == bindparam("psa"),
        LedgerEntry.kind == EntryKind.INTENT,
        ~exists().where(_RESULT.intent_id == LedgerEntry.id, _RESULT.kind.in_(SETTLED)),
    )
    .order_by(LedgerEntry.id)
)


def open_intents(session: Session, psa: str) -> list[Intent]:
    """The intents without a result, oldest first."""
    return [Intent(row.id, row.at, _write(row)) for row in session.scalars(_OPEN_INTENTS, {"psa": psa})]


def answered_ids(session: Session, psa: str) -> dict[int, int]:
    """By intent, the ids in ConnectWise's answers for new lines that it did not show as intended."""
    answers = session.execute(
        select(LedgerEntry.intent_id, LedgerEntry.addition_id).where(
            LedgerEntry.psa == psa, LedgerEntry.kind == EntryKind.UNCONFIRMED, LedgerEntry.addition_id.is_not(None)
        )
    ).tuples()
    return {intent_id: addition_id for intent_id, addition_id in answers if intent_id and addition_id}


def _columns(write: Write) -> dict[str, object]:
    is_new = isinstance(write, CreateLine)
    return {
        **vars(write.identity),
        "serial_number": write.identity.serial_number,
        "agreement_id": write.agreement_id,
        "product_id": write.product_id,
        "addition_id": None if is_new else write.addition_id,
        "before": write.before,
        "quantity": write.quantity,
        "effective_date": write.effective_date,
        "cancelled_date": write.cancelled_date if is_new else None,
        "trial": is_new and write.trial,
    }


def _write(row: LedgerEntry) -> Write:
    """The write that an intent recorded."""
    line = (Identity(row.month, row.plan, row.organization_id), row.agreement_id, row.product_id)
    first_day = row.effective_date
    if row.addition_id is None:
        return CreateLine(*line, row.quantity, first_day, row.cancelled_date or first_day, trial=bool(row.trial))
    return SetQuantity(*line, row.addition_id, row.before, row.quantity, first_day)
