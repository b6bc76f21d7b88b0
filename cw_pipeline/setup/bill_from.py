"""The first month that is billed for an organization: which may be chosen, and which usage it leaves out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.reports.unbilled import billed_months
from cw_pipeline.vocabulary import LicenseType, Month, counted, plain
from cw_pipeline.warehouse.ledger import carried_seats
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import CompanyMappingRow, LedgerEntry, OrganizationUsageRow, UsageReportRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.tables import OrganizationRow


class SyncedMonths(NamedTuple):
    """The months that can be billed: from `first`, the first that is ever synced, to the one that is running `now`."""

    first: Month
    now: datetime

    @property
    def default(self) -> Month:
        """The first month that is billed unless a person names one: the last closed month that is ever synced."""
        return max(self.first, Month.last_closed(self.now))

    def why_not(self, bill_from: Month | None) -> str | None:
        """Why billing cannot begin with the month that a person named; None if it can, or none was named."""
        current = Month.of(self.now)
        if bill_from is None or self.first <= bill_from <= max(current, self.first):
            return None
        if bill_from < self.first:
            return (
                f"{bill_from} is before {self.first}, the first month that is ever synced (CW_PIPELINE_FIRST_MONTH): "
                f"bill from {self.first} or a later month on"
            )
        return f"{bill_from} is in the future: bill from {current}, which is running, or an earlier month on"


def left_out(session: Session, psa: str, first_month: Month) -> dict[str, dict[str, int]]:
    """The seats of mapped organizations before their `bill_from` that could be billed and never were.

    By organization and month, from `first_month` on, as each month's latest usage report has them.
    """
    rows = session.execute(
        select(UsageReportRow.month, OrganizationUsageRow.organization_id, OrganizationUsageRow.seats)
        .join(OrganizationUsageRow, OrganizationUsageRow.report_id == UsageReportRow.id)
        .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationUsageRow.organization_id)
        .where(
            UsageReportRow.id.in_(select(func.max(UsageReportRow.id)).group_by(UsageReportRow.month)),
            UsageReportRow.month >= first_month,
            UsageReportRow.month < CompanyMappingRow.bill_from,
            OrganizationUsageRow.seats > 0,
            OrganizationUsageRow.msp_managed,
            OrganizationUsageRow.license_type == LicenseType.STANDARD,
        )
        .order_by(UsageReportRow.month)
    ).tuples()
    billed = billed_months(session, psa)
    seats: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for month, organization_id, number in rows:
        if (month, organization_id) not in billed:
            seats[organization_id][str(month)] = number
    return seats


def about_left_out(mapping: CompanyMappingRow, seats_by_month: Mapping[str, int]) -> str | None:
    """The seats that the mapping's first month leaves out and, unless a person named that month, how to bill them."""
    if not seats_by_month:
        return None
    which = f"{name_and_id(mapping.organization)} in {', '.join(seats_by_month)}"
    left_out, bill_from = sum(seats_by_month.values()), mapping.bill_from
    seats = f"{counted(left_out, 'seat')} of {which} {'is' if left_out == 1 else 'are'}"
    if mapping.bill_from_chosen:
        return f"{seats} not billed: {bill_from} was named as the first month."
    return (
        f"{seats} billed to nobody, because {bill_from} is the first month that is billed. Map the company again "
        f"with --bill-from {min(seats_by_month)} to bill them, or with --bill-from {bill_from} if they are not to be."
    )


def about_left_lines(
    session: Session, psa: str, organization: OrganizationRow, bill_from: Month, before: Month | None
) -> str | None:
    """The organization's lines with seats that billing it from `bill_from` on leaves as they are; None if none are.

    Args:
        session: The transaction.
        psa: The key of the ConnectWise company.
        organization: Whose lines.
        bill_from: The first month that is to be billed.
        before: The first month that was billed until now, before which lines are left alone already; None where the
            organization is not mapped.
    """
    entry, marked = LedgerEntry, as_marked(organization.id)
    of_it = select(entry.month).where(entry.psa == psa, entry.organization_id.in_({organization.id, marked}))
    of_it = of_it.where(entry.month < bill_from, *([entry.month >= before] if before else []))
    months = session.scalars(of_it.distinct()).all()
    if not months:
        return None
    carried = carried_seats(session, psa, months)
    billed = {month: seats for (month, whose), seats in sorted(carried.items()) if whose == marked}
    if not billed:
        return None
    which = ", ".join(f"{plain(seats)} in {month}" for month, seats in billed.items())
    return (
        f"Lines of {name_and_id(organization)} carry seats for months before {bill_from}, the first month that is to "
        f"be billed: {which}. They stay billed as they are in ConnectWise, and are no longer compared with usage or "
        f"corrected. To keep them right, bill from {min(billed)} on instead: what they carry counts, and is not billed "
        "again."
    )
