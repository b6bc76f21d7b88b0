"""The warehouse's tables."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from cw_pipeline.warehouse.columns import Exact, UtcDateTime


class Base(DeclarativeBase):
    """The base of every table; constraints are named, so that migrations can change them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Decimal: Exact,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        list[int]: JSON,
        list[str]: JSON,
    }


class Integration(Base):
    """The one ConnectWise company that this deployment is connected to, and how far the set-up has come."""

    __tablename__ = "integration"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    site_url: Mapped[str]
    company_id: Mapped[str]
    state: Mapped[str]
    connected_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """When the products that the plans are billed as last changed."""


class ImportSelection(Base):
    """The company types and statuses that were last chosen for the import; empty means all."""

    __tablename__ = "import_selection"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    type_ids: Mapped[list[int]]
    status_ids: Mapped[list[int]]
    chosen_at: Mapped[datetime]


class Company(Base):
    """An imported ConnectWise company; ``gone_at`` is set when an import no longer finds it."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identifier: Mapped[str]
    name: Mapped[str]
    status: Mapped[str | None]
    types: Mapped[list[str]]
    imported_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class Agreement(Base):
    """An imported ConnectWise agreement, for choosing; previews read agreements anew."""

    __tablename__ = "agreements"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    company_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str]
    status: Mapped[str]
    billing_cycle: Mapped[str | None]
    parent_agreement_id: Mapped[int | None]
    bill_start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    next_invoice_date: Mapped[date | None]
    imported_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class Product(Base):
    """A ConnectWise catalog item that a plan is or was mapped to."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identifier: Mapped[str]
    description: Mapped[str]
    price: Mapped[Decimal | None]
    cost: Mapped[Decimal | None]


class Organization(Base):
    """A NordPass organization; ``gone_at`` is set when NordPass no longer lists it."""

    __tablename__ = "organizations"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    plan: Mapped[str]
    license_type: Mapped[str]
    status: Mapped[str]
    msp_managed: Mapped[bool]
    fetched_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class ProductMapping(Base):
    """The product a plan is mapped to; it bills only what was confirmed."""

    __tablename__ = "product_mappings"

    plan: Mapped[str] = mapped_column(String(16), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    confirmed_product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id"))
    mapped_at: Mapped[datetime]


class CompanyMapping(Base):
    """A company and one of its agreements, mapped to an organization."""

    __tablename__ = "company_mappings"

    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"), primary_key=True, autoincrement=False)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreements.id"))
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), unique=True)
    bill_from: Mapped[str] = mapped_column(String(7))
    mapped_at: Mapped[datetime]


class UsageReport(Base):
    """A month's usage as NordPass reported it, kept for good; a changed report is a new row."""

    __tablename__ = "usage_reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[str] = mapped_column(String(7), index=True)
    generated_at: Mapped[datetime]
    fetched_at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(String(64))
    seats: Mapped[int]
    rows: Mapped[list[UsageRow]] = relationship(order_by="UsageRow.organization_id", lazy="selectin")


class UsageRow(Base):
    """One organization's usage in a report."""

    __tablename__ = "usage_rows"

    report_id: Mapped[int] = mapped_column(ForeignKey("usage_reports.id"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    organization_name: Mapped[str]
    plan: Mapped[str]
    license_type: Mapped[str]
    msp_managed: Mapped[bool]
    seats: Mapped[int]


class Preview(Base):
    """A month's preview and what it was decided on."""

    __tablename__ = "previews"

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    month: Mapped[str] = mapped_column(String(7), index=True)
    made_at: Mapped[datetime]
    run_id: Mapped[str]
    usage_report_id: Mapped[int] = mapped_column(ForeignKey("usage_reports.id"))
    mappings_fingerprint: Mapped[str] = mapped_column(String(64))
    ledger_position: Mapped[int]
    """The ledger's last entry when the lines were read: a later entry makes the preview stale."""
    usage_seats: Mapped[int]
    requests_read: Mapped[int]
    lines: Mapped[list[PreviewLine]] = relationship(order_by="PreviewLine.position", lazy="selectin")


class PreviewLine(Base):
    """One line of a preview; ``writes`` are its intended requests."""

    __tablename__ = "preview_lines"

    preview_id: Mapped[int] = mapped_column(ForeignKey("previews.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[str]
    organization_name: Mapped[str]
    plan: Mapped[str]
    company_id: Mapped[int | None]
    agreement_id: Mapped[int | None]
    beside: Mapped[bool]
    outcome: Mapped[str]
    seats: Mapped[Decimal]
    to_credit: Mapped[Decimal | None]
    reason: Mapped[str]
    writes: Mapped[list[Any]]


class Push(Base):
    """A month's push, and whether every line of it came out right or held."""

    __tablename__ = "pushes"

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    month: Mapped[str] = mapped_column(String(7), index=True)
    run_id: Mapped[str]
    preview_id: Mapped[int] = mapped_column(ForeignKey("previews.id"))
    pushed_at: Mapped[datetime]
    succeeded: Mapped[bool]
    requests_read: Mapped[int]
    requests_written: Mapped[int]
    lines: Mapped[list[PushLine]] = relationship(order_by="PushLine.position", lazy="selectin")


class PushLine(Base):
    """What became of one preview line in a push."""

    __tablename__ = "push_lines"

    push_id: Mapped[int] = mapped_column(ForeignKey("pushes.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[str]
    plan: Mapped[str]
    beside: Mapped[bool]
    outcome: Mapped[str]
    seats: Mapped[Decimal]
    to_credit: Mapped[Decimal | None]
    reason: Mapped[str]


class MonthError(Base):
    """Why a month failed as a whole in a run: no preview of it, or no push."""

    __tablename__ = "month_errors"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(index=True)
    month: Mapped[str] = mapped_column(String(7))
    at: Mapped[datetime]
    error: Mapped[str]


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
    ACCEPTED = "accepted"
    """A person's word that an invoiced line billed what it shows."""
    CREDITED = "credited"
    """A person's word that a credit was issued: of an invoiced line of ``before``, ``quantity`` counts as billed."""


PERSONS_WORD = frozenset({EntryKind.ACCEPTED, EntryKind.CREDITED})


SETTLED = frozenset({EntryKind.CONFIRMED, EntryKind.REFUSED, EntryKind.NOT_DONE})


class LedgerEntry(Base):
    """One append-only entry: an intent before a request, or what became of it."""

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "psa", "month"), Index(None, "psa", "addition_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    at: Mapped[datetime]
    run_id: Mapped[str]
    kind: Mapped[str] = mapped_column(String(16))
    intent_id: Mapped[int | None] = mapped_column(ForeignKey("ledger.id"), index=True)
    month: Mapped[str] = mapped_column(String(7))
    organization_id: Mapped[str]
    plan: Mapped[str] = mapped_column(String(16))
    serial_number: Mapped[str] = mapped_column(String(50))
    agreement_id: Mapped[int]
    product_id: Mapped[int]
    addition_id: Mapped[int | None]
    before: Mapped[Decimal]
    quantity: Mapped[Decimal]
    effective_date: Mapped[date]
    cancelled_date: Mapped[date | None]
    note: Mapped[str | None]


class Act(Base):
    """Something that a person did, and how it was before and after: never changed, never removed."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]
    """What it was done to, by id where it has one."""
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class RightUse(Base):
    """Whether ConnectWise granted a right when it was last used: some rights only a write can prove."""

    __tablename__ = "right_uses"

    psa: Mapped[str] = mapped_column(primary_key=True)
    right: Mapped[str] = mapped_column(primary_key=True)
    held: Mapped[bool]
    used_at: Mapped[datetime]


class PendingOrganization(Base):
    """An organization that NordPass was or will be asked to add, until it is known and mapped as asked."""

    __tablename__ = "pending_organizations"

    name: Mapped[str] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str]
    asked_at: Mapped[datetime]


class LockHolder(Base):
    """Who holds a push lock, for those who wait; the lock itself is the database's and dies with its holder."""

    __tablename__ = "lock_holders"

    psa: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    since: Mapped[datetime]
