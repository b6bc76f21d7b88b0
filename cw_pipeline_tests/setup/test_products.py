from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.connectwise.errors import UncertainWrite
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.setup.connection import connect
from cw_pipeline.setup.errors import NotConnected, NotPossible, UnknownChoice
from cw_pipeline.setup.products import (
    confirm_products,
    create_product,
    list_products,
    map_product,
    mapped_products,
    why_not_billable,
)
from cw_pipeline.vocabulary import Plan, State
from cw_pipeline.warehouse.tables import IntegrationRow, ProductMappingRow

if TYPE_CHECKING:
    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse


@pytest.fixture
def connected(warehouse: Warehouse, client: ConnectWiseClient) -> Warehouse:
    connect(client, warehouse)
    return warehouse


def mapping(warehouse: Warehouse, plan: Plan) -> tuple[int, int | None] | None:
    with warehouse.transaction() as session:
        row = session.get(ProductMappingRow, plan.value)
        return (row.product_id, row.confirmed_product_id) if row else None


def test_the_catalog_is_listed_with_what_cannot_be_billed(client: ConnectWiseClient) -> None:
    reasons = {item.identifier: why_not_billable(item) for item in list_products(client, "nordpass")}
    assert reasons == {"NORDPASS-2022": "it is inactive", "NORDPASS-BUS": None, "NORDPASS-ENT": None}


@pytest.mark.parametrize("product", [3, "3", "NORDPASS-BUS", "nordpass-bus"])
def test_a_plan_mapped_by_id_or_identifier_needs_confirmation(
    product: int | str, connected: Warehouse, client: ConnectWiseClient
) -> None:
    mapped = map_product(client, connected, Plan.BUSINESS, product)
    assert (mapped.identifier, mapped.price, mapped.confirmed) == ("NORDPASS-BUS", Decimal("4.99"), False)
    assert mapping(connected, Plan.BUSINESS) == (3, None)


@pytest.mark.parametrize(("product", "why"), [("NORDPASS-2022", "inactive"), ("SEC-BUNDLE", "Bundle")])
def test_an_unbillable_product_is_refused_with_the_reason(
    product: str, why: str, connected: Warehouse, client: ConnectWiseClient
) -> None:
    with pytest.raises(NotPossible, match=why):
        map_product(client, connected, Plan.BUSINESS, product)
    assert mapping(connected, Plan.BUSINESS) is None


@pytest.mark.parametrize("product", ["no such", 999, "999"])
def test_an_unknown_product_is_refused_with_the_billable_ones(
    product: int | str, connected: Warehouse, client: ConnectWiseClient
) -> None:
    with pytest.raises(UnknownChoice) as refused:
        map_product(client, connected, Plan.BUSINESS, product)
    assert "NORDPASS-ENT" in refused.value.choices
    assert "SEC-BUNDLE" not in refused.value.choices


@pytest.mark.parametrize("identifier", ["777", "4006381333931"])
def test_an_identifier_that_is_a_number_can_be_mapped(
    identifier: str, connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.connectwise.update("catalog", 3, {"identifier": identifier})
    assert map_product(client, connected, Plan.BUSINESS, identifier).product_id == 3


def test_nothing_is_mapped_before_connecting(warehouse: Warehouse, client: ConnectWiseClient) -> None:
    with pytest.raises(NotConnected):
        map_product(client, warehouse, Plan.BUSINESS, 3)
    with pytest.raises(NotConnected):
        create_product(client, warehouse, Plan.BUSINESS)
    with pytest.raises(NotConnected):
        confirm_products(warehouse)


def test_a_product_is_created_from_names_and_mapped(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    mapped = create_product(
        client,
        connected,
        Plan.ENTERPRISE,
        subcategory="security software",
        product_type="Subscription",
        unit="seat",
        price=Decimal("7.25"),
        cost=Decimal("3.10"),
    )
    item = sandbox.connectwise.tables["catalog"][mapped.product_id]
    assert (item["identifier"], item["subcategory"]["name"], item["unitOfMeasure"]["name"]) == (
        "NordPass Enterprise",
        "Security software",
        "Seat",
    )
    assert (mapped.price, mapped.cost) == (Decimal("7.25"), Decimal("3.1"))
    (to_complete,) = mapped.warnings
    assert to_complete.startswith(
        f"Complete NordPass Enterprise ({mapped.product_id}) in ConnectWise under Procurement"
    )
    assert mapping(connected, Plan.ENTERPRISE) == (mapped.product_id, None)


def test_a_product_without_a_price_is_warned_about(connected: Warehouse, client: ConnectWiseClient) -> None:
    assert "no price" in create_product(client, connected, Plan.BUSINESS).warnings[0]


def test_choices_are_listed_and_nothing_is_created(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.connectwise.update("subcategories", 1, {"defaultFlag": False})
    with pytest.raises(UnknownChoice, match="subcategory has to be chosen") as refused:
        create_product(client, connected, Plan.BUSINESS)
    assert refused.value.choices == ("Cloud services", "Devices", "Labour", "Security software")
    with pytest.raises(UnknownChoice, match="no product type Nonsense"):
        create_product(client, connected, Plan.BUSINESS, subcategory="Devices", product_type="Nonsense")
    assert not sandbox.journal.writes()


def test_an_existing_identifier_is_not_created_twice(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    with pytest.raises(NotPossible, match=r'products map Business "NORDPASS-BUS"'):
        create_product(client, connected, Plan.BUSINESS, identifier="nordpass-bus")
    assert not sandbox.journal.writes()


def test_a_text_that_is_too_long_is_named(connected: Warehouse, client: ConnectWiseClient) -> None:
    with pytest.raises(NotPossible, match="description"):
        create_product(client, connected, Plan.BUSINESS, description="x" * 61)


def test_a_product_whose_creation_got_no_answer_is_created_once(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(FaultKind.RESET_AFTER, method="POST", path="catalog")
    mapped = create_product(client, connected, Plan.BUSINESS)
    assert mapped.identifier == "NordPass Business"
    assert len(sandbox.journal.writes()) == 1


def test_a_product_that_was_not_created_is_not_mapped(
    connected: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(FaultKind.RESET_BEFORE, method="POST", path="catalog")
    with pytest.raises(UncertainWrite):
        create_product(client, connected, Plan.BUSINESS)
    assert mapping(connected, Plan.BUSINESS) is None


def test_confirming_needs_a_mapped_plan_and_makes_the_integration_active(
    connected: Warehouse, client: ConnectWiseClient
) -> None:
    with pytest.raises(NotPossible, match="No plan is mapped"):
        confirm_products(connected)
    map_product(client, connected, Plan.BUSINESS, 3)
    (confirmed,) = confirm_products(connected)
    assert confirmed.confirmed
    with connected.transaction() as session:
        assert session.get_one(IntegrationRow, 1).state == State.ACTIVE


def test_a_changed_mapping_takes_effect_only_when_confirmed(connected: Warehouse, client: ConnectWiseClient) -> None:
    map_product(client, connected, Plan.BUSINESS, 3)
    confirm_products(connected)
    assert not map_product(client, connected, Plan.BUSINESS, 4).confirmed
    assert mapping(connected, Plan.BUSINESS) == (4, 3)
    confirm_products(connected)
    assert mapping(connected, Plan.BUSINESS) == (4, 4)
    with connected.transaction() as session:
        assert [product.plan for product in mapped_products(session)] == ["Business"]
