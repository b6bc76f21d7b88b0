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
    from collections.abc import Callable, Collection, Sequence

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.connectwise.invoice_records import Invoice, ProductItem
    from cw_pipeline.reports.reconcile.compare import Labels
    from cw_pipeline.vocabulary import Month

_NOT_ALLOWED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_CREDIT = "CreditMemo"


RIGHTS = f"{Right.INVOICING_INQUIRE} and {Right.PRODUCTS_INQUIRE}, or {Right.API_REPORTS_INQUIRE}"
"""What reading invoices needs, as ConnectWise's pages name it."""


class InvoicesNotReadable(CwPipelineError):
    """The API member's role has neither of the rights with which invoices can be read."""

    exit_code = USAGE_ERROR

    def __init__(self) -> None:
        super().__init__(
            f"The API member may not read invoices, so it is not known what they have. In ConnectWise under System > "
            f"Security Roles, give its role {RIGHTS}. Nothing else needs that."
        )


class Source(StrEnum):
    """Where lines of invoices are read."""

    INVOICES = "invoices"
    """From the invoices, and the products on them."""
    REPORT = "report"
    """From the report `Product`, which names agreements instead of giving their ids, and no invoice's status."""


@dataclass(frozen=True)
class Billed:
    """What was read.

    Attributes:
        source: Where.
        lines: The lines of invoices of the wanted months; where none can be told apart, of all.
        by_quantity: Whether that is so: no line has a serial number or a description of ours.
        unreadable: What cannot be read, a sentence each.
    """

    source: Source
    lines: tuple[BilledLine, ...]
    by_quantity: bool
    unreadable: tuple[str, ...]


def read_billed(
    client: ConnectWiseClient, product_ids: Collection[int], labels: Labels, months: Collection[Month]
) -> Billed:
    """The lines of invoices of these products that may be for our lines of these months.

    Raises:
        InvoicesNotReadable: The role has none of the rights that one of the ways needs.
        ConnectWiseError: ConnectWise cannot be read.
    """
    refused: Refused | None = None
    for read in _WAYS:
        try:
            return read(client, product_ids, labels, months)
        except Refused as error:
            if error.status not in _NOT_ALLOWED:
                raise
            if not isinstance(error, MissingRight):
                refused = error
    if refused is not None:
        raise refused
    raise InvoicesNotReadable


def _chosen(
    lines: Sequence[BilledLine], labels: Labels, months: Collection[Month]
) -> tuple[Sequence[BilledLine], bool]:
    """The lines of these months and, where no line names its month, all of them and that it is so."""
    named = {id(line): labels.month_on(line) for line in lines}
    if lines and not any(named.values()):
        return lines, True
    return [line for line in lines if named[id(line)] in months], False


def _from_invoices(
    client: ConnectWiseClient, product_ids: Collection[int], labels: Labels, months: Collection[Month]
) -> Billed:
    sold = client.products_sold(product_ids)
    on_invoices = [_sold(one) for one in sold.records if one.invoice is not None and not one.cancelled_flag]
    lines, by_quantity = _chosen(on_invoices, labels, months)
    listed = client.invoices_by_id({line.invoice_id for line in lines if line.invoice_id is not None})
    invoices = {one.id: one for one in listed.records}
    unreadable = [f"Product {one.id}: {one.why}" for one in sold.unreadable]
    unreadable += [f"Invoice {one.id}: {one.why}" for one in listed.unreadable]
    unread = {one.id for one in listed.unreadable}
    dated = [line if line.invoice_id in unread else _dated(line, invoices.get(line.invoice_id or 0)) for line in lines]
    billed = tuple(line for line in dated if line is not None)
    return Billed(Source.INVOICES, billed, by_quantity, tuple(unreadable + list(sold.nameless)))


def _sold(item: ProductItem) -> BilledLine:
    return BilledLine(
        invoice_id=item.invoice.id if item.invoice else None,
        number=(item.invoice.identifier if item.invoice else None) or "",
        date=None,
        product_id=item.catalog_item.id,
        quantity=item.quantity,
        place=item.agreement.id if item.agreement else 0,
        serial_numbers=item.serial_numbers,
        text=item.customer_description or "",
    )


def _dated(line: BilledLine, invoice: Invoice | None) -> BilledLine | None:
    """The line with what its invoice says; None of a credit, whose lines bill nothing."""
    if invoice is None:
        return replace(line, stands=False)
    if invoice.type == _CREDIT:
        return None
    is_void = invoice.status is not None and "void" in (invoice.status.name or "").casefold()
    return replace(line, number=invoice.invoice_number or line.number, date=invoice.date, stands=not is_void)


def _from_report(
    client: ConnectWiseClient, product_ids: Collection[int], labels: Labels, months: Collection[Month]
) -> Billed:
    reported = client.products_reported(product_ids)
    on_invoices = [
        BilledLine(
            invoice_id=None,
            number=row.invoice_number,
            date=row.date_invoice,
            product_id=row.iv_item_recid,
            quantity=row.quantity,
            place=(row.company_recid or 0, (row.agreement or "").casefold()),
            serial_numbers=(row.serial_number,) if row.serial_number else (),
            text=row.line_desc or "",
        )
        for row in reported.records
        if row.invoice_number
    ]
    lines, by_quantity = _chosen(on_invoices, labels, months)
    unreadable = (
        [f"{counted(len(reported.nameless), 'row')} of the report: {reported.nameless[0]}"] if reported.nameless else []
    )
    return Billed(Source.REPORT, tuple(lines), by_quantity, tuple(unreadable))


_WAYS: tuple[Callable[[ConnectWiseClient, Collection[int], Labels, Collection[Month]], Billed], ...] = (
    _from_invoices,
    _from_report,
)
"""The more exact one first."""
