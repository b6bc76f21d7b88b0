from decimal import Decimal
from typing import Any

import pytest
import requests

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.connectwise.additions import ALREADY_INVOICED, BEFORE_BILL_START
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, Right
from cw_pipeline.sandbox.wire import Record
from cw_pipeline_tests.sandbox.conftest import Api, document

LINES = "/finance/agreements/1001/additions"
NEW: Record = {
    "product": {"id": 3},
    "quantity": 12,
    "billCustomer": "Billable",
    "effectiveDate": "2026-04-01T00:00:00Z",
    "cancelledDate": "2026-04-30T00:00:00Z",
    "serialNumber": "NP:2026-03:B:x",
    "invoiceDescription": "NordPass Business, March 2026",
}


def replace(path: str, value: object) -> list[Record]:
    return [{"op": "replace", "path": path, "value": value}]


def errors(response: requests.Response) -> list[tuple[str, str]]:
    assert response.status_code == 400
    body = document(response)
    assert (body["code"], body["message"]) == ("InvalidObject", "Addition object is invalid")
    return [(error["code"], error["field"]) for error in body["errors"]]


def created(api: Api, **members: object) -> Record:
    response = api.post(LINES, NEW | members)
    assert response.status_code == 201, response.text
    return document(response)


def test_a_created_line_shows_what_was_sent_and_what_is_computed(api: Api) -> None:
    line = created(api)
    assert line | {"product": {"id": 3}} == line | NEW
    assert line["product"] == {"id": 3, "identifier": "NORDPASS-BUS", "serializedFlag": False}
    assert (line["unitPrice"], line["billedQuantity"]) == (Decimal("4.99"), 12)
    assert (line["agreementId"], line["agreementStatus"]) == (1001, "Active")
    assert document(api.get(f"{LINES}/{line['id']}")) == line


def test_amounts_are_json_numbers(api: Api) -> None:
    response = api.post(LINES, NEW)
    assert '"quantity":12' in response.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"product": None}, [("MissingRequiredField", "product")]),
        ({"billCustomer": None}, [("MissingRequiredField", "billCustomer")]),
        ({"product": {"id": 99}}, [("NotFound", "product")]),
        ({"product": {"id": 6}}, [("InvalidField", "product")]),
        ({"billCustomer": "Sometimes"}, [("InvalidField", "billCustomer")]),
        ({"quantity": -1}, [("OutOfRange", "quantity")]),
        ({"quantity": "12"}, [("InvalidField", "quantity")]),
        ({"quantity": True}, [("InvalidField", "quantity")]),
        ({"serialNumber": "x" * 51}, [("MaxLengthField", "serialNumber")]),
        ({"invoiceDescription": "x" * 6001}, [("MaxLengthField", "invoiceDescription")]),
        ({"effectiveDate": "soon"}, [("InvalidField", "effectiveDate")]),
    ],
)
def test_a_line_that_breaks_a_rule_is_not_created(reader: Api, change: Record, expected: list[Any]) -> None:
    assert errors(reader.post(LINES, NEW | change)) == expected


def test_an_unknown_member_is_refused_and_a_computed_one_ignored(api: Api) -> None:
    refused = api.post(LINES, NEW | {"quantityy": 1})
    assert document(refused)["message"].startswith("Could not find member 'quantityy' on object of type 'Addition'.")
    assert created(api, billedQuantity=1)["billedQuantity"] == 12


def test_a_body_with_nan_is_not_json(api: Api) -> None:
    text = '{"product": {"id": 3}, "billCustomer": "Billable", "quantity": NaN}'
    assert api.session.post(api.base + LINES, data=text, timeout=10).status_code == 400


def rejection(sandbox: Sandbox, api: Api, effective: str, **agreement: object) -> str | None:
    sandbox.connectwise.edit_agreement(1001, **agreement)
    response = api.post(LINES, NEW | {"effectiveDate": effective})
    if response.status_code == 201:
        return None
    assert errors(response)
    return document(response)["errors"][0]["message"]


def test_a_line_before_the_billing_start_is_rejected(sandbox: Sandbox, api: Api) -> None:
    start = "2026-04-02T00:00:00Z"
    for prorate in (True, False):
        assert rejection(sandbox, api, "2026-04-01", billStartDate=start, prorateFlag=prorate) == BEFORE_BILL_START
    assert rejection(sandbox, api, "2026-04-02") is None


def test_a_line_in_an_invoiced_period_is_rejected_unless_the_agreement_prorates(sandbox: Sandbox, api: Api) -> None:
    assert rejection(sandbox, api, "2026-03-31", nextInvoiceDate="2026-04-01") == ALREADY_INVOICED
    assert rejection(sandbox, api, "2026-04-01") is None
    assert rejection(sandbox, api, "2026-03-31", prorateFlag=True) is None
    assert rejection(sandbox, api, "2026-03-31", prorateFlag=False, nextInvoiceDate=None) is None


def test_a_patch_changes_the_quantity_and_returns_the_whole_line(api: Api) -> None:
    line = created(api)
    path = f"{LINES}/{line['id']}"
    patched = document(api.patch(path, replace("quantity", 0)))
    assert (patched["quantity"], patched["billedQuantity"], patched["serialNumber"]) == (0, 0, NEW["serialNumber"])
    assert patched["_info"]["lastUpdated"] > line["_info"]["lastUpdated"]
    assert document(api.patch(path, replace("/quantity", 3)))["quantity"] == 3


def test_a_sub_path_gives_a_false_200(api: Api) -> None:
    line = created(api)
    response = api.patch(f"{LINES}/{line['id']}", replace("product/id", 4))
    assert response.status_code == 200
    assert document(response)["product"]["id"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {"op": "replace", "path": "quantity", "value": 1},
        ["quantity"],
        [{"op": "set", "path": "quantity", "value": 1}],
        replace("Quantity", 1),
    ],
)
def test_a_patch_in_the_wrong_form_is_refused(reader: Api, body: object) -> None:
    refused = reader.patch(f"{LINES}/5001", body)
    assert (refused.status_code, document(refused)["code"]) == (400, "ConnectWiseApi")


def test_a_patch_with_a_wrong_value_is_refused(reader: Api) -> None:
    assert errors(reader.patch(f"{LINES}/5001", replace("quantity", -1))) == [("OutOfRange", "quantity")]
    assert errors(reader.patch(f"{LINES}/5001", replace("quantity", None))) == [("MissingRequiredField", "quantity")]
    removed = [{"op": "remove", "path": "billCustomer"}]
    assert errors(reader.patch(f"{LINES}/5001", removed)) == [("MissingRequiredField", "billCustomer")]


def test_a_patch_validates_the_whole_stored_line(reader: Api) -> None:
    assert errors(reader.patch(f"{LINES}/5002", replace("quantity", 1))) == [("MaxLengthField", "serialNumber")]


def test_a_date_is_cleared_by_null(api: Api) -> None:
    line = created(api)
    assert "cancelledDate" not in document(api.patch(f"{LINES}/{line['id']}", replace("cancelledDate", None)))


def test_another_product_brings_its_price_unless_one_is_sent(api: Api) -> None:
    path = f"{LINES}/{created(api, unitPrice=1)['id']}"
    assert document(api.patch(path, replace("product", {"id": 4})))["unitPrice"] == Decimal("7.49")
    kept = document(api.patch(path, replace("product", {"id": 3}) + replace("unitPrice", 2)))
    assert (kept["product"]["id"], kept["unitPrice"]) == (3, 2)


def test_custom_fields_may_be_needed_in_a_patch(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(additions_need_custom_fields=True)
    assert errors(api.patch(f"{LINES}/5001", replace("quantity", 1))) == [("MissingRequiredField", "customFields")]
    assert api.patch(f"{LINES}/5001", replace("quantity", 1) + replace("customFields", [])).status_code == 200


def test_writes_on_invoiced_lines_and_inactive_agreements_may_be_refused(sandbox: Sandbox, api: Api) -> None:
    assert api.patch(f"{LINES}/5001", replace("quantity", 1)).status_code == 200
    sandbox.connectwise.change_settings(accepts_writes_on_invoiced_additions=False)
    assert errors(api.patch(f"{LINES}/5001", replace("quantity", 1))) == [("InvalidField", "effectiveDate")]
    sandbox.connectwise.edit_agreement(1001, cancelledFlag=True)
    assert api.post(LINES, NEW).status_code == 201
    sandbox.connectwise.change_settings(accepts_writes_on_inactive_agreements=False)
    assert errors(api.post(LINES, NEW)) == [("InvalidField", "agreementId")]


def test_an_invoiced_line_cannot_be_deleted(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.set_role(SEED_ROLE | {Right.AGREEMENTS_DELETE})
    path = f"{LINES}/{created(api)['id']}"
    sandbox.connectwise.invoice(1001)
    assert api.send("DELETE", path).status_code == 409
    sandbox.connectwise.change_settings(accepts_delete_of_invoiced_additions=True)
    assert api.send("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_serial_number_may_not_be_kept(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(keeps_serial_numbers=False)
    created = api.post(LINES, {"product": {"id": 3}, "billCustomer": "Billable", "serialNumber": "NP:1"})
    assert created.status_code == 201
    line = document(created)
    assert "serialNumber" not in line
    assert document(api.get(f"{LINES}/{line['id']}")) == line
