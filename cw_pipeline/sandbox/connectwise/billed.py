"""What was billed, as the API shows it: the invoices, the products on them, and the report `Product`."""

from collections.abc import Iterator
from decimal import Decimal

from cw_pipeline.sandbox.connectwise.invoicing import Invoice, InvoiceLine
from cw_pipeline.sandbox.connectwise.listing import Resource
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import Record

INVOICE = Resource(
    fields=frozenset(
        {
            "id",
            "invoiceNumber",
            "type",
            "date",
            "total",
            "applyToType",
            "applyToId",
            *(f"{name}/{member}" for name in ("status", "company", "agreement") for member in ("id", "name")),
        }
    )
)
PRODUCT = Resource(
    fields=frozenset(
        {
            "id",
            "description",
            "quantity",
            "price",
            "customerDescription",
            "cancelledFlag",
            "catalogItem/id",
            "catalogItem/identifier",
            "agreement/id",
            "agreement/name",
            "company/id",
            "invoice/id",
        }
    )
)
REPORT_COLUMNS = {
    "Agreement": "Text",
    "Extended_Price_Amount": "Numeric",
    "Line_Desc": "Text",
    "Quantity": "Numeric",
    "billing_log_recid": "Numeric",
    "company_name": "Text",
    "company_recid": "Numeric",
    "date_invoice": "DateTime",
    "invoice_number": "Text",
    "item_desc": "Text",
    "item_id": "Text",
    "iv_item_recid": "Numeric",
    "iv_product_RecID": "Numeric",
    "serial_number": "Text",
    "unit_price": "Numeric",
}
"""Some of the columns that ConnectWise's report has, with their types."""
REPORT = Resource(fields=frozenset(REPORT_COLUMNS), forward_only=False)
_MOST_LINES = 1_000
"""More than an invoice has."""


def invoices(state: ConnectWise) -> list[Record]:
    """The invoices that stand."""
    shown: list[Record] = []
    for invoice in state.invoices():
        agreement, company = _whose(state, invoice)
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
                "date": _midnight(invoice["made_on"]),
                "total": sum((Decimal(line["amount"]) for line in invoice["lines"]), Decimal(0)),
            }
        )
    return shown


def products(state: ConnectWise) -> list[Record]:
    """The products on the invoices."""
    shown: list[Record] = []
    for number, invoice, line in _lines(state):
        agreement, company = _whose(state, invoice)
        serial_number, description = _labels(state, line)
        shown.append(
            {
                "id": number,
                "catalogItem": {"id": line["product_id"], "identifier": line["product_identifier"]},
                "description": state.tables["catalog"][line["product_id"]]["description"],
                "quantity": Decimal(line["quantity"]),
                "price": Decimal(line["unit_price"]),
                "extPrice": Decimal(line["amount"]),
                "billableOption": "Billable",
                "customerDescription": description,
                "serialNumbers": [serial_number] if serial_number else [],
                "agreement": agreement,
                "company": company,
                "invoice": {
                    "id": invoice["number"],
                    "identifier": str(invoice["number"]),
                    "billingType": "Agreement",
                    "invoiceDate": _midnight(invoice["made_on"]),
                },
                "cancelledFlag": False,
            }
        )
    return shown


def report(state: ConnectWise) -> list[Record]:
    """The rows of the report `Product`, by column."""
    rows: list[Record] = []
    for number, invoice, line in _lines(state):
        agreement, company = _whose(state, invoice)
        serial_number, description = _labels(state, line)
        rows.append(
            {
                "id": number,
                "Agreement": agreement["name"],
                "Extended_Price_Amount": Decimal(line["amount"]),
                "Line_Desc": description,
                "Quantity": Decimal(line["quantity"]),
                "billing_log_recid": invoice["number"],
                "company_name": company["name"],
                "company_recid": company["id"],
                "date_invoice": _midnight(invoice["made_on"]),
                "invoice_number": str(invoice["number"]),
                "item_desc": state.tables["catalog"][line["product_id"]]["description"],
                "item_id": line["product_identifier"],
                "iv_item_recid": line["product_id"],
                "iv_product_RecID": number,
                "serial_number": serial_number,
                "unit_price": Decimal(line["unit_price"]),
            }
        )
    return rows


def _lines(state: ConnectWise) -> Iterator[tuple[int, Invoice, InvoiceLine]]:
    """Each line of each invoice, with an id of its own."""
    for invoice in state.invoices():
        for place, line in enumerate(invoice["lines"]):
            yield invoice["number"] * _MOST_LINES + place, invoice, line


def _labels(state: ConnectWise, line: InvoiceLine) -> tuple[str, str]:
    """The addition's serial number and invoice description, as far as the switch lets the invoice have them."""
    carried = state.settings.invoices_have
    serial_number = line["serial_number"] if "serial_number" in carried else None
    return serial_number or "", line.get("description") or "" if "description" in carried else ""


def _whose(state: ConnectWise, invoice: Invoice) -> tuple[Record, Record]:
    """References to the agreement and its company."""
    agreement = state.tables["agreements"][invoice["agreement_id"]]
    company_id = agreement["company"]["id"]
    name = state.tables["companies"].get(company_id, {}).get("name", "")
    return {"id": agreement["id"], "name": agreement["name"]}, {"id": company_id, "name": name}


def _midnight(day: str) -> str:
    return f"{day}T00:00:00Z"
