"""Invoices, the products on them and the report of these, as the API shows them to a role that may read them."""

from decimal import Decimal

import pytest

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.connectwise.invoicing import Invoice
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES, Right
from cw_pipeline_tests.sandbox.conftest import Api, document

INVOICES, PRODUCTS, REPORT = "/finance/invoices", "/procurement/products", "/system/reports/Product"
ADDITION = 5001


@pytest.fixture
def invoice(sandbox: Sandbox) -> Invoice:
    """An invoice with a line that has a serial number and a description; the role may read everything of it."""
    sandbox.connectwise.set_role(SEED_ROLE | TO_READ_INVOICES)
    sandbox.connectwise.edit_addition(1001, ADDITION, serialNumber="NP:1", invoiceDescription="Seats")
    return sandbox.connectwise.invoice(1001)[0]


def rows(api: Api, **query: str | int) -> list[dict[str, object]]:
    report = document(api.get(REPORT, **query))
    names = [next(iter(column)) for column in report["column_definitions"]]
    return [dict(zip(names, row, strict=True)) for row in report["row_values"]]


def test_an_invoice_names_its_agreement_and_its_products_have_their_lines(api: Api, invoice: Invoice) -> None:
    (shown,) = api.rows(INVOICES, conditions='type = "Agreement" and agreement/id = 1001')
    assert (shown["id"], shown["invoiceNumber"]) == (invoice["number"], str(invoice["number"]))
    assert shown["date"] == f"{invoice['made_on']}T00:00:00Z"
    assert document(api.get(f"{INVOICES}/count"))["count"] == 1
    products = api.rows(PRODUCTS, conditions=f"invoice/id in ({shown['id']})")
    assert [record["quantity"] for record in products] == [line["quantity"] for line in invoice["lines"]]
    (ours,) = [record for record in products if record["serialNumbers"] == ["NP:1"]]
    assert (ours["customerDescription"], ours["agreement"]["id"]) == ("Seats", 1001)


def test_the_report_is_a_table_that_is_filtered_and_paged(api: Api, invoice: Invoice) -> None:
    assert len(rows(api)) == len(invoice["lines"]) > 1
    product = invoice["lines"][0]["product_id"]
    (row,) = [
        record for record in rows(api, conditions=f"iv_item_recid in ({product})") if record["serial_number"] == "NP:1"
    ]
    assert (row["invoice_number"], row["Line_Desc"], row["company_recid"]) == (str(invoice["number"]), "Seats", 101)
    assert rows(api, pageSize=1, page=2) == rows(api, orderBy="iv_product_RecID asc")[1:2]
    assert rows(api, page=9) == []
    assert api.get(REPORT, conditions="agreement = 1").status_code == 400


def test_what_a_person_changes_of_an_invoice_is_shown(sandbox: Sandbox, api: Api, invoice: Invoice) -> None:
    number, first = invoice["number"], invoice["lines"][0]
    before = len(invoice["lines"])
    sandbox.connectwise.edit_invoice(number, status="Void", quantities={first["addition_id"]: Decimal(2)})
    assert api.rows(INVOICES)[0]["status"]["name"] == "Void"
    assert (api.rows(PRODUCTS)[0]["quantity"], first["amount"]) == (2, 2 * first["unit_price"] * first["share"])
    sandbox.connectwise.edit_invoice(number, quantities={first["addition_id"]: Decimal(0)})
    assert len(api.rows(PRODUCTS)) == before - 1
    sandbox.connectwise.change_settings(invoices_have=[])
    assert {(record["customerDescription"], *record["serialNumbers"]) for record in api.rows(PRODUCTS)} == {("",)}
    sandbox.connectwise.delete_invoice(number)
    assert (api.rows(INVOICES), rows(api)) == ([], [])


@pytest.mark.parametrize(
    ("path", "right"),
    [
        (INVOICES, Right.INVOICING_INQUIRE),
        (f"{INVOICES}/count", Right.INVOICING_INQUIRE),
        (PRODUCTS, Right.PRODUCTS_INQUIRE),
        (REPORT, Right.API_REPORTS_INQUIRE),
    ],
)
def test_each_needs_a_right_that_the_least_role_lacks(sandbox: Sandbox, api: Api, path: str, right: Right) -> None:
    assert api.get(path).status_code == 403
    sandbox.connectwise.set_role(SEED_ROLE | {right})
    assert api.get(path).status_code == 200
