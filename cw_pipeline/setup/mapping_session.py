"""A transaction that changes mappings: which months it can bill from, and what a later first month leaves out."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.reports.unbilled import billed_months
from cw_pipeline.setup.audit import setup_transaction
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.vocabulary import LicenseType, Month, counted, plain
from cw_pipeline.warehouse.ledger import carried_seats
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import CompanyMappingRow, LedgerEntry, OrganizationUsageRow, UsageReportRow
from cw_pipeline.warehouse.usage import LATEST_REPORTS

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.tables import OrganizationRow


class MappingSession(NamedTuple):
    """A transaction that changes the mappings of the connected company.

    Attributes:
        psa: The key of that ConnectWise company.
        first_month: The first month that is ever synced.
        now: When the mappings are changed.
    """

    session: Session
    psa: str
    first_month: Month
    now: datetime

    @property
    def default_bill_from(self) -> Month:
        """The first month to bill unless a person names one: the last closed month that is ever synced."""
        return max(self.first_month, Month.last_closed(self.now))

    def why_not(self, bill_from: Month | None) -> str | None:
        """Why billing cannot begin with this month; None if it can, or none was named."""
        first, current = self.first_month, Month.of(self.now)
        if bill_from is None or first <= bill_from <= max(current, first):
            return None
        if bill_from < first:
            return (
                f"{bill_from} is before {first}, the first month that is ever synced (CW_PIPELINE_FIRST_MONTH): bill "
                f"from {first} or a later month on"
            )
        return f"{bill_from} is in the future: bill from {current}, which is running, or an earlier month on"

    def unbilled_usage(self) -> Mapping[str, Mapping[str, int]]:
        """The billable seats of mapped organizations that were never billed, in months before their `bill_from`.

        By organization and month, from the first synced month on, as each month's latest usage report has them.
        """
        rows = self.session.execute(
            select(UsageReportRow.month, OrganizationUsageRow.organization_id, OrganizationUsageRow.seats)
            .join(OrganizationUsageRow, OrganizationUsageRow.report_id == UsageReportRow.id)
            .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationUsageRow.organization_id)
            .where(
                UsageReportRow.id.in_(LATEST_REPORTS),
                UsageReportRow.month >= self.first_month,
                UsageReportRow.month < CompanyMappingRow.bill_from,
                OrganizationUsageRow.seats > 0,
                OrganizationUsageRow.msp_managed,
                OrganizationUsageRow.license_type == LicenseType.STANDARD,
            )
            .order_by(UsageReportRow.month)
        ).tuples()
        billed = billed_months(self.session, self.psa)
        usage: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for month, organization_id, seats in rows:
            if (month, organization_id) not in billed:
                usage[organization_id][str(month)] = seats
        return usage

    def about_abandoned_lines(self, organization: OrganizationRow, bill_from: Month, before: Month | None) -> list[str]:
        """A warning about the organization's lines of months before `bill_from`; empty if there are none with seats.

        `before` is the `bill_from` of its present mapping: earlier lines are left alone already.
        """
        entry, marked = LedgerEntry, as_marked(organization.id)
        months = self.session.scalars(
            select(entry.month)
            .where(
                entry.psa == self.psa,
                entry.organization_id.in_({organization.id, marked}),
                entry.month < bill_from,
                *([entry.month >= before] if before else []),
            )
            .distinct()
        ).all()
        if not months:
            return []
        carried = carried_seats(self.session, self.psa, months)
        billed = {month: seats for (month, whose), seats in sorted(carried.items()) if whose == marked}
        if not billed:
            return []
        which = ", ".join(f"{plain(seats)} in {month}" for month, seats in billed.items())
        warning = (
            f"Lines of {name_and_id(organization)} carry seats for months before {bill_from}, the first month that is "
            f"to be billed: {which}. They stay billed as they are in ConnectWise, and are no longer compared with "
            f"usage or corrected. To keep them right, bill from {min(billed)} on instead: what they carry counts, and "
            "is not billed again."
        )
        return [warning]


@contextmanager
def mapping_session(warehouse: Warehouse, first_month: Month, now: datetime) -> Generator[MappingSession]:
    """Change mappings in one transaction."""
    with setup_transaction(warehouse) as session:
        yield MappingSession(session, psa_of(require_connected(session)), first_month, now)


def unbilled_usage_warning(mapping: CompanyMappingRow, seats_by_month: Mapping[str, int]) -> str:
    """The seats that the mapping's first month leaves out and, unless a person named that month, how to bill them."""
    seats, bill_from = sum(seats_by_month.values()), mapping.bill_from
    unbilled = (
        f"{counted(seats, 'seat')} of {name_and_id(mapping.organization)} in {', '.join(seats_by_month)} "
        f"{'is' if seats == 1 else 'are'}"
    )
    if mapping.bill_from_chosen:
        return f"{unbilled} not billed: {bill_from} was named as the first month."
    return (
        f"{unbilled} billed to nobody, because {bill_from} is the first month that is billed. Map the company again "
        f"with --bill-from {min(seats_by_month)} to bill them, or with --bill-from {bill_from} if they are not to be."
    )
