"""The first month that is billed for an organization: which may be named, and which usage it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from cw_pipeline.reports.unbilled import billed_months
from cw_pipeline.vocabulary import LicenseType, Month
from cw_pipeline.warehouse.tables import OrganizationUsageRow, UsageReportRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


def unless_named(first_month: Month, now: datetime) -> Month:
    """The first month that is billed where nobody names one: the last closed month that is ever synced."""
    return max(first_month, Month.last_closed(now))


def why_not_from(bill_from: Month | None, first_month: Month, now: datetime) -> str | None:
    """Why nothing can be billed from a month on that a person named; None where it can, or nobody named one."""
    current = Month.of(now)
    if bill_from is None or first_month <= bill_from <= max(current, first_month):
        return None
    if bill_from < first_month:
        return (
            f"{bill_from} is before {first_month}, the first month that is ever synced (CW_PIPELINE_FIRST_MONTH): "
            f"bill from {first_month} or a later month on"
        )
    return f"{bill_from} is in the future: bill from {current}, which is running, or an earlier month on"


def left_out(session: Session, psa: str, organization_id: str, bill_from: Month, first_month: Month) -> dict[str, int]:
    """The organization's seats before `bill_from` that could be billed and never were, by month.

    As the usage reports say that were kept last.
    """
    rows = session.execute(
        select(UsageReportRow.month, OrganizationUsageRow.seats)
        .join(OrganizationUsageRow, OrganizationUsageRow.report_id == UsageReportRow.id)
        .where(
            UsageReportRow.id.in_(select(func.max(UsageReportRow.id)).group_by(UsageReportRow.month)),
            UsageReportRow.month >= first_month,
            UsageReportRow.month < bill_from,
            OrganizationUsageRow.organization_id == organization_id,
            OrganizationUsageRow.seats > 0,
            OrganizationUsageRow.msp_managed,
            OrganizationUsageRow.license_type == LicenseType.STANDARD,
        )
        .order_by(UsageReportRow.month)
    ).tuples()
    billed = billed_months(session, psa)
    return {str(month): seats for month, seats in rows if (month, organization_id) not in billed}


def has_usage(session: Session, organization_id: str) -> bool:
    """Whether any usage report has the organization."""
    return bool(session.scalar(select(exists().where(OrganizationUsageRow.organization_id == organization_id))))


def about_left_out(
    organization: str, seats_by_month: Mapping[str, int], bill_from: Month, *, chosen: bool
) -> str | None:
    """What a first month leaves out, in a sentence, and how to bill it unless a person named that month."""
    if not seats_by_month:
        return None
    seats = f"{sum(seats_by_month.values())} seats of {organization} in {', '.join(seats_by_month)}"
    if chosen:
        return f"{seats} are not billed: {bill_from} was named as the first month."
    return (
        f"{seats} are billed to nobody, because {bill_from} is the first month that is billed. Map the company again "
        f"with --bill-from {min(seats_by_month)} to bill them, or with --bill-from {bill_from} if they are not to be."
    )
