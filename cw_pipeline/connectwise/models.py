"""The shapes of ConnectWise's records, as far as the product reads or writes them.

Fields keep ConnectWise's names, in Python's spelling; fields that are not used are ignored. A record without a needed
field is refused where it is read. Quantities and prices are `Decimal`.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from cw_pipeline.connectwise.fields import (
    Flag,
    Id,
    OptionalDate,
    OptionalMoney,
    OptionalText,
    Quantity,
    SentNumber,
    Text,
    currency_code,
    reference,
    unset_is_none,
)

ProductClass: TypeAlias = Literal["Agreement", "Bundle", "Inventory", "NonInventory", "Service"]
BillCustomer: TypeAlias = Literal["Billable", "DoNotBill", "NoCharge"]


def midnight(day: date) -> str:
    """A day as ConnectWise takes it."""
    return f"{day.isoformat()}T00:00:00Z"


_SentDate: TypeAlias = Annotated[date, PlainSerializer(midnight)]
_NewReference: TypeAlias = Annotated[Id, PlainSerializer(lambda number: {"id": number})]


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        # A message about a record names its fields, never its contents.
        hide_input_in_errors=True,
    )


class Identified(_Record):
    """A record with an id of its own."""

    id: Id


class Reference(Identified):
    """What a record says about another record that it refers to."""

    name: OptionalText = None
    identifier: OptionalText = None


OptionalReference: TypeAlias = Annotated[Reference | None, BeforeValidator(reference)]


class Choice(Identified):
    """A row of a setup table, such as a company type or a product subcategory, which people choose by name."""

    name: Text
    inactive_flag: Flag = False
    default_flag: Flag = False


class CompanyInfo(_Record):
    """What a site tells anybody about a company.

    Attributes:
        codebase: Path segment of the company's API with its closing slash, such as `v4_6_release/`.
    """

    codebase: Annotated[str, Field(strict=True, alias="Codebase", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*/$")]
    company_name: OptionalText = Field(default=None, alias="CompanyName")


class Count(_Record):
    """How many records a list has."""

    count: Annotated[Id, Field(ge=0)]


class Company(Identified):
    """A company: the customer.

    Attributes:
        identifier: The short company id that people use in ConnectWise.
        deleted_flag: Whether it is in the recycle bin.
    """

    identifier: Text
    name: Text
    status: OptionalReference = None
    types: Annotated[tuple[Reference, ...], Field(max_length=1_000), BeforeValidator(lambda value: value or ())] = ()
    deleted_flag: Flag = False


class Agreement(Identified):
    """An agreement of one company.

    Attributes:
        parent_agreement: Set on a child agreement, which is invoiced with its parent.
        end_date: Last day; means nothing where `no_ending_date_flag` is set.
        bill_start_date: No line of the agreement may become effective before it.
        next_invoice_date: First day of the period that is invoiced next.
        period_type: Which period an invoice is for: `Current`, `Future`, `Both` or `Undefined`.
        agreement_status: `Active`, `Cancelled`, `Expired` or `Inactive`.
        currency: A code such as `USD`.
    """

    name: Text
    type: Reference
    company: Reference
    parent_agreement: OptionalReference = None
    end_date: OptionalDate = None
    no_ending_date_flag: Flag = False
    cancelled_flag: Flag = False
    billing_cycle: OptionalReference = None
    bill_start_date: OptionalDate = None
    prorate_flag: Flag = False
    next_invoice_date: OptionalDate = None
    period_type: OptionalText = None
    agreement_status: OptionalText = None
    currency: Annotated[OptionalText, BeforeValidator(currency_code)] = None


class AgreementRecap(Identified):
    """What is known of an agreement's invoices. Its id is the agreement's.

    Attributes:
        next_invoice_date: First day of the period that is invoiced next.
        last_invoice_number: Number of the latest invoice, of any kind; None if there is none.
    """

    next_invoice_date: OptionalDate = None
    last_invoice_number: Annotated[OptionalText, BeforeValidator(unset_is_none)] = None


class BillingCycle(Choice):
    """How often an agreement is invoiced. The name is free text; only `billing_options` counts.

    Attributes:
        billing_options: `Weekly`, `BiWeekly`, `Monthly`, `BiMonthly`, `Quarterly`, `SemiAnnual`, `Yearly` or
            `NotRecurring`.
    """

    billing_options: OptionalText = None


class Addition(Identified):
    """A priced line on an agreement.

    Attributes:
        product: The catalog item; match by id, show the identifier.
        quantity: Total quantity, whatever period it is for.
        less_included: How much of the quantity is not billed.
        bill_customer: `Billable`, `DoNotBill` or `NoCharge`.
        effective_date: First day billed.
        cancelled_date: Last day billed, inclusive.
    """

    product: Reference
    quantity: Quantity
    less_included: Quantity = Decimal(0)
    bill_customer: Text
    effective_date: OptionalDate = None
    cancelled_date: OptionalDate = None
    serial_number: OptionalText = None
    invoice_description: OptionalText = None
    agreement_id: Id | None = None


class CatalogItem(Identified):
    """A product of the catalog.

    Attributes:
        identifier: The product id that people use in ConnectWise.
        product_class: A `Bundle` cannot be a line on an agreement.
        price: Default unit price of a line with this product.
    """

    identifier: Text
    description: Text
    inactive_flag: Flag = False
    product_class: OptionalText = None
    price: OptionalMoney = None
    cost: OptionalMoney = None


class _NewRecord(_Record):
    def body(self) -> dict[str, object]:
        """The request body: only members that ConnectWise knows, since it refuses others."""
        return self.model_dump(by_alias=True, exclude_none=True)


class NewAddition(_NewRecord):
    """A line to create: so many units of a product, billed from `effective_date` to `cancelled_date`, both inclusive.

    ConnectWise takes price and cost from the catalog item.
    """

    product_id: Annotated[_NewReference, Field(serialization_alias="product", alias_priority=2)]
    quantity: Annotated[SentNumber, Field(ge=0)]
    effective_date: _SentDate
    cancelled_date: _SentDate
    serial_number: Annotated[str, Field(max_length=50)]
    invoice_description: Annotated[str, Field(max_length=6000)] = ""
    bill_customer: BillCustomer = "Billable"


class NewCatalogItem(_NewRecord):
    """A product to create. Its category follows from the subcategory; without a price it has none."""

    identifier: Annotated[str, Field(min_length=1, max_length=75)]
    description: Annotated[str, Field(min_length=1, max_length=60)]
    customer_description: Annotated[str, Field(min_length=1, max_length=6000)]
    subcategory_id: Annotated[_NewReference, Field(serialization_alias="subcategory", alias_priority=2)]
    type_id: Annotated[_NewReference, Field(serialization_alias="type", alias_priority=2)]
    product_class: ProductClass = "NonInventory"
    unit_of_measure_id: Annotated[
        _NewReference | None, Field(serialization_alias="unitOfMeasure", alias_priority=2)
    ] = None
    price: SentNumber | None = None
    cost: SentNumber | None = None
