"""Which ConnectWise product each NordPass plan is billed as."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import select

from cw_pipeline.connectwise.errors import MissingRight, NotFound, UncertainWrite
from cw_pipeline.connectwise.models import NewCatalogItem
from cw_pipeline.connectwise.rights import Right
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.errors import NotPossible, UnknownChoice
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.lookup import is_number, record_named, usual_record
from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.psa import psa_of, save_right_uses
from cw_pipeline.warehouse.tables import ProductMappingRow, ProductRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.connectwise.models import CatalogItem
    from cw_pipeline.vocabulary import Plan
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class MappedProduct:
    """A plan and the product that it is mapped to.

    Attributes:
        price: Price of one seat, in the currency of the agreement; None or 0 if the catalog has none.
        confirmed: Whether the next sync bills the plan as this product.
        warnings: What to complete in ConnectWise, a sentence each.
    """

    plan: str
    product_id: int
    identifier: str
    description: str
    price: Decimal | None
    cost: Decimal | None
    confirmed: bool
    warnings: tuple[str, ...]


def price_of(text: str) -> Decimal:
    """An amount of money as a person writes it, such as 4.90.

    Raises:
        NotPossible: If it is none.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise NotPossible(f"{text!r} is not an amount of money. Write it as 4.90.")
    return amount


def list_products(client: ConnectWiseClient, search: str | None = None) -> tuple[CatalogItem, ...]:
    """The products of the catalog, or those with `search` in identifier or description, by identifier."""
    return tuple(sorted(client.catalog_items(search=search), key=lambda item: item.identifier.casefold()))


def why_not_billable(item: CatalogItem) -> str | None:
    """Why the product cannot be a line on an agreement; None if it can."""
    if item.inactive_flag:
        return "it is inactive"
    if item.product_class == "Bundle":
        return "it is a Bundle, which ConnectWise does not accept as an addition"
    return None


def map_product(client: ConnectWiseClient, warehouse: Warehouse, plan: Plan, product: int | str) -> MappedProduct:
    """Map `plan` to a product, given by id or identifier. It is billed as that product once confirmed.

    Raises:
        UnknownChoice: If there is no such product.
        NotPossible: If it is inactive or a Bundle.
    """
    with warehouse.transaction() as session:
        require_connected(session, client)
    return _map(client, warehouse, plan, _find(client, product))


def create_product(
    client: ConnectWiseClient,
    warehouse: Warehouse,
    plan: Plan,
    *,
    identifier: str | None = None,
    description: str | None = None,
    customer_description: str | None = None,
    subcategory: str | None = None,
    product_type: str | None = None,
    unit: str | None = None,
    price: Decimal | None = None,
    cost: Decimal | None = None,
) -> MappedProduct:
    """Create a product in the catalog and map `plan` to it.

    Texts that are not given are `NordPass <plan>`. Subcategory, type and unit of measure are names; where one is not
    given, the only or the default one is taken.

    Raises:
        UnknownChoice: If a name does not exist, or none is given and there are several to choose from.
        NotPossible: If the identifier exists, or a value is not acceptable.
        UncertainWrite: If it is unknown whether it was created, and the catalog does not show it.
    """
    with warehouse.transaction() as session:
        require_connected(session, client)
    name = f"NordPass {plan}"
    units = client.units_of_measure()
    unit_of_measure = record_named("unit of measure", units, unit) if unit else usual_record(units)
    try:
        new = NewCatalogItem(
            identifier=identifier or name,
            description=description or name,
            customer_description=customer_description or description or name,
            subcategory_id=record_named("subcategory", client.subcategories(), subcategory).id,
            type_id=record_named("product type", client.product_types(), product_type).id,
            unit_of_measure_id=unit_of_measure and unit_of_measure.id,  # None: ConnectWise takes its own default
            price=price,
            cost=cost,
        )
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise NotPossible(f"The product was not created: {faults}. Correct that and try again.") from None
    existing = client.catalog_item_by_identifier(new.identifier)
    if existing is not None:
        raise NotPossible(
            f"The product {existing.identifier} ({existing.id}) exists already. Map it with "
            f'`cw-pipeline products map {plan} "{existing.identifier}"`, or create one with another identifier.'
        )
    created = _create(client, warehouse, new)
    mapped = _map(client, warehouse, plan, created)
    # The API member's role may add products, but not edit them.
    complete = (
        f"Complete {created.identifier} ({created.id}) in ConnectWise under Procurement > Product Catalog before you "
        "sync: taxable or not, the accounts that your accounting package books it to, and price and cost if not given."
    )
    return replace(mapped, warnings=(*mapped.warnings, complete))


def confirm_products(warehouse: Warehouse) -> tuple[MappedProduct, ...]:
    """Confirm the mapping of every plan that is mapped; the integration becomes active.

    Raises:
        NotPossible: If no plan is mapped.
    """
    with setup_transaction(warehouse) as session:
        integration = require_connected(session)
        mappings = session.scalars(select(ProductMappingRow).order_by(ProductMappingRow.plan)).all()
        if not mappings:
            raise NotPossible(
                "No plan is mapped to a product. Run `cw-pipeline products map` or `cw-pipeline products create` first."
            )
        before = {mapping.plan: mapping.confirmed_product_id for mapping in mappings}
        after = {mapping.plan: mapping.product_id for mapping in mappings}
        for mapping in mappings:
            mapping.confirmed_product_id = mapping.product_id
        if before != after:
            integration.confirmed_at = datetime.now(UTC)
        log_action(
            session,
            AuditAction.CONFIRM_PRODUCTS,
            "products",
            before={"state": integration.state, **before},
            after={"state": State.ACTIVE, **after},
        )
        integration.state = State.ACTIVE
        return tuple(_mapped(session, mapping) for mapping in mappings)


def mapped_products(session: Session) -> tuple[MappedProduct, ...]:
    """Every plan that is mapped, confirmed or not."""
    return tuple(_mapped(session, mapping) for mapping in session.scalars(select(ProductMappingRow)))


def _map(client: ConnectWiseClient, warehouse: Warehouse, plan: Plan, item: CatalogItem) -> MappedProduct:
    refusal = why_not_billable(item)
    if refusal:
        raise NotPossible(
            f"{item.identifier} ({item.id}) cannot be mapped to {plan}: {refusal}. Choose another product."
        )
    with setup_transaction(warehouse) as session:
        require_connected(session, client)
        columns = ("id", "identifier", "description", "price", "cost")
        session.merge(ProductRow(**{name: getattr(item, name) for name in columns}))
        mapping = session.get(ProductMappingRow, plan)
        before = {"product_id": mapping.product_id} if mapping else None
        log_action(session, AuditAction.MAP_PRODUCT, plan, before=before, after={"product_id": item.id})
        mapping = session.merge(ProductMappingRow(plan=plan, product_id=item.id, mapped_at=datetime.now(UTC)))
        session.flush()
        return _mapped(session, mapping)


def _mapped(session: Session, mapping: ProductMappingRow) -> MappedProduct:
    product = session.get_one(ProductRow, mapping.product_id)
    no_price = f"{product.identifier} had no price when it was mapped: set one in ConnectWise before you sync."
    return MappedProduct(
        plan=mapping.plan,
        product_id=product.id,
        identifier=product.identifier,
        description=product.description,
        price=product.price,
        cost=product.cost,
        confirmed=mapping.confirmed_product_id == mapping.product_id,
        warnings=() if product.price else (no_price,),
    )


def _find(client: ConnectWiseClient, product: int | str) -> CatalogItem:
    """The product with this id or, if there is none, with this identifier."""
    text = str(product).strip()
    if is_number(text):
        try:
            return client.catalog_item(int(text))
        except NotFound:
            pass  # an identifier may be a number, too
    item = client.catalog_item_by_identifier(text) if isinstance(product, str) and text else None
    if item is not None:
        return item
    billable = (item.identifier for item in client.catalog_items() if why_not_billable(item) is None)
    problem = f"There is no product {text} (search with `cw-pipeline products list`)."
    raise UnknownChoice(problem, billable, near=text)


def _create(client: ConnectWiseClient, warehouse: Warehouse, new: NewCatalogItem) -> CatalogItem:
    psa = psa_of(client)
    try:
        created = client.create_catalog_item(new)
    except UncertainWrite:
        created = client.catalog_item_by_identifier(new.identifier)
        if created is None:
            raise
    except MissingRight:
        with setup_transaction(warehouse) as session:
            save_right_uses(session, psa, {Right.CATALOG_ADD: False})
        raise
    with setup_transaction(warehouse) as session:
        save_right_uses(session, psa, {Right.CATALOG_ADD: True})
        log_action(session, AuditAction.CREATE_PRODUCT, str(created.id), after=new.model_dump(mode="json"))
    return created
