"""Read the lines of invoices, in the first of two ways that the API member's role allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from cw_pipeline.connectwise.errors import MissingRight, Refused
from cw_pipeline.connectwise.rights import Right
from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.reports.reconcile.lines import BilledLine
from cw_pipeline.vocabulary import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.connectwise.invoice_records import Invoice, ProductItem
    from cw_pipeline.reports.reconcile.compare import LineIndex
    from cw_pipeline.vocabulary import Month

_NOT_ALLOWED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_CREDIT = "CreditMemo"


class InvoicesNotReadable(CwPipelineError):
    """The API member's role has none of the rights with which invoices can be read."""

    exit_code = USAGE_ERROR

    def __init__(self) -> None:
        super().__init__(
            "The API member may not read invoices, so it is not known what they have. In ConnectWise under System > "
            f"Security Roles, give its role {Right.INVOICING_INQUIRE} and {Right.PRODUCTS_INQUIRE}, or "
            f"{Right.API_REPORTS_INQUIRE}. Nothing else needs that."
        )


class Source(StrEnum):
    """Where lines of invoices are read."""

    INVOICES = "invoices"
    """From the invoices, and the products on them."""
    REPORT = "report"
    """From the report `Product`, which has agreements' names instead of their ids, and no invoice's status."""


@dataclass(frozen=True)
class Billed:
    """What was read.

    Attributes:
        source: Where.
        lines: The invoices' lines for the months in question or, if `by_quantity`, for all.
        by_quantity: Whether no line has a serial number or a description of ours.
        unreadable: What cannot be read, a sentence each.
    """

    source: Source
    lines: tuple[BilledLine, ...]
    by_quantity: bool
    unreadable: tuple[str, ...]


def read_billed(
    client: ConnectWiseClient, product_ids: Collection[int], index: LineIndex, months: Collection[Month]
) -> Billed:
    """The lines of invoices with these products that may bill our lines of these months.

    Raises:
        InvoicesNotReadable: The role has the rights for neither way.
        ConnectWiseError: ConnectWise cannot be read.
    """
    refused: Refused | None = None
    for read in (_from_invoices, _from_report):  # the more exact one first
        try:
            return read(client, product_ids, index, months)
        except Refused as error:
            if error.status not in _NOT_ALLOWED:
                raise
            if not isinstance(error, MissingRight):
                refused = error
    raise refused or InvoicesNotReadable


def _of_months(
    lines: Sequence[BilledLine], index: LineIndex, months: Collection[Month]
) -> tuple[Sequence[BilledLine], bool]:
    """The lines that name one of these months; or all, and True, if none names any month."""
    named = [(line, index.month_on(line)) for line in lines]
    if lines and not any(month for _, month in named):
        return lines, True
    return [line for line, month in named if month in months], False


def _from_invoices(
    client: ConnectWiseClient, product_ids: Collection[int], index: LineIndex, months: Collection[Month]
) -> Billed:
    sold = client.products_sold(product_ids)
    on_invoices = [_sold(item) for item in sold.records if item.invoice is not None and not item.cancelled_flag]
    lines, by_quantity = _of_months(on_invoices, index, months)
    listed = client.invoices_by_id({line.invoice_id for line in lines if line.invoice_id is not None})
    invoices = {invoice.id: invoice for invoice in listed.records}
    unread = {invoice.id for invoice in listed.unreadable}
    dated = (line if line.invoice_id in unread else _dated(line, invoices.get(line.invoice_id or 0)) for line in lines)
    unreadable = [f"Product {item.id}: {item.why}" for item in sold.unreadable]
    unreadable += [f"Invoice {invoice.id}: {invoice.why}" for invoice in listed.unreadable]
    return Billed(Source.INVOICES, tuple(filter(None, dated)), by_quantity, (*unreadable, *sold.nameless))


def _sold(item: ProductItem) -> BilledLine:
    return BilledLine(
        invoice_id=item.invoice.id if item.invoice else None,
        number=(item.invoice.identifier if item.invoice else None) or "",
        date=None,
        product_id=item.catalog_item.id,
        seats=item.quantity,
        place=item.agreement.id if item.agreement else 0,
        serial_numbers=item.serial_numbers,
        text=item.customer_description or "",
    )


def _dated(line: BilledLine, invoice: Invoice | None) -> BilledLine | None:
    """The line with its invoice's date and status; None for a credit, whose lines bill nothing."""
    if invoice is None:
        return replace(line, stands=False)
    if invoice.type == _CREDIT:
        return None
    is_void = invoice.status is not None and "void" in (invoice.status.name or "").casefold()
    return replace(line, number=invoice.invoice_number or line.number, date=invoice.date, stands=not is_void)


def _from_report(
    client: ConnectWiseClient, product_ids: Collection[int], index: LineIndex, months: Collection[Month]
) -> Billed:
    reported = client.products_reported(product_ids)
    on_invoices = [
        BilledLine(
            invoice_id=None,
            number=row.invoice_number,
            date=row.date_invoice,
            product_id=row.iv_item_recid,
            seats=row.quantity,
            place=(row.company_recid or 0, (row.agreement or "").casefold()),
            serial_numbers=(row.serial_number,) if row.serial_number else (),
            text=row.line_desc or "",
        )
        for row in reported.records
        if row.invoice_number
    ]
    lines, by_quantity = _of_months(on_invoices, index, months)
    nameless = reported.nameless
    unreadable = (f"{counted(len(nameless), 'row')} of the report: {nameless[0]}",) if nameless else ()
    return Billed(Source.REPORT, tuple(lines), by_quantity, unreadable)
