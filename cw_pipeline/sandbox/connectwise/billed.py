"""What was billed, as the API shows it: the invoices, the products on them, and the report `Product`."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from cw_pipeline.sandbox.connectwise.invoicing import Invoice, InvoiceLine
from cw_pipeline.sandbox.connectwise.listing import Resource
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import Record

INVOICE = Resource(
    fields=frozenset(
        {
            "id", "invoiceNumber", "type", "date", "total", "applyToType", "applyToId", "status/id", "status/name",
            "company/id", "company/name", "agreement/id", "agreement/name",
        }
    )
)  # fmt: skip
PRODUCT = Resource(
    fields=frozenset(
        {
            "id", "description", "quantity", "price", "customerDescription", "cancelledFlag", "catalogItem/id",
            "catalogItem/identifier", "agreement/id", "agreement/name", "company/id", "invoice/id",
        }
    )
)  # fmt: skip
REPORT_COLUMNS = {
    "Agreement": "Text", "Extended_Price_Amount": "Numeric", "Line_Desc": "Text", "Quantity": "Numeric",
    "billing_log_recid": "Numeric", "company_name": "Text", "company_recid": "Numeric", "date_invoice": "DateTime",
    "invoice_number": "Text", "item_desc": "Text", "item_id": "Text", "iv_item_recid": "Numeric",
    "iv_product_RecID": "Numeric", "serial_number": "Text", "unit_price": "Numeric",
}  # fmt: skip
"""Some columns of ConnectWise's report, with their types."""
REPORT = Resource(fields=frozenset(REPORT_COLUMNS), forward_only=False)
_MOST_LINES = 1_000
"""Of an invoice: more than any has."""


class _Sold(NamedTuple):
    """A line of an invoice, with what both `products` and `report` show of it."""

    id: int
    invoice: Invoice
    line: InvoiceLine
    item_description: str
    agreement: Record
    company: Record
    serial_number: str
    description: str


def invoices(state: ConnectWise) -> list[Record]:
    """The invoices that stand."""
    shown: list[Record] = []
    for invoice in state.invoices():
        agreement, company = _references(state, invoice)
        shown.append(
            {
                "id": invoice["number"],
                "invoiceNumber": str(invoice["number"]),
                "type": "Agreement",
                "status": {"id": 1, "name": invoice.get("status", "Sent")},
                "company": company,
                "agreement": agreement,
                "applyToType": "Agreement",
                "applyToId": agreement["id"],
                "date": f"{invoice['made_on']}T00:00:00Z",
                "total": sum((Decimal(line["amount"]) for line in invoice["lines"]), Decimal(0)),
            }
        )
    return shown


def products(state: ConnectWise) -> list[Record]:
    """The products on the invoices."""
    return [
        {
            "id": sold.id,
            "catalogItem": {"id": sold.line["product_id"], "identifier": sold.line["product_identifier"]},
            "description": sold.item_description,
            "quantity": Decimal(sold.line["quantity"]),
            "price": Decimal(sold.line["unit_price"]),
            "extPrice": Decimal(sold.line["amount"]),
            "billableOption": "Billable",
            "customerDescription": sold.description,
            "serialNumbers": [sold.serial_number] if sold.serial_number else [],
            "agreement": sold.agreement,
            "company": sold.company,
            "invoice": {
                "id": sold.invoice["number"],
                "identifier": str(sold.invoice["number"]),
                "billingType": "Agreement",
                "invoiceDate": f"{sold.invoice['made_on']}T00:00:00Z",
            },
            "cancelledFlag": False,
        }
        for sold in _sold(state)
    ]


def report(state: ConnectWise) -> list[Record]:
    """The rows of the report `Product`, by column."""
    return [
        {
            "id": sold.id,
            "Agreement": sold.agreement["name"],
            "Extended_Price_Amount": Decimal(sold.line["amount"]),
            "Line_Desc": sold.description,
            "Quantity": Decimal(sold.line["quantity"]),
            "billing_log_recid": sold.invoice["number"],
            "company_name": sold.company["name"],
            "company_recid": sold.company["id"],
            "date_invoice": f"{sold.invoice['made_on']}T00:00:00Z",
            "invoice_number": str(sold.invoice["number"]),
            "item_desc": sold.item_description,
            "item_id": sold.line["product_identifier"],
            "iv_item_recid": sold.line["product_id"],
            "iv_product_RecID": sold.id,
            "serial_number": sold.serial_number,
            "unit_price": Decimal(sold.line["unit_price"]),
        }
        for sold in _sold(state)
    ]


def _sold(state: ConnectWise) -> Iterator[_Sold]:
    """Each line of each invoice; its serial number and description are empty unless `invoices_have` names them."""
    carried = state.settings.invoices_have
    for invoice in state.invoices():
        agreement, company = _references(state, invoice)
        for place, line in enumerate(invoice["lines"]):
            serial_number = line["serial_number"] if "serial_number" in carried else None
            description = line.get("description") if "description" in carried else None
            item = state.tables["catalog"][line["product_id"]]
            number = invoice["number"] * _MOST_LINES + place
            yield _Sold(
                number, invoice, line, item["description"], agreement, company, serial_number or "", description or ""
            )


def _references(state: ConnectWise, invoice: Invoice) -> tuple[Record, Record]:
    """To the agreement and its company."""
    agreement = state.tables["agreements"][invoice["agreement_id"]]
    company_id = agreement["company"]["id"]
    name = state.tables["companies"].get(company_id, {}).get("name", "")
    return {"id": agreement["id"], "name": agreement["name"]}, {"id": company_id, "name": name}
