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
"""Amounts by the code of their currency, which is empty where it is unknown; empty where no price is known."""


@dataclass(frozen=True)
class Prices:
    """The prices of a seat.

    Attributes:
        of_plans: By plan, where its product has a price.
        currencies: That of each mapped organization's agreement.
        usual: That of all agreements, if it is one; else empty. Seats of an organization that is not mapped are in it.
    """

    of_plans: Mapping[Plan, Decimal]
    currencies: Mapping[str, str]
    usual: str

    def currency(self, organization_id: str) -> str:
        """The code of the currency in which an organization is billed; empty where it is unknown."""
        return self.currencies.get(organization_id, self.usual)

    def worth(self, organization_id: str, plan: Plan, seats: Decimal) -> Money:
        """What an organization's seats are worth."""
        price = self.of_plans.get(plan)
        return {} if price is None else {self.currency(organization_id): seats * price}


def prices(session: Session) -> Prices:
    """The prices as plans and companies are mapped now."""
    product_id = func.coalesce(ProductMappingRow.confirmed_product_id, ProductMappingRow.product_id)
    plans = session.execute(
        select(ProductMappingRow.plan, ProductRow.price).join(ProductRow, ProductRow.id == product_id)
    )
    mapped = select(CompanyMappingRow.organization_id, AgreementRow.currency).join(
        AgreementRow, AgreementRow.id == CompanyMappingRow.agreement_id
    )
    known = session.scalars(select(AgreementRow.currency).where(AgreementRow.currency.is_not(None)).distinct()).all()
    return Prices(
        of_plans={plan: price for plan, price in plans if price},
        currencies={organization: code for organization, code in session.execute(mapped) if code},
        usual=known[0] or "" if len(known) == 1 else "",
    )


def added(amounts: Iterable[Money]) -> Money:
    """The sum, currency by currency."""
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    for money in amounts:
        for currency, amount in money.items():
            total[currency] += amount
    return dict(sorted(total.items()))
