"""What seats are worth: the catalog price of their plan's product, in the currency of their agreement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import func, select

from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, ProductMappingRow, ProductRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

Money: TypeAlias = Mapping[str, Decimal]
"""Amounts by currency code, which is empty if unknown; no amounts if no price is known."""


@dataclass(frozen=True)
class Prices:
    """The prices of a seat.

    Attributes:
        of_plans: By plan, if its product has a price.
        currencies: By mapped organization, if its agreement has a currency.
        usual: The currency of all agreements if they share one, else empty; it counts for unmapped organizations.
    """

    of_plans: Mapping[Plan, Decimal]
    currencies: Mapping[str, str]
    usual: str

    def currency(self, organization_id: str) -> str:
        """The code of the currency in which an organization is billed; empty if unknown."""
        return self.currencies.get(organization_id, self.usual)

    def worth(self, organization_id: str, plan: Plan, seats: Decimal) -> Money:
        """What an organization's seats are worth."""
        price = self.of_plans.get(plan)
        return {} if price is None else {self.currency(organization_id): seats * price}


def prices(session: Session) -> Prices:
    """The prices as plans and companies are mapped now."""
    product_id = func.coalesce(ProductMappingRow.confirmed_product_id, ProductMappingRow.product_id)
    plans = select(ProductMappingRow.plan, ProductRow.price).join(ProductRow, ProductRow.id == product_id)
    mapped = select(CompanyMappingRow.organization_id, AgreementRow.currency).join(CompanyMappingRow.agreement)
    known = session.scalars(select(AgreementRow.currency).where(AgreementRow.currency.is_not(None)).distinct()).all()
    return Prices(
        of_plans={plan: price for plan, price in session.execute(plans) if price},
        currencies={organization_id: currency for organization_id, currency in session.execute(mapped) if currency},
        usual=known[0] or "" if len(known) == 1 else "",
    )


def added(amounts: Iterable[Money]) -> Money:
    """The sum by currency."""
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    for money in amounts:
        for currency, amount in money.items():
            total[currency] += amount
    return dict(sorted(total.items()))
