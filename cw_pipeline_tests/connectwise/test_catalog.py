"""Products and the tables that belong to them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from responses.matchers import query_param_matcher

from cw_pipeline.connectwise.models import NewCatalogItem
from cw_pipeline_tests.connectwise.conftest import API
from cw_pipeline_tests.connectwise.endpoints import CATALOG, FIRST_PAGE, item, query, sent

if TYPE_CHECKING:
    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient


def test_a_search_in_the_catalog_is_sorted_out_again_by_the_client(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(CATALOG, json=[item(1, "NP-B", "NordPass Business"), item(2, "OTHER", "Backup"), item(3, "nordpass")])
    assert [record.id for record in client.catalog_items(search="NordPass")] == [1, 3]
    asked = [query(site, number)["conditions"] for number in range(2)]
    assert asked == ['identifier contains "NordPass"', 'description contains "NordPass"']


def test_a_product_is_searched_by_either_text(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    for field, found in {"identifier": item(2, "NORD-B"), "description": item(1, "B", "Nord")}.items():
        condition = query_param_matcher({**FIRST_PAGE, "conditions": f'{field} contains "nord"'})
        site.get(CATALOG, match=[condition], json=[found])
    assert [record.id for record in client.catalog_items(search="nord")] == [2, 1]


def test_a_search_that_cannot_be_quoted_is_made_by_the_client_alone(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    name = 'O\'Brien "Best", Ltd'
    site.get(CATALOG, json=[item(1, "A", f"For {name}"), item(2, "B")])
    assert [record.id for record in client.catalog_items(search=name)] == [1]
    assert query(site) == FIRST_PAGE


def test_the_whole_catalog_is_read_without_a_search(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(CATALOG, json=[item(1, "A"), item(2, "B")])
    assert [record.price for record in client.catalog_items()] == [Decimal("3.1"), Decimal("3.1")]


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
    assert [record.name for record in client.product_types()] == ["types"]
    assert [record.name for record in client.subcategories()] == ["subcategories/"]
    assert [record.name for record in client.units_of_measure()] == ["unitOfMeasures"]
