"""The job `map_products`."""

from collections.abc import Iterator
from typing import Literal, cast

import dagster as dg
from pydantic import Field

from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.metadata import of_products
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import products
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.database import Warehouse


class NewProductConfig(dg.Config):
    """A product to create in the catalog, and the plan to map to it."""

    plan: Literal["Business", "Enterprise"] = Field(description="The NordPass plan that is billed as it.")
    identifier: str | None = Field(default=None, description="By default `NordPass <plan>`, like the next two.")
    description: str | None = Field(default=None, description="What ConnectWise's lists show; 60 characters at most.")
    customer_description: str | None = Field(default=None, description="What invoices show.")
    subcategory: str | None = Field(
        default=None, description="By name. Leave it out for the only or the default one; a refusal lists all."
    )
    type: str | None = Field(default=None, description="The product type, by name, likewise.")
    unit: str | None = Field(default=None, description="The unit of measure, by name, likewise.")
    price: str | None = Field(default=None, description="Of one seat a month, as 7.50.")
    cost: str | None = Field(default=None, description="Of one seat a month, as 3.90.")


class ProductsConfig(dg.Config):
    """Which products to bill the plans as; with nothing set, the run only shows the catalog."""

    search: str | None = Field(
        default=None, description="Show only products with this text in identifier or description."
    )
    create: NewProductConfig | None = Field(default=None, description="Create a product and map its plan to it.")
    business: str | None = Field(
        default=None, description="Id or identifier of the product for NordPass Business. Leave it out to keep it."
    )
    enterprise: str | None = Field(
        default=None, description="Id or identifier of the product for NordPass Enterprise. Leave it out to keep it."
    )
    confirm: bool = Field(
        default=False, description="Confirm the mapping: the next sync bills the mapped plans as these products."
    )


@dg.op
def choose_products(context: dg.OpExecutionContext, config: ProductsConfig, access: Access) -> None:
    """Map plans to products as asked and, if asked, confirm the mapping; show the catalog and what is mapped."""
    with failing_the_run(), access.warehouse(context.run.run_id) as warehouse, access.connectwise() as client:
        try:
            for one in _change(config, client, warehouse):
                state = "confirmed" if one.confirmed else "not confirmed yet"
                context.log.info(f"{one.plan} is mapped to {one.identifier} ({one.product_id}), {state}")
                for warning in one.warnings:
                    context.log.warning(warning)
        finally:  # what was mapped before something failed is there, and shows
            context.log_event(materialized_mapping(warehouse))
        catalog = products.list_products(client, config.search)
        with warehouse.transaction() as session:
            mapped = products.mapped_products(session)
    context.add_output_metadata(of_products(catalog, mapped))


def _change(
    config: ProductsConfig, client: ConnectWiseClient, warehouse: Warehouse
) -> Iterator[products.MappedProduct]:
    """Make the changes one after the other; yield each before the next is made."""
    new = cast("NewProductConfig | None", config.create)  # Dagster's type of a nested config is not known
    if new is not None:
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
        identifier=new.identifier,
        description=new.description,
        customer_description=new.customer_description,
        subcategory=new.subcategory,
        product_type=new.type,
        unit=new.unit,
        price=products.price_of(new.price) if new.price else None,
        cost=products.price_of(new.cost) if new.cost else None,
    )


@dg.job
def map_products() -> None:
    """Look through the catalog, map NordPass plans to ConnectWise products or create those, and confirm the mapping.

    Without config, the run only shows the catalog. For example, in the Launchpad:

        ops: {choose_products: {config: {business: NORDPASS-BUS, create: {plan: Enterprise}, confirm: true}}}
    """
    choose_products()
