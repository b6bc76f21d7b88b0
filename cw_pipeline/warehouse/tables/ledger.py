"""The ledger of every write, and who may write just now."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.columns import EnumColumn
from cw_pipeline.warehouse.tables.base import Base


class EntryKind(StrEnum):
    """What a ledger entry says of a write."""

    INTENT = "intent"
    """About to be sent."""
    CONFIRMED = "confirmed"
    """ConnectWise shows the intended quantity."""
    REFUSED = "refused"
    """ConnectWise refused; nothing was written."""
    NOT_DONE = "not_done"
    """Nothing was written: it was never sent, or reading back showed so."""
    UNCONFIRMED = "unconfirmed"
    """Nobody knows yet; the intent stays open until a later push settles it."""
    DOUBTFUL = "doubtful"
    """It was written while ConnectWise invoiced its period: nobody knows which quantity was billed."""
    FOUND = "found"
    """A line of ours that ConnectWise shows and that this ledger did not know."""
    REBUILT = "rebuilt"
    """The same, found by a rebuild: it may have been written before the warehouse was lost or restored."""
    INVOICED = "invoiced"
    """The agreement's next invoice date was seen to be later than the line's first day."""
    ACCEPTED = "accepted"
    """A person's word that an invoiced line billed what it shows."""
    CREDITED = "credited"
    """A person's word that a credit was issued: of an invoiced line of ``before``, ``quantity`` counts as billed."""
    GIVEN_UP = "given_up"
    """A person's word that a line's id is another line's now, and ours billed nothing: it is not known any more."""


SEEN = frozenset({EntryKind.FOUND, EntryKind.REBUILT})
PERSONS_WORD = frozenset({EntryKind.ACCEPTED, EntryKind.CREDITED, EntryKind.GIVEN_UP})


SETTLED = frozenset({EntryKind.CONFIRMED, EntryKind.REFUSED, EntryKind.NOT_DONE})


class LedgerEntry(Base):
    """One append-only entry: an intent before a request, or what became of it."""

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "psa", "month"), Index(None, "psa", "addition_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    at: Mapped[datetime]
    run_id: Mapped[str]
    kind: Mapped[EntryKind] = mapped_column(EnumColumn(EntryKind, 16))
    intent_id: Mapped[int | None] = mapped_column(ForeignKey("ledger.id"), index=True)
    month: Mapped[Month]
    organization_id: Mapped[str]
    plan: Mapped[Plan] = mapped_column(EnumColumn(Plan, 16))
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
