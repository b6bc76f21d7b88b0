"""`products`: which ConnectWise product each NordPass plan is billed as."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, setup_command
from cw_pipeline.cli.options import example, parser
from cw_pipeline.cli.output import members
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.setup.products import MappedProduct

app = typer.Typer(help="Choose the ConnectWise product that each NordPass plan is billed as.", no_args_is_help=True)

_AFTER_CONFIRMING = "This takes effect after `cw-pipeline products confirm`."

_money = parser(lambda text: lazy.products.price_of(text))  # noqa: PLW0108 - imported when it is used
_Plan = Annotated[Plan, typer.Argument(help="The NordPass plan.", case_sensitive=False)]
_Amount = Annotated[Decimal | None, typer.Option(parser=_money, metavar="AMOUNT", help="Per seat and month.")]


@app.command("list", epilog=example("products list --search NORDPASS"))
@command
def list_(
    cmd: Command,
    search: Annotated[
        str | None, typer.Option(help="Only products whose identifier or description contains this.")
    ] = None,
) -> None:
    """List the products of the ConnectWise catalog, with the plans that are mapped to them."""
    client = cmd.connectwise
    with cmd.warehouse.transaction() as session:
        lazy.guards.require_connected(session, client)
        mapped = lazy.products.mapped_products(session)
    with cmd.working("Reading the catalog in ConnectWise"):
        catalog = lazy.products.list_products(client, search)
    rows = [
        {
            **members(item, "id", "identifier", "description", "price", "cost"),
            "plans": [members(product, "plan", "confirmed") for product in mapped if product.product_id == item.id],
            "why_not": lazy.products.why_not_billable(item),
        }
        for item in catalog
    ]
    cmd.document({"products": rows})
    cmd.table(*lazy.cells.catalog(catalog, mapped))
    cmd.say("Map a plan with `cw-pipeline products map PLAN PRODUCT`.")


@app.command("map", epilog=example("products map Business NORDPASS-BUS"))
@setup_command
def map_(
    cmd: Command, plan: _Plan, product: Annotated[str, typer.Argument(help="The product's id or identifier.")]
) -> None:
    """Map a plan to a product of the ConnectWise catalog; takes effect after `products confirm`."""
    mapped = lazy.products.map_product(cmd.connectwise, cmd.warehouse, plan, product)
    _print_mapped(cmd, [mapped], _AFTER_CONFIRMING)


@app.command(epilog=example("products create Enterprise --price 7.50"))
@setup_command
def create(
    cmd: Command,
    plan: _Plan,
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
    price: _Amount = None,
    cost: _Amount = None,
) -> None:
    """Create a product in the ConnectWise catalog and map a plan to it; takes effect after `products confirm`."""
    created = lazy.products.create_product(
        cmd.connectwise,
        cmd.warehouse,
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
    _print_mapped(cmd, [created], _AFTER_CONFIRMING)


@app.command(epilog=example("products confirm"))
@setup_command
def confirm(cmd: Command) -> None:
    """Confirm the product mapping, which makes the integration active."""
    confirmed = lazy.products.confirm_products(cmd.warehouse)
    _print_mapped(cmd, confirmed, "The integration is active. `cw-pipeline status` shows the next step.")


def _print_mapped(cmd: Command, products: Sequence[MappedProduct], next_step: str) -> None:
    with cmd.warehouse.transaction() as session:
        cmd.done["mapped_products"] = lazy.products.mapped_products(session)
    cmd.document({"products": products})
    cmd.table(*lazy.cells.products(products))
    cmd.notice(*(warning for product in products for warning in product.warnings))
    cmd.say(next_step)
