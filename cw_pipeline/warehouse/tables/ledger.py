"""The ledger of every write, and who may write just now."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.columns import TextColumn
from cw_pipeline.warehouse.tables.base import Base


class LedgerEntry(Base):
    """One append-only entry: an intent before a request, or what became of it."""

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "psa", "month"), Index(None, "psa", "addition_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    at: Mapped[datetime]
    run_id: Mapped[str]
    kind: Mapped[EntryKind] = mapped_column(TextColumn(EntryKind, 16))
    intent_id: Mapped[int | None] = mapped_column(ForeignKey("ledger.id"), index=True)
    month: Mapped[Month]
    organization_id: Mapped[str]
    plan: Mapped[Plan] = mapped_column(TextColumn(Plan, 16))
    serial_number: Mapped[str] = mapped_column(String(50))
    agreement_id: Mapped[int]
    product_id: Mapped[int]
    addition_id: Mapped[int | None]
    before: Mapped[Decimal]
    quantity: Mapped[Decimal]
    effective_date: Mapped[date]
    cancelled_date: Mapped[date | None]
    note: Mapped[str | None]


class LockHolderRow(Base):
    """Who holds a push lock, for those who wait; the lock itself is the database's and dies with its holder."""

    __tablename__ = "lock_holders"

    psa: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    since: Mapped[datetime]
