"""What is not billed as it should be: in every month's latest push, with what it is worth, and in its usage report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import FAILED, HELD, Outcome
from cw_pipeline.reports.worth import Money, Prices, added, prices
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.pushes import lines_with, warned_lines
from cw_pipeline.warehouse.tables import (
    CompanyMappingRow,
    LedgerEntry,
    OrganizationRow,
    OrganizationUsageRow,
    ReleasedUsageRow,
    UsageReportRow,
)
from cw_pipeline.warehouse.usage import LATEST_REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month, Plan
    from cw_pipeline.warehouse.tables import PushLineRow

UNMAPPED = frozenset({Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM, Outcome.PRODUCT_UNMAPPED})
_KINDS_OF_LINES = (EntryKind.CONFIRMED, EntryKind.FOUND, EntryKind.INVOICED, EntryKind.ACCEPTED)


@dataclass(frozen=True)
class UnbilledLines:
    """The lines of one kind.

    Attributes:
        by_month: The number of lines by month and outcome, including those beside the usage rows.
        seats: An organization's seats of a month once: those of its usage row or, if that is of another kind, of the
            lines beside it. Of `credit_due`, the seats to credit.
        money: Seats times the catalog price of their plan's product when it was mapped.
        unpriced_seats: Seats that are not in `money`, because their plan's product has no known price.
        organizations: The seats of each organization, most seats first.
    """

    by_month: Mapping[str, Mapping[str, int]]
    seats: Decimal
    money: Money
    unpriced_seats: Decimal
    organizations: Mapping[Named, Decimal]

    @property
    def count(self) -> int:
        """The number of lines."""
        return sum(sum(counts.values()) for counts in self.by_month.values())


@dataclass(frozen=True)
class UnbilledSummary:
    """What is not billed as it should be.

    Attributes:
        unmapped: Usage that nobody is billed for: its organization is not mapped, it is before a first month that no
            person chose, or its plan had no product.
        held: Lines that wait for a person's decision.
        failed: Lines that ConnectWise refused, or that are unconfirmed.
        warned: Lines with a warning: all their seats, even if only some of them are not billed.
    """

    unmapped: UnbilledLines
    held: UnbilledLines
    failed: UnbilledLines
    warned: UnbilledLines


def unbilled(session: Session, psa: str) -> UnbilledSummary:
    """Everything that is not billed as it should be for the ConnectWise company `psa`.

    Leaves out what the rule excludes, and usage before a first month that a person chose.
    """
    seat_prices = prices(session)
    mappings = {mapping.organization_id: mapping for mapping in session.scalars(select(CompanyMappingRow))}
    billed = billed_months(session, psa)

    def is_unbilled(month: Month, line: PushLineRow) -> bool:
        if line.also or not line.seats:
            return False
        if line.outcome is Outcome.PRODUCT_UNMAPPED:
            return True  # the product that it lacks may be another plan's, which only a sync can tell
        mapping = mappings.get(line.organization_id)
        if mapping is None:
            return line.outcome is Outcome.UNMAPPED
        before_default = month < mapping.bill_from and not mapping.bill_from_chosen
        return before_default and (month, line.organization_id) not in billed

    unmapped = [
        (month, line, name) for month, line, name in lines_with(session, psa, UNMAPPED) if is_unbilled(month, line)
    ]
    return UnbilledSummary(
        unmapped=_summed(unmapped, seat_prices),
        held=_summed(lines_with(session, psa, HELD), seat_prices),
        failed=_summed(lines_with(session, psa, FAILED), seat_prices),
        warned=_summed(warned_lines(session, psa), seat_prices),
    )


def _summed(lines: Iterable[tuple[Month, PushLineRow, str]], seat_prices: Prices) -> UnbilledLines:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    usage: defaultdict[tuple[Month, str], list[PushLineRow]] = defaultdict(list)
    names: dict[str, str] = {}
    seats: defaultdict[tuple[str, Plan], Decimal] = defaultdict(Decimal)
    for month, line, name in lines:
        counts[str(month)][line.outcome] += 1
        names[line.organization_id] = name
        if line.to_credit is None:
            usage[month, line.organization_id].append(line)
        else:
            seats[line.organization_id, line.plan] += line.to_credit
    for of_organization in usage.values():
        # The lines beside a usage row have the same seats, on their way from or to another line.
        for line in [line for line in of_organization if not line.also] or of_organization:
            seats[line.organization_id, line.plan] += line.seats
    organizations: defaultdict[Named, Decimal] = defaultdict(Decimal)
    for (organization_id, _), number in seats.items():
        organizations[Named(organization_id, names[organization_id])] += number
    return UnbilledLines(
        by_month={month: dict(outcomes) for month, outcomes in counts.items()},
        seats=sum(seats.values(), Decimal(0)),
        money=added(seat_prices.worth(*whose, number) for whose, number in seats.items()),
        unpriced_seats=sum(
            (number for (_, plan), number in seats.items() if plan not in seat_prices.of_plans), Decimal(0)
        ),
        organizations=dict(sorted(organizations.items(), key=lambda item: -item[1])),
    )


def billed_months(session: Session, psa: str) -> set[tuple[Month, str]]:
    """The months and organizations for which the ledger has a line with seats."""
    rows = session.execute(
        select(LedgerEntry.month, LedgerEntry.organization_id)
        .where(LedgerEntry.psa == psa, LedgerEntry.kind.in_(_KINDS_OF_LINES), LedgerEntry.quantity > 0)
        .distinct()
    )
    return set(rows.tuples())


def missing_usage(session: Session) -> Sequence[tuple[Month, OrganizationRow]]:
    """The mapped organizations that are not in a month's latest usage report, each with the month.

    They count as having used nothing. Covers the months from the mapping's `bill_from` on, but for reports of which a
    person accepted that the organization is not in them.
    """
    in_report, accepted = (
        exists().where(row.report_id == UsageReportRow.id, row.organization_id == CompanyMappingRow.organization_id)
        for row in (OrganizationUsageRow, ReleasedUsageRow)
    )
    missing = (
        select(UsageReportRow.month, OrganizationRow)
        .join(CompanyMappingRow, CompanyMappingRow.bill_from <= UsageReportRow.month)
        .join(OrganizationRow, OrganizationRow.id == CompanyMappingRow.organization_id)
        .where(UsageReportRow.id.in_(LATEST_REPORTS), ~in_report, ~accepted)
        .order_by(UsageReportRow.month, OrganizationRow.name)
    )
    return session.execute(missing).tuples().all()
