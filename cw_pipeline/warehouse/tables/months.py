"""Months: usage reports, previews, and pushes."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, String, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import Write
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline.warehouse.columns import JsonColumn
from cw_pipeline.warehouse.tables.base import Base


class OrganizationUsageRow(Base):
    """One organization's usage in a report."""

    __tablename__ = "usage_rows"

    report_id: Mapped[int] = mapped_column(ForeignKey("usage_reports.id"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    organization_name: Mapped[str]
    plan: Mapped[Plan]
    license_type: Mapped[LicenseType]
    msp_managed: Mapped[bool]
    """Whether this MSP manages the organization."""
    seats: Mapped[int]
    """The seats that it used."""


class UsageReportRow(Base):
    """A month's usage as NordPass reported it, kept for good; a changed report is a new row."""

    __tablename__ = "usage_reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[Month] = mapped_column(index=True)
    generated_at: Mapped[datetime]
    """When NordPass made it."""
    fetched_at: Mapped[datetime]
    """When it was read."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """The SHA-256 of its rows: the same for the same report."""
    seats: Mapped[int]
    """The sum of its rows."""
    rows: Mapped[list[OrganizationUsageRow]] = relationship(order_by="OrganizationUsageRow.organization_id")


class ReleasedUsageRow(Base):
    """A person released what a report says of an organization, or its absence: unusual, but right."""

    __tablename__ = "released_usage"

    report_id: Mapped[int] = mapped_column(ForeignKey("usage_reports.id"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(primary_key=True)
    released_at: Mapped[datetime]
    """When it was released."""


class _LineRow(Base):
    """What lines of previews and of pushes have in common."""

    __abstract__ = True

    position: Mapped[int] = mapped_column(primary_key=True)
    """The line's place in its month."""
    organization_id: Mapped[str]
    plan: Mapped[Plan]
    also: Mapped[bool] = mapped_column("beside")
    """Whether this is another line than the usage row's: an old plan, agreement or product."""
    outcome: Mapped[Outcome]
    """One of the [outcomes](outcomes.md)."""
    seats: Mapped[Decimal]
    """The usage row's seats; of a line beside it, the quantity that it loses or that is held."""
    to_credit: Mapped[Decimal | None]
    """For `credit_due`: how many seats too many were invoiced."""
    by_hand: Mapped[Decimal | None]
    """In a trial month, which bills nobody: what people bill by hand for the same days."""
    reason: Mapped[str]
    """Why, in a sentence."""
    warning: Mapped[str | None]
    """What is wrong with the line, although its quantity is right."""


class PreviewLineRow(_LineRow):
    """One line of a preview; `writes` are its intended requests."""

    __tablename__ = "preview_lines"

    preview_id: Mapped[int] = mapped_column(ForeignKey("previews.id"), primary_key=True)
    organization_name: Mapped[str]
    company_id: Mapped[int | None]
    """The company that the organization is mapped to; empty if it is not mapped."""
    agreement_id: Mapped[int | None]
    """The agreement that the organization is mapped to; empty if it is not mapped."""
    writes: Mapped[tuple[Write, ...]] = mapped_column(JsonColumn[tuple[Write, ...]](tuple[Write, ...]))
    """The intended requests."""


class PreviewRow(Base):
    """A month's preview."""

    __tablename__ = "previews"

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    month: Mapped[Month] = mapped_column(index=True)
    made_at: Mapped[datetime]
    """When it was made."""
    run_id: Mapped[str]
    usage_report_id: Mapped[int] = mapped_column(ForeignKey("usage_reports.id"))
    """The usage report that it is based on."""
    usage_seats: Mapped[int]
    """The report's seats."""
    requests_read: Mapped[int]


class PushLineRow(_LineRow):
    """What became of one preview line in a push."""

    __tablename__ = "push_lines"

    push_id: Mapped[int] = mapped_column(ForeignKey("pushes.id"), primary_key=True)


class PushRow(Base):
    """A month's push, of all organizations or of some, and whether every line of it came out right or held."""

    __tablename__ = "pushes"

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    month: Mapped[Month] = mapped_column(index=True)
    run_id: Mapped[str]
    preview_id: Mapped[int] = mapped_column(ForeignKey("previews.id"))
    """The preview that was carried out."""
    pushed_at: Mapped[datetime]
    """When it ended."""
    succeeded: Mapped[bool]
    """Whether no line was rejected or left unconfirmed."""
    whole: Mapped[bool] = mapped_column(server_default=true())
    """Whether no organization with something to write was left out; else the month is still to be pushed."""
    requests_read: Mapped[int]
    requests_written: Mapped[int]
    """How many requests wrote to ConnectWise."""


class UndoneRunRow(Base):
    """A run was undone, as far as possible: its month has to be pushed again."""

    __tablename__ = "undone_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str]
    month: Mapped[Month]
    run_id: Mapped[str]
    """The run that was undone."""
    undone_by: Mapped[str]
    """The Dagster run, or the command with an id of its own, that undid it."""
    undone_at: Mapped[datetime]
    """When that began."""


class MonthErrorRow(Base):
    """Why a run could not preview or push a month at all."""

    __tablename__ = "month_errors"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(index=True)
    month: Mapped[Month]
    at: Mapped[datetime]
    """When it failed."""
    error: Mapped[str]
    """What happened, to what, and what to do next."""
