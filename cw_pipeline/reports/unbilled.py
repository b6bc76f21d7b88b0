"""What is not billed as it should be, over every month as it was pushed last, and what it is worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import FAILED, HELD, Outcome
from cw_pipeline.warehouse.previews import lines_with, warned_lines
from cw_pipeline.warehouse.tables import CompanyMappingRow, LedgerEntry, ProductMappingRow, ProductRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month, Plan
    from cw_pipeline.warehouse.tables import PushLineRow

_UNMAPPED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM, Outcome.PRODUCT_UNMAPPED})

_SAYS_THAT_A_LINE_IS_THERE = (EntryKind.CONFIRMED, EntryKind.FOUND, EntryKind.INVOICED, EntryKind.ACCEPTED)


@dataclass(frozen=True)
class AtStake:
    """The lines of one kind.

    Attributes:
        lines: How many there are by month and outcome, beside the usage rows too.
        seats: An organization's seats of a month once: those of its usage row or, where that is of another kind, of
            the lines beside it. Of `credit_due`, the seats to credit.
        money: Seats times the catalog price of their plan's product as it was mapped, each agreement in its own
            currency; None where no price is known.
        unpriced_seats: Those of `seats` that are not in `money`, because their plan's product has no known price.
    """

    lines: Mapping[str, Mapping[str, int]]
    seats: Decimal
    money: Decimal | None
    unpriced_seats: Decimal

    @property
    def count(self) -> int:
        """How many lines there are."""
        return sum(sum(counts.values()) for counts in self.lines.values())


@dataclass(frozen=True)
class Stakes:
    """What is not billed as it should be.

    Attributes:
        unmapped: Usage that nobody is billed for: its organization is not mapped, or lies before a first month that no
            person named, or it lacked a product.
        held: What waits for a person's decision.
        failed: What ConnectWise refused, or of which nobody knows whether it was written.
        warned: What may be written as it should be, but on lines with which something is wrong: all their seats, also
            where only some of them are left out.
    """

    unmapped: AtStake
    held: AtStake
    failed: AtStake
    warned: AtStake


def at_stake(session: Session, psa: str) -> Stakes:
    """Everything that is not billed as it should be for the ConnectWise company `psa`.

    What is excluded by rule, or lies before a first month that a person named, is not at stake.
    """
    prices = _prices(session)
    mappings = {mapping.organization_id: mapping for mapping in session.scalars(select(CompanyMappingRow))}
    billed = billed_months(session, psa)

    def nobody_pays(month: Month, line: PushLineRow) -> bool:
        if line.also or not line.seats:
            return False
        if line.outcome == Outcome.PRODUCT_UNMAPPED:
            # It may want for the product of another plan than its own: only a sync tells that it has what it wants.
            return True
        mapping = mappings.get(line.organization_id)
        if mapping is None:
            return line.outcome == Outcome.UNMAPPED
        left_out = month < mapping.bill_from and not mapping.bill_from_chosen
        return left_out and (month, line.organization_id) not in billed

    unmapped = [(month, line) for month, line in lines_with(session, psa, _UNMAPPED) if nobody_pays(month, line)]
    return Stakes(
        unmapped=_at_stake(unmapped, prices),
        held=_at_stake(lines_with(session, psa, HELD), prices),
        failed=_at_stake(lines_with(session, psa, FAILED), prices),
        warned=_at_stake(warned_lines(session, psa), prices),
    )


def _at_stake(lines: Iterable[tuple[Month, PushLineRow]], prices: Mapping[Plan, Decimal]) -> AtStake:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by_organization: defaultdict[tuple[Month, str], list[PushLineRow]] = defaultdict(list)
    for month, line in lines:
        counts[str(month)][line.outcome] += 1
        by_organization[month, line.organization_id].append(line)
    seats: defaultdict[Plan, Decimal] = defaultdict(Decimal)
    for of_one in by_organization.values():
        for line in of_one:
            seats[line.plan] += line.to_credit or 0
        waiting = [line for line in of_one if line.to_credit is None]
        # What waits beside a usage row are the same seats, on their way from or to another line.
        for line in [line for line in waiting if not line.also] or waiting:
            seats[line.plan] += line.seats
    priced = [number * prices[plan] for plan, number in seats.items() if plan in prices]
    return AtStake(
        lines={month: dict(outcomes) for month, outcomes in counts.items()},
        seats=sum(seats.values(), Decimal(0)),
        money=sum(priced, Decimal(0)) if priced or not seats else None,
        unpriced_seats=sum((number for plan, number in seats.items() if plan not in prices), Decimal(0)),
    )


def _prices(session: Session) -> dict[Plan, Decimal]:
    """The price of a seat on each plan whose product has one."""
    product_id = func.coalesce(ProductMappingRow.confirmed_product_id, ProductMappingRow.product_id)
    rows = session.execute(
        select(ProductMappingRow.plan, ProductRow.price).join(ProductRow, ProductRow.id == product_id)
    )
    return {plan: price for plan, price in rows if price}


def billed_months(session: Session, psa: str) -> set[tuple[Month, str]]:
    """The months and organizations for which the ledger has a line with seats."""
    rows = session.execute(
        select(LedgerEntry.month, LedgerEntry.organization_id)
        .where(LedgerEntry.psa == psa, LedgerEntry.kind.in_(_SAYS_THAT_A_LINE_IS_THERE), LedgerEntry.quantity > 0)
        .distinct()
    )
    return set(rows.tuples())
