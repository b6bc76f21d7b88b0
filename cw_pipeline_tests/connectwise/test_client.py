"""What each method asks ConnectWise, and what it makes of the answer."""

from __future__ import annotations

import base64
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.connectwise.errors import UnknownCompany, UnreadableReply
from cw_pipeline.connectwise.models import AgreementRecap, NewAddition
from cw_pipeline.connectwise.record_list import RecordList, Unreadable
from cw_pipeline_tests.connectwise.conftest import API, COMPANY_INFO, CREDENTIALS, addition, api_calls
from cw_pipeline_tests.connectwise.endpoints import AGREEMENTS, CATALOG, COMPANIES, agreement, query, sent

if TYPE_CHECKING:
    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient

NEW_LINE = NewAddition(
    product_id=3,
    quantity=Decimal("12.1"),
    effective_date=date(2026, 4, 1),
    cancelled_date=date(2026, 4, 30),
    serial_number="NP:2026-03:B:org",
)


def test_every_request_carries_credentials_client_id_and_version(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(f"{COMPANIES}/count", json={"count": 3})
    assert client.company_count() == 3
    headers = api_calls(site)[0].request.headers
    member = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert member == "example+PUBLICKEY0123456:PRIVATEKEY654321"
    assert headers["clientId"] == CREDENTIALS.client_id
    assert headers["Accept"] == "application/vnd.connectwise.com+json; version=2025.1"


def test_the_company_is_looked_up_without_keys(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    info = client.company_info()
    assert (info.codebase, info.company_name) == ("v4_6_release/", "Example MSP")
    assert "Authorization" not in site.calls[0].request.headers


@pytest.mark.parametrize(("status", "body"), [(200, "null"), (404, "<html>")])
def test_an_unknown_company_is_named(
    site: responses.RequestsMock, client: ConnectWiseClient, status: int, body: str
) -> None:
    site.upsert("GET", COMPANY_INFO, status=status, body=body)
    with pytest.raises(UnknownCompany, match="CONNECTWISE_COMPANY_ID"):
        client.company_count()


def test_a_site_that_is_not_connectwise_is_recognized(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.upsert("GET", COMPANY_INFO, body="<html>Welcome</html>")
    with pytest.raises(UnreadableReply, match="CONNECTWISE_SITE_URL"):
        client.company_count()


def test_agreements_of_no_company_need_no_request(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    assert client.agreements(company_ids=[]) == RecordList(())
    assert len(site.calls) == 0


def test_agreements_are_read_whatever_their_status(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(AGREEMENTS, json=[agreement(7, 2)])
    (by_company,) = client.agreements(company_ids=[2]).records
    assert query(site)["conditions"] == "company/id in (2)"
    (by_id,) = client.agreements_by_id([7]).records
    assert query(site)["conditions"] == "id in (7)"
    assert by_company == by_id
    assert (by_id.agreement_status, by_id.next_invoice_date) == ("Cancelled", date(2026, 4, 1))


def test_the_lines_of_an_agreement_take_one_request(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{AGREEMENTS}/7/additions", json=[addition(8), addition(9, quantity=2.5)])
    assert [line.quantity for line in client.additions(7).records] == [Decimal(12), Decimal("2.5")]
    assert len(api_calls(site)) == 1


def test_an_agreement_is_read_by_its_id(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{AGREEMENTS}/7", json=agreement(7, 2) | {"periodType": "Future"})
    assert client.agreement(7).period_type == "Future"


def test_billing_cycles_are_read_by_option_without_unreadable_ones(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    cycles = [
        {"id": 1, "name": "By month", "billingOptions": "Monthly"},
        {"id": 2, "name": "Odd", "billingOptions": 7},
        {"id": 3, "name": "Old"},
    ]
    site.get(f"{API}/finance/billingCycles", json=cycles)
    assert [(cycle.id, cycle.billing_options) for cycle in client.billing_cycles().records] == [
        (1, "Monthly"),
        (3, None),
    ]


def test_unreadable_recaps_do_not_stop_the_others(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    recap = {
        "name": "Managed",
        "nextInvoiceDate": "2026-04-01T00:00:00Z",
        "lastInvoiceNumber": "INV-17",
        "lastInvoiceDate": "2026-03-01",
        "unbilledPeriods": 1,
    }
    never = {"lastInvoiceNumber": "", "lastInvoiceDate": "", "nextInvoiceDate": None}
    site.get(
        f"{API}/finance/agreementrecap/",
        json=[{"id": 7, **recap}, {"id": 8, **never}, {"id": 9, "nextInvoiceDate": "?"}],
    )
    *readable, unreadable = client.agreement_recaps()
    assert isinstance(unreadable, Unreadable)
    assert [*readable, unreadable] == [
        AgreementRecap(
            id=7,
            next_invoice_date=date(2026, 4, 1),
            last_invoice_number="INV-17",
        ),
        AgreementRecap(id=8),
        Unreadable(9, unreadable.why, {"id": 9, "nextInvoiceDate": "?"}),
    ]
    assert unreadable.why.startswith("nextInvoiceDate: ")


def test_a_line_is_read_by_its_id(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{AGREEMENTS}/7/additions/9", json=addition(9, serialNumber="NP:2026-03:B:org"))
    assert client.addition(7, 9).serial_number == "NP:2026-03:B:org"


def test_a_quantity_is_sent_as_a_json_number_in_one_replace(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.patch(f"{AGREEMENTS}/7/additions/9", json=addition(9, quantity=0))
    assert client.set_quantity(7, 9, Decimal(0)).quantity == 0
    assert api_calls(site)[0].request.body == b'[{"op": "replace", "path": "quantity", "value": 0}]'


@pytest.mark.parametrize("quantity", ["-1", "0.3333333333333333", "1e15", "NaN"])
def test_a_negative_or_inexact_quantity_is_never_sent(
    site: responses.RequestsMock, client: ConnectWiseClient, quantity: str
) -> None:
    with pytest.raises(ValueError, match="negative or of more than 15 digits"):
        client.set_quantity(7, 9, Decimal(quantity))
    assert len(site.calls) == 0


def test_a_line_is_created_with_exact_numbers(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.post(f"{AGREEMENTS}/7/additions", status=201, json=addition(9))
    assert client.create_addition(7, NEW_LINE).id == 9
    assert sent(site) == {
        "product": {"id": 3},
        "quantity": 12.1,
        "effectiveDate": "2026-04-01T00:00:00Z",
        "cancelledDate": "2026-04-30T00:00:00Z",
        "serialNumber": "NP:2026-03:B:org",
        "invoiceDescription": "",
        "billCustomer": "Billable",
    }


@pytest.mark.parametrize("answer", [addition(9), addition(9, serialNumber=None), addition(9, serialNumber="")])
def test_a_line_created_without_its_serial_number_is_read_for_its_id(
    site: responses.RequestsMock, client: ConnectWiseClient, answer: dict[str, object]
) -> None:
    site.post(f"{AGREEMENTS}/7/additions", status=201, json=answer)
    created = client.create_addition(7, NEW_LINE)
    assert created.id == 9
    assert not created.serial_number


def test_company_types_and_statuses_are_read(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{COMPANIES}/types", json=[{"id": 1, "name": "Client"}])
    site.get(f"{COMPANIES}/statuses", json=[{"id": 2, "name": "Active", "inactiveFlag": False}])
    assert [record.name for record in client.company_types()] == ["Client"]
    assert [record.name for record in client.company_statuses()] == ["Active"]


def test_counts_prove_that_lists_may_be_read(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    for number, path in enumerate((COMPANIES, AGREEMENTS, CATALOG)):
        site.get(f"{path}/count", json={"count": number})
    assert (client.company_count(), client.agreement_count(), client.catalog_count()) == (0, 1, 2)
