"""What was billed, as ConnectWise shows it: invoices, the products on them, and rows of its report `Product`.

Two points that no public document settles are read either way: whether a product has the serial number and description
of the agreement's line, and whether a report writes numbers as numbers or as text.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cw_pipeline.connectwise.fields import Flag, OptionalDate, OptionalText, Quantity, Text, calendar_date
from cw_pipeline.connectwise.models import Identified, OptionalReference, Reference


class Invoice(Identified):
    """An invoice, of any type.

    Attributes:
        type: `Agreement`, `CreditMemo`, `DownPayment`, `Miscellaneous`, `Progress` or `Standard`.
        status: A billing status with a name that the site chose.
        date: As people chose it.
    """

    invoice_number: OptionalText = None
    type: OptionalText = None
    status: OptionalReference = None
    date: OptionalDate = None


class ProductItem(Identified):
    """A product that was sold. An agreement's line becomes one when it is invoiced.

    Attributes:
        agreement: The agreement whose line it was, even if that is invoiced with its parent.
        invoice: Its `identifier` is the invoice's number.
        customer_description: What the invoice says of it.
    """

    catalog_item: Reference
    quantity: Quantity
    agreement: OptionalReference = None
    invoice: OptionalReference = None
    serial_numbers: Annotated[
        tuple[Text, ...], Field(max_length=1_000), BeforeValidator(lambda value: value or ())
    ] = ()
    customer_description: OptionalText = None
    cancelled_flag: Flag = False


class Report(BaseModel):
    """A page of a report: its columns, each an object whose only key is the name, and its rows."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    column_definitions: tuple[dict[str, object], ...]
    row_values: tuple[tuple[object, ...], ...]

    @property
    def rows(self) -> list[dict[str, object]]:
        """The rows by column name, in lower case because sites differ in that."""
        names = [next(iter(column), "").casefold() for column in self.column_definitions]
        return [dict(zip(names, row, strict=False)) for row in self.row_values]


def _text(value: object) -> object:
    text = str(value) if isinstance(value, int | Decimal) else value
    return text if not isinstance(text, str) or text.strip() else None


def _date_or_none(value: object) -> object:
    try:
        return calendar_date(value)
    except ValueError:
        return None


_ReportedText: TypeAlias = Annotated[OptionalText, BeforeValidator(_text)]


class ReportedProduct(BaseModel):
    """A row of the report `Product`.

    Attributes:
        iv_product_recid: The id of the product item.
        iv_item_recid: The id of its catalog item.
        agreement: The agreement's name.
        date_invoice: None also if its format is unknown.
        line_desc: What the invoice says of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    iv_product_recid: int
    iv_item_recid: int
    quantity: Annotated[Decimal, Field(max_digits=28)]
    invoice_number: _ReportedText = None
    company_recid: int | None = None
    date_invoice: Annotated[date | None, BeforeValidator(_date_or_none)] = None
    agreement: _ReportedText = None
    serial_number: _ReportedText = None
    line_desc: _ReportedText = None
