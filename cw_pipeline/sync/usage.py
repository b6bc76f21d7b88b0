"""Fetching a month's usage: a report counts only when it is final, well-formed, and not suspiciously empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.facts import LicenseType, Usage
from cw_pipeline.billing.identity import Plan
from cw_pipeline.sync.run import SyncError
from cw_pipeline.warehouse.tables import CompanyMapping
from cw_pipeline.warehouse.usage import store_report

if TYPE_CHECKING:
    from cw_pipeline.billing.months import Month
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.tables import UsageReport


class EmptyReport(SyncError):
    """The report has no row although organizations are billed: it does not count, as if it were not final."""

    is_transient = True


def fetch_usage(nordpass: NordPass, warehouse: Warehouse, month: Month) -> UsageReport:
    """Fetch and keep ``month``'s usage report.

    Raises:
        NordPassError: If there is no final, well-formed report; nothing is kept.
        EmptyReport: If the report is empty although organizations are mapped; nothing is kept.
    """
    report = nordpass.monthly_usage(str(month))
    usage = [
        Usage(
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            plan=Plan(row.plan),
            license_type=LicenseType(row.license_type),
            managed=row.msp_managed,
            seats=row.consumed_licenses,
        )
        for row in report.rows
    ]
    with warehouse.transaction() as session:
        mapped = session.scalar(
            select(func.count()).select_from(CompanyMapping).where(CompanyMapping.bill_from <= str(month))
        )
        if mapped and not usage:
            msg = (
                f"NordPass's usage report for {month} is empty although {mapped} organizations are billed for it. "
                "Nothing of it is used. Look at the month in the NordPass panel, then sync it again."
            )
            raise EmptyReport(msg)
        return store_report(session, month, report.generated_at, usage)
