"""What each method asks ConnectWise, and what it makes of the answer."""

from __future__ import annotations

import base64
import json
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from responses.matchers import query_param_matcher

from cw_pipeline.connectwise.errors import ContractBroken, MissingRight, UnknownCompany, UnreadableReply
from cw_pipeline.connectwise.listed import Listed, Unreadable
from cw_pipeline.connectwise.models import AgreementRecap, NewAddition, NewCatalogItem
from cw_pipeline_tests.connectwise.conftest import API, COMPANY_INFO, CREDENTIALS, addition, api_calls, company

if TYPE_CHECKING:
    from collections.abc import Callable

    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient

COMPANIES = f"{API}/company/companies"
AGREEMENTS = f"{API}/finance/agreements"
CATALOG = f"{API}/procurement/catalog"
NOT_FOUND = {"code": "NotFound", "message": "Company 3 was not found"}
FIRST_PAGE = {"page": "1", "pageSize": "1000", "orderBy": "id asc"}
NEW_LINE = NewAddition(
    product_id=3,
    quantity=Decimal("12.1"),
    effective_date=date(2026, 4, 1),
    cancelled_date=date(2026, 4, 30),
    serial_number="NP:2026-03:B:org",
)


def query(site: responses.RequestsMock, number: int = -1) -> dict[str, str]:
    url = api_calls(site)[number].request.url or ""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def sent(site: responses.RequestsMock) -> object:
    return json.loads(api_calls(site)[-1].request.body or b"null")


def agreement(number: int, company_id: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"Agreement {number}",
        "type": {"id": 1, "name": "Managed"},
        "company": {"id": company_id, "identifier": "acme", "name": "ACME"},
        "agreementStatus": "Cancelled",
        "nextInvoiceDate": "2026-04-01T00:00:00Z",
    }


def item(number: int, identifier: str, description: str = "") -> dict[str, object]:
    return {"id": number, "identifier": identifier, "description": description, "price": 3.1}


def test_every_request_carries_the_api_member_the_client_id_and_the_pinned_version(
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
    assert (info.codebase, info.company_name, info.is_cloud) == ("v4_6_release/", "Example MSP", True)
    assert "Authorization" not in site.calls[0].request.headers


@pytest.mark.parametrize(("status", "body"), [(200, "null"), (404, "<html>")])
def test_an_unknown_company_is_said_to_be_unknown(
    site: responses.RequestsMock, client: ConnectWiseClient, status: int, body: str
) -> None:
    site.upsert("GET", COMPANY_INFO, status=status, body=body)
    with pytest.raises(UnknownCompany, match="CONNECTWISE_COMPANY_ID"):
        client.company_count()


def test_a_site_that_is_no_connectwise_is_said_to_be_none(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.upsert("GET", COMPANY_INFO, body="<html>Welcome</html>")
    with pytest.raises(UnreadableReply, match="CONNECTWISE_SITE_URL"):
        client.company_count()


def test_companies_are_asked_for_by_type_and_status_and_filtered_again(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    wanted = {"types": [{"id": 1}, {"id": 2}], "status": {"id": 5}}
    site.get(
        COMPANIES,
        json=[
            company(1, **wanted),
            company(2, **wanted | {"deletedFlag": True}),
            company(3, **wanted | {"types": [{"id": 9}]}),
            company(4, **wanted | {"types": None}),
            company(5, **wanted | {"status": {"id": 6}}),
            company(6, **wanted | {"status": None}),
            company(7, **wanted | {"deletedFlag": None}),
        ],
    )
    assert [one.id for one in client.companies(type_ids=[2, 3], status_ids=[5]).records] == [1, 7]
    assert query(site)["conditions"] == "deletedFlag = false and status/id in (5)"
    assert query(site)["childConditions"] == "types/id = 2 or types/id = 3"


@pytest.mark.parametrize("choice", [{"type_ids": [1]}, {"status_ids": [5]}, {"type_ids": [1], "status_ids": [5]}])
def test_a_choice_that_finds_no_company_is_made_by_the_client_as_well(
    site: responses.RequestsMock, client: ConnectWiseClient, choice: dict[str, list[int]]
) -> None:
    simple = {**FIRST_PAGE, "conditions": "deletedFlag = false"}
    site.get(COMPANIES, json=[])
    site.get(
        COMPANIES,
        match=[query_param_matcher(simple)],
        json=[company(1, types=[{"id": 1}], status={"id": 5}), company(2, types=[{"id": 2}], status={"id": 6})],
    )
    assert [one.id for one in client.companies(**choice).records] == [1]
    assert len(api_calls(site)) == 2


def test_no_company_at_all_is_asked_for_once(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(COMPANIES, json=[])
    assert client.companies().records == ()
    assert len(api_calls(site)) == 1


def test_without_a_choice_every_company_that_is_not_deleted_is_read(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(COMPANIES, json=[company(1), company(2, deletedFlag=True)])
    assert [one.id for one in client.companies().records] == [1]
    assert query(site) == FIRST_PAGE | {"conditions": "deletedFlag = false"}


def test_a_choice_too_long_for_a_url_is_filtered_in_the_client_alone(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(COMPANIES, json=[company(1, types=[{"id": 1}]), company(2, types=[{"id": 999}])])
    assert [one.id for one in client.companies(type_ids=range(1, 500)).records] == [1]
    assert query(site)["conditions"] == "deletedFlag = false"
    assert "childConditions" not in query(site)


def test_companies_by_id_include_deleted_ones_and_leave_out_what_is_gone(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(COMPANIES, json=[company(1), company(2, deletedFlag=True)])
    site.get(f"{COMPANIES}/3", status=404, json=NOT_FOUND)
    assert {one.id: one.deleted_flag for one in client.companies_by_id([3, 2, 1]).records} == {1: False, 2: True}
    assert query(site, 0)["conditions"] == "id in (1,2,3)"


def test_what_a_list_lacks_is_asked_for_by_itself(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(COMPANIES, json=[company(2)])
    site.get(f"{COMPANIES}/1", json=company(1))
    assert [one.id for one in client.companies_by_id([1, 2]).records] == [2, 1]
    site.get(AGREEMENTS, json=[])
    site.get(f"{AGREEMENTS}/7", json=agreement(7, 2))
    assert [one.id for one in client.agreements_by_id([7]).records] == [7]


LISTS: dict[str, tuple[Callable[[ConnectWiseClient], Listed[Any]], str]] = {
    "companies": (lambda client: client.companies(), COMPANIES),
    "companies by id": (lambda client: client.companies_by_id([1, 2, 3]), COMPANIES),
    "agreements": (lambda client: client.agreements(company_ids=[2]), AGREEMENTS),
    "agreements by id": (lambda client: client.agreements_by_id([1, 2, 3]), AGREEMENTS),
    "lines": (lambda client: client.additions(7), f"{AGREEMENTS}/7/additions"),
}


@pytest.mark.parametrize(("read", "path"), LISTS.values(), ids=LISTS)
def test_one_record_that_cannot_be_read_stops_no_other(
    site: responses.RequestsMock, client: ConnectWiseClient, read: Callable[[ConnectWiseClient], Listed[Any]], path: str
) -> None:
    first, spoiled, last = ({**company(one), **agreement(one, 2), **addition(one)} for one in (1, 2, 3))
    spoiled |= {"name": None, "product": None}
    site.get(path, json=[first, spoiled, last])
    listed = read(client)
    assert [one.id for one in listed.records] == [1, 3]
    (unreadable,) = listed.unreadable
    assert (unreadable.id, unreadable.sent) == (2, spoiled)
    assert re.match("(name|product): ", unreadable.why)
    assert len(api_calls(site)) == 1


def test_what_is_asked_for_by_itself_may_be_unreadable_too(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[agreement(7, 2)])
    site.get(f"{AGREEMENTS}/8", json=["no record"])
    listed = client.agreements_by_id([7, 8])
    assert [one.id for one in listed.records] == [7]
    assert [(one.id, one.sent) for one in listed.unreadable] == [(8, {})]


def test_a_list_that_is_none_is_refused_whole(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{AGREEMENTS}/7/additions", json={"id": 1})
    with pytest.raises(ContractBroken, match="where a list of records is promised"):
        client.additions(7)


def test_ids_that_the_list_has_cost_no_more_than_the_list(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[agreement(7, 2), agreement(8, 2)])
    assert [one.id for one in client.agreements_by_id([8, 7]).records] == [7, 8]
    assert len(api_calls(site)) == 1


def test_what_cannot_be_asked_for_by_itself_is_not_taken_for_gone(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[])
    site.get(f"{AGREEMENTS}/7", status=403, json={"code": "Forbidden", "message": "no"})
    with pytest.raises(MissingRight):
        client.agreements_by_id([7])


def test_many_ids_are_asked_for_in_several_urls_each_under_two_thousand_characters(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[])
    assert client.agreements(company_ids=range(10_000, 11_000)) == Listed(())
    calls = api_calls(site)
    assert all(len(call.request.url or "") < 2000 for call in calls)
    asked = " ".join(query(site, number)["conditions"] for number in range(len(calls)))
    assert all(str(number) in asked for number in range(10_000, 11_000))


def test_agreements_of_no_company_need_no_request(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    assert client.agreements(company_ids=[]) == Listed(())
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


def test_a_billing_cycle_is_known_by_its_options_and_one_that_cannot_be_read_is_left_out(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    cycles = [
        {"id": 1, "name": "By month", "billingOptions": "Monthly"},
        {"id": 2, "name": "Odd", "billingOptions": 7},
        {"id": 3, "name": "Old"},
    ]
    site.get(f"{API}/finance/billingCycles", json=cycles)
    assert [(one.id, one.billing_options) for one in client.billing_cycles().records] == [(1, "Monthly"), (3, None)]


def test_a_recap_says_what_was_invoiced_and_one_that_cannot_be_read_stops_no_other(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    told = {
        "name": "Managed",
        "nextInvoiceDate": "2026-04-01T00:00:00Z",
        "lastInvoiceNumber": "INV-17",
        "lastInvoiceDate": "2026-03-01",
        "unbilledPeriods": 1,
    }
    never = {"lastInvoiceNumber": "", "lastInvoiceDate": "", "nextInvoiceDate": None}
    site.get(
        f"{API}/finance/agreementrecap/",
        json=[{"id": 7, **told}, {"id": 8, **never}, {"id": 9, "unbilledPeriods": "?"}],
    )
    *readable, unreadable = client.agreement_recaps()
    assert isinstance(unreadable, Unreadable)
    assert [*readable, unreadable] == [
        AgreementRecap(
            id=7,
            name="Managed",
            next_invoice_date=date(2026, 4, 1),
            last_invoice_number="INV-17",
            last_invoice_date=date(2026, 3, 1),
            unbilled_periods=1,
        ),
        AgreementRecap(id=8),
        Unreadable(9, unreadable.why, {"id": 9, "unbilledPeriods": "?"}),
    ]
    assert unreadable.why.startswith("unbilledPeriods: ")


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
def test_a_quantity_that_no_json_number_says_exactly_or_that_is_negative_is_not_sent(
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


def test_a_search_in_the_catalog_is_sorted_out_again_by_the_client(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(CATALOG, json=[item(1, "NP-B", "NordPass Business"), item(2, "OTHER", "Backup"), item(3, "nordpass")])
    assert [one.id for one in client.catalog_items(search="NordPass")] == [1, 3]
    asked = [query(site, number)["conditions"] for number in range(2)]
    assert asked == ['identifier contains "NordPass"', 'description contains "NordPass"']


def test_a_product_is_searched_by_either_text(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    for field, found in {"identifier": item(2, "NORD-B"), "description": item(1, "B", "Nord")}.items():
        condition = query_param_matcher({**FIRST_PAGE, "conditions": f'{field} contains "nord"'})
        site.get(CATALOG, match=[condition], json=[found])
    assert [one.id for one in client.catalog_items(search="nord")] == [2, 1]


def test_a_search_that_cannot_be_quoted_is_made_by_the_client_alone(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    name = 'O\'Brien "Best", Ltd'
    site.get(CATALOG, json=[item(1, "A", f"For {name}"), item(2, "B")])
    assert [one.id for one in client.catalog_items(search=name)] == [1]
    assert query(site) == FIRST_PAGE


def test_the_whole_catalog_is_read_without_a_search(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(CATALOG, json=[item(1, "A"), item(2, "B")])
    assert [one.price for one in client.catalog_items()] == [Decimal("3.1"), Decimal("3.1")]


@pytest.mark.parametrize(
    ("identifier", "conditions"),
    [
        ("NP-B", 'identifier = "NP-B"'),
        ("O'Brien", 'identifier = "O\'Brien"'),
        ('27"', "identifier = '27\"'"),
        ('O\'Brien "Best", Ltd', None),
        ("NP[B]", None),
    ],
)
def test_a_product_is_found_by_its_identifier_whatever_quotes_it_holds(
    site: responses.RequestsMock, client: ConnectWiseClient, identifier: str, conditions: str | None
) -> None:
    site.get(CATALOG, json=[item(1, identifier.swapcase()), item(2, identifier), item(3, identifier + "x")])
    found = client.catalog_item_by_identifier(identifier)
    assert found is not None
    assert found.id == (2 if identifier.swapcase() != identifier else 1)
    assert query(site).get("conditions") == conditions


def test_no_product_is_none(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(CATALOG, json=[item(1, "NP-BUSINESS-2")])
    assert client.catalog_item_by_identifier("NP-BUSINESS") is None


def test_a_product_is_read_and_created(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{CATALOG}/4", json=item(4, "NP-B") | {"productClass": "Bundle", "inactiveFlag": True})
    read = client.catalog_item(4)
    assert (read.product_class, read.inactive_flag) == ("Bundle", True)
    site.post(CATALOG, status=201, json=item(5, "NP-E"))
    new = NewCatalogItem(
        identifier="NP-E", description="NordPass", customer_description="NordPass", subcategory_id=1, type_id=2
    )
    assert client.create_catalog_item(new).id == 5
    assert sent(site) == new.body()


def test_the_tables_of_products_are_read_from_their_own_paths(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    for path in ("types", "subcategories/", "unitOfMeasures"):
        site.get(f"{API}/procurement/{path}", json=[{"id": 1, "name": path}])
    assert [one.name for one in client.product_types()] == ["types"]
    assert [one.name for one in client.subcategories()] == ["subcategories/"]
    assert [one.name for one in client.units_of_measure()] == ["unitOfMeasures"]


def test_company_types_and_statuses_are_read(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{COMPANIES}/types", json=[{"id": 1, "name": "Client"}])
    site.get(f"{COMPANIES}/statuses", json=[{"id": 2, "name": "Active", "inactiveFlag": False}])
    assert [one.name for one in client.company_types()] == ["Client"]
    assert [one.name for one in client.company_statuses()] == ["Active"]


def test_counts_prove_that_lists_may_be_read(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    for number, path in enumerate((COMPANIES, AGREEMENTS, CATALOG)):
        site.get(f"{path}/count", json={"count": number})
    assert (client.company_count(), client.agreement_count(), client.catalog_count()) == (0, 1, 2)
