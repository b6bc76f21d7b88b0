"""Records are read in every form that ConnectWise writes them in, and refused in any other."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypeVar

import pytest
from pydantic import BaseModel, ValidationError

from cw_pipeline.connectwise.models import (
    Addition,
    Agreement,
    Company,
    CompanyInfo,
    NewAddition,
    NewCatalogItem,
    Reference,
)
from cw_pipeline.connectwise.replies import parse_json, read_record
from cw_pipeline_tests.connectwise.conftest import addition, company

RecordT = TypeVar("RecordT", bound=BaseModel)

AGREEMENT: dict[str, object] = {
    "id": 7,
    "name": "Managed services",
    "type": {"id": 1, "name": "Managed"},
    "company": {"id": 2, "identifier": "acme", "name": "ACME"},
}


def read(model: type[RecordT], document: object) -> RecordT:
    return read_record(document, model, endpoint="GET /test")


@pytest.mark.parametrize("unset", [None, "", " "])
def test_an_unset_date_is_none(unset: object) -> None:
    fields = ("endDate", "billStartDate", "nextInvoiceDate")
    agreement = read(Agreement, AGREEMENT | dict.fromkeys(fields, unset))
    assert agreement == read(Agreement, AGREEMENT)
    assert agreement.next_invoice_date is None


@pytest.mark.parametrize(
    "written",
    ["2026-04-01", "2026-04-01T00:00:00Z", "2026-04-01T00:00:00", "2026-04-01T05:00:00Z", "2026-04-01T00:00:00+02:00"],
)
def test_a_date_is_the_calendar_date_as_written(written: str) -> None:
    assert read(Agreement, AGREEMENT | {"nextInvoiceDate": written}).next_invoice_date == date(2026, 4, 1)


@pytest.mark.parametrize("written", ["soon", "2026-02-30", 1_700_000_000, True, ["2026-04-01"]])
def test_what_is_no_date_is_refused(written: object) -> None:
    with pytest.raises(Exception, match="nextInvoiceDate of record 7"):
        read(Agreement, AGREEMENT | {"nextInvoiceDate": written})


def test_an_agreement_is_read_with_its_references() -> None:
    agreement = read(
        Agreement,
        AGREEMENT
        | {
            "parentAgreement": {"id": None, "name": None},
            "billingCycle": {"id": 2, "name": "Monthly"},
            "prorateFlag": True,
            "cancelledFlag": None,
            "agreementStatus": "Active",
            "someNewField": {"x": 1},
        },
    )
    assert agreement.company == Reference(id=2, identifier="acme", name="ACME")
    assert agreement.parent_agreement is None
    assert agreement.billing_cycle == Reference(id=2, name="Monthly")
    assert (agreement.prorate_flag, agreement.cancelled_flag, agreement.agreement_status) == (True, False, "Active")


def test_a_quantity_keeps_every_digit() -> None:
    document = parse_json(b'{"id":1,"product":{"id":3},"quantity":0.1000000000000000055,"billCustomer":"Billable"}')
    assert read(Addition, document).quantity == Decimal("0.1000000000000000055")


@pytest.mark.parametrize(("written", "quantity"), [(12, 12), (Decimal("12.0"), 12), (0, 0), (None, 0)])
def test_a_quantity_is_a_decimal(written: object, quantity: int) -> None:
    line = read(Addition, addition(1, quantity=written))
    assert line.quantity == quantity
    assert isinstance(line.quantity, Decimal)


@pytest.mark.parametrize(("written", "included"), [({}, 0), ({"lessIncluded": None}, 0), ({"lessIncluded": 3}, 3)])
def test_what_is_included_is_a_decimal(written: dict[str, object], included: int) -> None:
    line = read(Addition, addition(1, **written))
    assert line.less_included == included
    assert isinstance(line.less_included, Decimal)


@pytest.mark.parametrize("written", ["12", True, [], {}, 1.5])
def test_a_quantity_that_is_no_json_number_is_refused(written: object) -> None:
    with pytest.raises(Exception, match="quantity of record 1"):
        read(Addition, addition(1, quantity=written))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_json_does_not_know_as_a_number_is_not_json(number: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON number"):
        parse_json(number)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read(Company, company(1)).name = "other"  # pyright: ignore[reportAttributeAccessIssue]  (the point of the test)


def test_the_contents_of_a_record_stay_out_of_the_error() -> None:
    with pytest.raises(Exception, match="name of record 1") as raised:
        read(Company, company(1, name=["CONFIDENTIAL"]))
    assert "CONFIDENTIAL" not in str(raised.value)


@pytest.mark.parametrize("codebase", ["", "v4_6_release", "../", "a/b/", "https://evil.example.com/", None])
def test_a_codebase_that_is_no_path_segment_is_refused(codebase: object) -> None:
    with pytest.raises(Exception, match="Codebase"):
        read(CompanyInfo, {"Codebase": codebase})


def new_addition(**fields: object) -> NewAddition:
    return NewAddition.model_validate(
        {
            "product_id": 3,
            "quantity": 12,
            "effective_date": date(2026, 4, 1),
            "cancelled_date": date(2026, 4, 30),
            "serial_number": "NP:2026-03:B:org",
        }
        | fields
    )


def test_a_new_line_has_only_members_that_connectwise_knows() -> None:
    assert new_addition(invoice_description="Seats of March").body() == {
        "product": {"id": 3},
        "quantity": 12,
        "effectiveDate": "2026-04-01T00:00:00Z",
        "cancelledDate": "2026-04-30T00:00:00Z",
        "serialNumber": "NP:2026-03:B:org",
        "invoiceDescription": "Seats of March",
        "billCustomer": "Billable",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"quantity": -1},
        {"quantity": True},
        {"serial_number": "x" * 51},
        {"invoice_description": "x" * 6001},
        {"quantity": Decimal("NaN")},
        {"quantity": Decimal("0.1234567890123456")},
        {"bill_customer": "Maybe"},
    ],
)
def test_a_line_that_connectwise_would_refuse_or_change_cannot_be_made(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        new_addition(**fields)


def test_a_new_product_refers_to_its_subcategory_type_and_unit() -> None:
    item = NewCatalogItem(
        identifier="NP-B",
        description="NordPass",
        customer_description="NordPass Business",
        subcategory_id=4,
        type_id=5,
        unit_of_measure_id=6,
    )
    assert item.body() == {
        "identifier": "NP-B",
        "description": "NordPass",
        "customerDescription": "NordPass Business",
        "productClass": "NonInventory",
        "subcategory": {"id": 4},
        "type": {"id": 5},
        "unitOfMeasure": {"id": 6},
    }
