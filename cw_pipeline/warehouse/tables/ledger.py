"""The ledger of every write, and who may write now."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.columns import TextColumn
from cw_pipeline.warehouse.tables.base import Base


class LedgerEntry(Base):
    """An intent before a request, its result, or something that was seen or accepted; never changed."""

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "psa", "month"), Index(None, "psa", "addition_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    at: Mapped[datetime]
    """When it was entered."""
    run_id: Mapped[str]
    """The Dagster run, or the command with an id of its own."""
    kind: Mapped[EntryKind] = mapped_column(TextColumn(EntryKind, 16))
    """One of the [kinds of entries](#kinds-of-ledger-entries)."""
    intent_id: Mapped[int | None] = mapped_column(ForeignKey("ledger.id"), index=True)
    """The intent that this entry is the result of."""
    month: Mapped[Month]
    organization_id: Mapped[str]
    plan: Mapped[Plan] = mapped_column(TextColumn(Plan, 16))
    serial_number: Mapped[str] = mapped_column(String(50))
    """The line's serial number in ConnectWise, `NP:<month>:<B or E>:<organization id>`."""
    agreement_id: Mapped[int]
    product_id: Mapped[int]
    addition_id: Mapped[int | None]
    """The line's id in ConnectWise; empty until known."""
    before: Mapped[Decimal]
    """The quantity before; 0 for a new line."""
    quantity: Mapped[Decimal]
    """The quantity that was intended, found or accepted."""
    effective_date: Mapped[date]
    """The line's first day."""
    cancelled_date: Mapped[date | None]
    """The line's last day."""
    trial: Mapped[bool | None]
    """Whether it is a new line for a trial month, which bills nobody."""
    note: Mapped[str | None]
    """Why, where that is not plain."""


class LockHolderRow(Base):
    """Who holds a push lock, for those who wait; the lock itself is the database's and dies with its holder."""

    __tablename__ = "lock_holders"

    psa: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    """The process and its machine."""
    since: Mapped[datetime]
    """When it took the lock."""
