"""The job `map_products`."""

from collections.abc import Iterator
from typing import Literal

import dagster as dg
from pydantic import Field

from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.orchestration.assets.setup import MAPPED_PRODUCTS, materialized_mapping
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import product_details
from cw_pipeline.setup import products
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.launchpad import in_the_ui


class NewProductConfig(JobConfig):
    """A product to create in the catalog, and the plan to map to it."""

    plan: Literal["Business", "Enterprise"]
    """The NordPass plan that is billed as it: Business or Enterprise."""
    identifier: str = ""
    """Such as NORDPASS-ENT. By default `NordPass <plan>`, like the next two."""
    description: str = ""
    """What ConnectWise's lists show; 60 characters at most."""
    customer_description: str = ""
    """What invoices show."""
    subcategory: str = ""
    """By name. Leave it empty for the only or the default one; a refusal lists all."""
    type: str = ""
    """The product type, by name, likewise."""
    unit: str = ""
    """The unit of measure, by name, likewise."""
    price: str = ""
    """Of one seat a month, in quotes, as "7.50"."""
    cost: str = ""
    """Of one seat a month, in quotes, as "3.90"."""


class ProductsConfig(JobConfig):
    """Which products to bill the plans as."""

    search: str = ""
    """Show only products with this text in identifier or description, such as nordpass. Empty: all."""
    create: list[NewProductConfig] = Field(default=[])
    """Products to create, each with the plan that is mapped to it."""
    business: str = ""
    """Id or identifier, such as NORDPASS-BUS, of the product for NordPass Business. If empty, it stays."""
    enterprise: str = ""
    """Id or identifier of the product for NordPass Enterprise. If empty, it stays."""
    confirm: bool = False
    """Confirm the mapping: the next sync bills the mapped plans as these products."""


@dg.op
def choose_products(context: dg.OpExecutionContext, config: ProductsConfig, access: Access) -> None:
    """Map NordPass plans to products of the catalog, or create those, and confirm the mapping.

    With nothing set, the run changes nothing, and shows the catalog.
    """
    with access.warehouse(context) as warehouse, access.connectwise() as client:
        try:
            for product in _change(config, client, warehouse):
                state = "confirmed" if product.confirmed else "not confirmed yet"
                context.log.info(f"{product.plan} is mapped to {product.identifier} ({product.product_id}), {state}")
                for warning in product.warnings:
                    context.log.warning(in_the_ui(warning))
        finally:  # show what was mapped before something failed
            context.log_event(materialized_mapping(warehouse))
        catalog = products.list_products(client, config.search or None)
        with warehouse.transaction() as session:
            mapped = products.mapped_products(session)
        context.log_event(dg.AssetMaterialization(MAPPED_PRODUCTS.key, metadata=product_details(mapped, catalog)))


def _change(
    config: ProductsConfig, client: ConnectWiseClient, warehouse: Warehouse
) -> Iterator[products.MappedProduct]:
    """Make the changes one after the other; yield each before the next is made."""
    for new in config.create:
        yield _create(new, client, warehouse)
    for plan, product in ((Plan.BUSINESS, config.business), (Plan.ENTERPRISE, config.enterprise)):
        if product:
            yield products.map_product(client, warehouse, plan, product)
    if config.confirm:
        yield from products.confirm_products(warehouse)


def _create(new: NewProductConfig, client: ConnectWiseClient, warehouse: Warehouse) -> products.MappedProduct:
    return products.create_product(
        client,
        warehouse,
        Plan(new.plan),
        identifier=new.identifier or None,
        description=new.description or None,
        customer_description=new.customer_description or None,
        subcategory=new.subcategory or None,
        product_type=new.type or None,
        unit=new.unit or None,
        price=products.price_of(new.price) if new.price else None,
        cost=products.price_of(new.cost) if new.cost else None,
    )


map_products = one_op_job("map_products", choose_products, ProductsConfig)
