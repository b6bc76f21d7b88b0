"""`products`: which ConnectWise product each NordPass plan is billed as."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, setup_command
from cw_pipeline.cli.options import AsJson, example, parser
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.cli.command import Command
    from cw_pipeline.setup.products import MappedProduct

_money = parser(lambda text: lazy.products.price_of(text))  # noqa: PLW0108 - imported when it is used

app = typer.Typer(help="Choose the ConnectWise product that each NordPass plan is billed as.", no_args_is_help=True)
_PlanArgument = Annotated[Plan, typer.Argument(help="The NordPass plan.", case_sensitive=False)]


@app.command("list", epilog=example("products list --search NORDPASS"))
def list_(
    search: Annotated[
        str | None, typer.Option(help="Only products whose identifier or description contains this.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the products of the ConnectWise catalog, with the plans that are mapped to them."""
    with command(as_json=as_json) as running:
        client = running.connectwise
        with running.warehouse.transaction() as session:
            lazy.guards.require_connected(session, client)
            mapped = lazy.products.mapped_products(session)
        with running.working("Reading the catalog in ConnectWise"):
            found = lazy.products.list_products(client, search)
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
                "why_not": lazy.products.why_not_billable(item),
            }
            for item in found
        ]
        running.document({"products": rows})
        running.table(*lazy.cells.catalog(found, mapped))
        running.say("Map a plan with `cw-pipeline products map PLAN PRODUCT`.")


@app.command("map", epilog=example("products map Business NORDPASS-BUS"))
def map_(
    plan: _PlanArgument,
    product: Annotated[str, typer.Argument(help="The product's id or identifier.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Map a plan to a product of the ConnectWise catalog; takes effect after `products confirm`."""
    with setup_command(as_json=as_json) as running:
        mapped = lazy.products.map_product(running.connectwise, running.warehouse, plan, product)
        _show_mapped(running, [mapped], "This takes effect after `cw-pipeline products confirm`.")


@app.command(epilog=example("products create Enterprise --price 7.50"))
def create(
    plan: _PlanArgument,
    *,
    identifier: Annotated[str | None, typer.Option(help="Default: `NordPass PLAN`.")] = None,
    description: Annotated[str | None, typer.Option(help="Default: `NordPass PLAN`.")] = None,
    customer_description: Annotated[
        str | None, typer.Option(help="The text on invoices. Default: `NordPass PLAN`.")
    ] = None,
    subcategory: Annotated[str | None, typer.Option(help="Name. Default: the only or default one.")] = None,
    product_type: Annotated[str | None, typer.Option("--type", help="Name. Default: the only or default one.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of measure, by name. Default: the only or default one.")
    ] = None,
    price: Annotated[Decimal | None, typer.Option(parser=_money, metavar="AMOUNT", help="Per seat and month.")] = None,
    cost: Annotated[Decimal | None, typer.Option(parser=_money, metavar="AMOUNT", help="Per seat and month.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a product in the ConnectWise catalog and map a plan to it; takes effect after `products confirm`."""
    with setup_command(as_json=as_json) as running:
        created = lazy.products.create_product(
            running.connectwise,
            running.warehouse,
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
        _show_mapped(running, [created], "This takes effect after `cw-pipeline products confirm`.")


@app.command(epilog=example("products confirm"))
def confirm(*, as_json: AsJson = False) -> None:
    """Confirm the product mapping, which makes the integration active."""
    with setup_command(as_json=as_json) as running:
        confirmed = lazy.products.confirm_products(running.warehouse)
        _show_mapped(running, confirmed, "The integration is active. `cw-pipeline status` shows the next step.")


def _show_mapped(running: Command, mapped: Sequence[MappedProduct], next_step: str) -> None:
    with running.warehouse.transaction() as session:
        running.done["mapped_products"] = lazy.products.mapped_products(session)
    running.document({"products": mapped})
    running.table(*lazy.cells.products(mapped))
    running.notice(*(warning for one in mapped for warning in one.warnings))
    running.say(next_step)
