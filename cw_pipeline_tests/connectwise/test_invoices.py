"""What is read of invoices, also where ConnectWise writes it in ways that no document settles."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.connectwise.errors import ContractBroken, MissingRight
from cw_pipeline_tests.connectwise.conftest import API, api_calls
from cw_pipeline_tests.connectwise.endpoints import query

if TYPE_CHECKING:
    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient

REPORT = f"{API}/system/reports/Product"
COLUMNS = ("IV_Product_RecID", "iv_item_recid", "Quantity", "invoice_number", "date_invoice", "serial_number")


def report(*rows: tuple[object, ...]) -> dict[str, Any]:
    return {"column_definitions": [{name: {"type": "Text"}} for name in COLUMNS], "row_values": rows}


def test_a_report_is_read_whether_it_writes_numbers_or_text(
    client: ConnectWiseClient, site: responses.RequestsMock
) -> None:
    rows = (
        (1, 3, 5, "17", "2026-04-01T00:00:00Z", "NP:1"),
        ("2", "3", "5.00", 17, "4/1/2026", ""),
        (3, 3, 5, None, None, None),
    )
    site.get(REPORT, json=report(*rows))
    found = client.products_reported([3, 4])
    assert [(record.iv_product_recid, record.quantity) for record in found.records] == [(1, 5), (2, 5), (3, 5)]
    assert [record.invoice_number for record in found.records] == ["17", "17", None]
    assert [record.date_invoice for record in found.records] == [date(2026, 4, 1), None, None]
    assert [record.serial_number for record in found.records] == ["NP:1", None, None]
    assert query(site)["conditions"] == "iv_item_recid in (3,4)"
    assert len(api_calls(site)) == 1


def test_a_row_that_cannot_be_read_is_counted_and_stops_no_other(
    client: ConnectWiseClient, site: responses.RequestsMock
) -> None:
    site.get(REPORT, json=report((1, 3, "many", "17", None, None), (2, 3, 5, "17", None, None)))
    found = client.products_reported([3])
    assert [record.iv_product_recid for record in found.records] == [2]
    (why,) = found.nameless
    assert why.startswith("quantity: ")


@pytest.mark.parametrize("pages", [True, False], ids=["pages", "all at once"])
def test_a_report_is_read_to_its_end_and_no_row_twice(
    client: ConnectWiseClient, site: responses.RequestsMock, *, pages: bool
) -> None:
    """A site may give fewer rows than asked for, or give the same page whatever page is asked for."""
    first = [(number, 3, 1, "17", None, None) for number in range(1, 31)]
    site.get(REPORT, json=report(*first))
    site.get(REPORT, json=report(*first) if not pages else report((31, 3, 1, "17", None, None)))
    found = client.products_reported([3])
    assert [record.iv_product_recid for record in found.records] == list(range(1, 32 if pages else 31))
    assert [query(site, number)["page"] for number in (0, 1)] == ["1", "2"]


def test_what_is_no_report_and_a_missing_right_are_named(
    client: ConnectWiseClient, site: responses.RequestsMock
) -> None:
    site.get(REPORT, json=[])
    with pytest.raises(ContractBroken, match="Report"):
        client.products_reported([3])
    site.replace("GET", REPORT, status=403, json={"code": "Security", "message": "No."})
    with pytest.raises(MissingRight, match="System > API Reports: Inquire"):
        client.prove_report()
    for path, right in (("/finance/invoices", "Finance > Invoicing"), ("/procurement/products", "Procurement > Prod")):
        site.get(f"{API}{path}/count", status=403, json={"code": "Security", "message": "No."})
        with pytest.raises(MissingRight, match=f"{right}.*: Inquire"):
            client.prove_invoices()
        site.replace("GET", f"{API}{path}/count", json={"count": 1})


def test_products_without_what_they_may_lack_are_read(client: ConnectWiseClient, site: responses.RequestsMock) -> None:
    site.get(
        f"{API}/procurement/products",
        json=[
            {"id": 1, "catalogItem": {"id": 3}, "quantity": 5, "serialNumbers": None, "invoice": None},
            {"id": 2, "catalogItem": {"id": 3}, "quantity": 5, "invoice": {"id": 9, "identifier": "17"}},
            {"id": 3, "catalogItem": None, "quantity": 5},
        ],
    )
    found = client.products_sold([3])
    assert [(item.id, item.invoice and item.invoice.identifier) for item in found.records] == [
        (1, None),
        (2, "17"),
    ]
    assert [record.id for record in found.unreadable] == [3]
