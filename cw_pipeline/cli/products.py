"""`products`: which ConnectWise product each NordPass plan is billed as."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli.environment import opened_dagster, opened_warehouse, read_settings
from cw_pipeline.cli.output import AsJson, Output, command_output
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.setup.products import MappedProduct


def _money(text: str) -> Decimal:
    from cw_pipeline.setup.errors import ProductRefused
    from cw_pipeline.setup.products import price_of

    try:
        return price_of(text)
    except ProductRefused as refused:
        raise typer.BadParameter(str(refused)) from None


app = typer.Typer(help="Which ConnectWise product each NordPass plan is billed as.", no_args_is_help=True)
_PlanArgument = Annotated[Plan, typer.Argument(help="The NordPass plan.", case_sensitive=False)]


@app.command("list")
def list_(
    search: Annotated[
        str | None, typer.Option(help="Only products with this in their identifier or description.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The products of the ConnectWise catalog, and the plans that are mapped to them."""
    from cw_pipeline.setup.guards import require_connected
    from cw_pipeline.setup.opening import open_connectwise
    from cw_pipeline.setup.products import list_products, mapped_products, why_not_billable
    from cw_pipeline.wording.cells import of_catalog_item

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with open_connectwise(settings) as client, opened_warehouse(settings) as warehouse:
            with warehouse.transaction() as session:
                require_connected(session, client)
                mapped = mapped_products(session)
            found = list_products(client, search)
        rows = [
            {
                "id": item.id,
                "identifier": item.identifier,
                "description": item.description,
                "price": item.price,
                "cost": item.cost,
                "plans": [
                    {"plan": one.plan, "confirmed": one.confirmed} for one in mapped if one.product_id == item.id
                ],
                "why_not": why_not_billable(item),
            }
            for item in found
        ]
        output.document({"products": rows})
        output.table(
            ["Product", "Description", "Price", "Cost", "Plan", "Cannot be mapped because"],
            (of_catalog_item(item, mapped) for item in found),
            right=["Price", "Cost"],
        )
        output.say("Map a plan with `cw-pipeline products map PLAN PRODUCT`.")


@app.command("map")
def map_(
    plan: _PlanArgument,
    product: Annotated[str, typer.Argument(help="The product's id or identifier.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Map a plan to a product of the catalog; it counts once confirmed."""
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.opening import open_connectwise
    from cw_pipeline.setup.products import map_product

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with (
            open_connectwise(settings) as client,
            opened_dagster(settings) as dagster,
            opened_warehouse(settings) as warehouse,
        ):
            mapped = map_product(client, warehouse, plan, product)
            report_setup(dagster, warehouse)
        _tell(output, [mapped], "It counts after `cw-pipeline products confirm`.")


@app.command()
def create(
    plan: _PlanArgument,
    *,
    identifier: Annotated[str | None, typer.Option(help="By default `NordPass PLAN`, like the next two.")] = None,
    description: Annotated[str | None, typer.Option()] = None,
    customer_description: Annotated[str | None, typer.Option(help="What invoices show.")] = None,
    subcategory: Annotated[str | None, typer.Option(help="By name; by default the only or the default one.")] = None,
    product_type: Annotated[str | None, typer.Option("--type", help="By name, likewise.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of measure, by name, likewise.")] = None,
    price: Annotated[Decimal | None, typer.Option(parser=_money, metavar="AMOUNT", help="Of one seat a month.")] = None,
    cost: Annotated[Decimal | None, typer.Option(parser=_money, metavar="AMOUNT", help="Of one seat a month.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a product in the ConnectWise catalog and map a plan to it."""
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.opening import open_connectwise
    from cw_pipeline.setup.products import create_product

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with (
            open_connectwise(settings) as client,
            opened_dagster(settings) as dagster,
            opened_warehouse(settings) as warehouse,
        ):
            created = create_product(
                client,
                warehouse,
                plan,
                identifier=identifier,
                description=description,
                customer_description=customer_description,
                subcategory=subcategory,
                product_type=product_type,
                unit=unit,
                price=price,
                cost=cost,
            )
            report_setup(dagster, warehouse)
        _tell(output, [created], "It counts after `cw-pipeline products confirm`.")


@app.command()
def confirm(*, as_json: AsJson = False) -> None:
    """Confirm the mapping of every plan that is mapped; the integration becomes active."""
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.products import confirm_products

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_dagster(settings) as dagster, opened_warehouse(settings) as warehouse:
            confirmed = confirm_products(warehouse)
            report_setup(dagster, warehouse)
        _tell(output, confirmed, "The integration is active. See what is next with `cw-pipeline status`.")


def _tell(output: Output, mapped: Sequence[MappedProduct], what_next: str) -> None:
    from cw_pipeline.wording.cells import of_product

    output.document({"products": mapped})
    output.table(
        ["Plan", "Product", "Description", "Price", "Cost", "Confirmed"],
        map(of_product, mapped),
        right=["Price", "Cost"],
    )
    for warning in (warning for one in mapped for warning in one.warnings):
        output.notice(warning)
    output.say(what_next)
