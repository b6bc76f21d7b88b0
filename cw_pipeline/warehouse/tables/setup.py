"""What people set up: the connection, what was imported and listed, and the mappings."""

from dataclasses import astuple
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.billing.facts import Terms
from cw_pipeline.vocabulary import LicenseType, Month, Plan, State
from cw_pipeline.warehouse.columns import TextColumn
from cw_pipeline.warehouse.tables.base import Base


class IntegrationRow(Base):
    """The one ConnectWise company that this deployment is connected to, and how far the set-up has come."""

    __tablename__ = "integration"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    site_url: Mapped[str]
    """The site's address."""
    company_id: Mapped[str]
    """The company id that the keys are for."""
    state: Mapped[State]
    """`connected`, `active` or `disconnected`."""
    connected_at: Mapped[datetime]
    """When its keys were last checked."""
    confirmed_at: Mapped[datetime | None]
    """When the products that the plans are billed as last changed."""
    rebuilt_at: Mapped[datetime | None]
    """When our lines were last looked for on every agreement of the mapped companies."""


class ImportSelectionRow(Base):
    """The company types and statuses last chosen for the import; empty means all."""

    __tablename__ = "import_selection"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    type_ids: Mapped[list[int]]
    """The ids of the company types."""
    status_ids: Mapped[list[int]]
    """The ids of the company statuses."""
    chosen_at: Mapped[datetime]


class CompanyRow(Base):
    """An imported ConnectWise company; `gone_at` is set when an import no longer finds it."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identifier: Mapped[str]
    """ConnectWise's short name for it."""
    name: Mapped[str]
    status: Mapped[str | None]
    """Its status's name."""
    types: Mapped[list[str]]
    """Its types' names."""
    imported_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class _HasTerms:
    """The columns of an agreement's terms."""

    cycle: Mapped[str | None]
    """Its billing cycle's `billingOptions`, such as `Monthly`."""
    period_type: Mapped[str | None]
    """Which period an invoice covers: `Current`, `Future`, `Both` or `Undefined`."""
    parent_agreement_id: Mapped[int | None]
    """The agreement with which it is invoiced, where it is a child."""
    prorates: Mapped[bool | None]
    """Whether it bills parts of a period by the day."""

    @property
    def terms(self) -> Terms | None:
        """How the agreement is billed, or was when it was mapped; None where that was not recorded."""
        if self.prorates is None:
            return None
        return Terms(self.cycle, self.period_type, self.parent_agreement_id, self.prorates)

    @terms.setter
    def terms(self, terms: Terms) -> None:
        self.cycle, self.period_type, self.parent_agreement_id, self.prorates = astuple(terms)


class AgreementRow(_HasTerms, Base):
    """An imported ConnectWise agreement, for choosing; previews read agreements anew."""

    __tablename__ = "agreements"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    company_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str]
    status: Mapped[str]
    """Its status in ConnectWise."""
    billing_cycle: Mapped[str | None]
    """The cycle's name, which each site chooses; `cycle` is what it means."""
    bill_start_date: Mapped[date | None]
    """The first day that it bills."""
    end_date: Mapped[date | None]
    """The last day that it bills."""
    next_invoice_date: Mapped[date | None]
    """The first day of the period that is invoiced next."""
    currency: Mapped[str | None]
    """The code of the currency that it is billed in, such as `USD`."""
    imported_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class ProductRow(Base):
    """A ConnectWise catalog item that a plan is or was mapped to."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identifier: Mapped[str]
    """Its identifier in the catalog."""
    description: Mapped[str]
    """Its description."""
    price: Mapped[Decimal | None]
    """Of one seat a month."""
    cost: Mapped[Decimal | None]
    """Of one seat a month."""


class OrganizationRow(Base):
    """A NordPass organization; `gone_at` is set when NordPass no longer lists it."""

    __tablename__ = "organizations"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    plan: Mapped[Plan]
    license_type: Mapped[LicenseType]
    status: Mapped[str]
    """`Active` or `Suspended`."""
    msp_managed: Mapped[bool]
    """Whether this MSP manages it."""
    fetched_at: Mapped[datetime]
    """When it was listed last."""
    gone_at: Mapped[datetime | None]


class PendingOrganizationRow(Base):
    """An organization that NordPass was or will be asked to add, until it is listed and mapped."""

    __tablename__ = "pending_organizations"

    name: Mapped[str] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str]
    """The key of the request: the same key never adds it twice."""
    asked_at: Mapped[datetime]
    """When NordPass was first asked."""


class ProductMappingRow(Base):
    """The product a plan is mapped to; it bills only what was confirmed."""

    __tablename__ = "product_mappings"

    plan: Mapped[Plan] = mapped_column(TextColumn(Plan, 16), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    """The product that was chosen."""
    confirmed_product_id: Mapped[int | None] = mapped_column(ForeignKey("products.id"))
    """The product that is billed; empty until it is confirmed."""
    mapped_at: Mapped[datetime]


class CompanyMappingRow(_HasTerms, Base):
    """A company and one of its agreements, mapped to an organization, with the terms that were accepted."""

    __tablename__ = "company_mappings"

    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreements.id"))
    """The agreement that carries the lines."""
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    bill_from: Mapped[Month]
    """The first month that is billed."""
    bill_from_chosen: Mapped[bool] = mapped_column(default=False)
    """Whether a person chose the first month, so that earlier usage is not to be billed."""
    trial_months: Mapped[int] = mapped_column(default=0)
    """For how many months, from the first one, its lines bill nobody."""
    mapped_at: Mapped[datetime]
    looked_through_at: Mapped[datetime | None]
    """When all agreements of the company were last searched for our lines; empty: not since it was mapped."""

    company: Mapped[CompanyRow] = relationship(viewonly=True)
    agreement: Mapped[AgreementRow] = relationship(viewonly=True)
    organization: Mapped[OrganizationRow] = relationship(viewonly=True)


class AgreementRecapRow(Base):
    """What ConnectWise's invoice recap showed of an agreement, a row for each change."""

    __tablename__ = "agreement_recaps"

    id: Mapped[int] = mapped_column(primary_key=True)
    psa: Mapped[str] = mapped_column(index=True)
    agreement_id: Mapped[int]
    next_invoice_date: Mapped[date | None]
    """The next invoice date that the recap showed."""
    last_invoice_number: Mapped[str | None]
    """The last invoice that it showed."""
    seen_at: Mapped[datetime]
    """When it first showed that."""


class RightUseRow(Base):
    """Whether ConnectWise granted a right when it was last used; some rights only a write can prove."""

    __tablename__ = "right_uses"

    psa: Mapped[str] = mapped_column(primary_key=True)
    right: Mapped[str] = mapped_column(primary_key=True)
    """The right's name."""
    held: Mapped[bool]
    """Whether ConnectWise granted it."""
    used_at: Mapped[datetime]
    """When it was last used."""


class LineByHandRow(Base):
    """What a person chose for a line kept by hand; a choice that was withdrawn has no row."""

    __tablename__ = "lines_by_hand"

    psa: Mapped[str] = mapped_column(primary_key=True)
    addition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    agreement_id: Mapped[int]
    product_id: Mapped[int]
    choice: Mapped[Act] = mapped_column(TextColumn(Act, 16))
    """`end` or `leave`."""
    last_day: Mapped[date | None]
    """The last day that the person gave it; empty where it is left."""
    last_day_before: Mapped[date | None]
    """Its last day before that; empty where it had none, or is left."""
    chosen_at: Mapped[datetime]
