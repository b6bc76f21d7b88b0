"""Mapped organizations that a usage report does not have: they count as having used nothing, unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from cw_pipeline.warehouse.tables import (
    AcceptedAbsenceRow,
    CompanyMappingRow,
    OrganizationRow,
    OrganizationUsageRow,
    UsageReportRow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month


def missing_usage(session: Session) -> Sequence[tuple[Month, OrganizationRow]]:
    """The mapped organizations without a row in a month's report that was kept last, each with the month.

    Every month counts from the mapping's `bill_from` on, whether the organization used anything before or not,
    unless a person accepted of that report that it used nothing.
    """
    last = select(func.max(UsageReportRow.id)).group_by(UsageReportRow.month)
    has_row = exists().where(
        OrganizationUsageRow.report_id == UsageReportRow.id,
        OrganizationUsageRow.organization_id == CompanyMappingRow.organization_id,
    )
    accepted = exists().where(
        AcceptedAbsenceRow.report_id == UsageReportRow.id,
        AcceptedAbsenceRow.organization_id == CompanyMappingRow.organization_id,
    )
    return (
        session.execute(
            select(UsageReportRow.month, OrganizationRow)
            .join(CompanyMappingRow, CompanyMappingRow.bill_from <= UsageReportRow.month)
            .join(OrganizationRow, OrganizationRow.id == CompanyMappingRow.organization_id)
            .where(UsageReportRow.id.in_(last), ~has_row, ~accepted)
            .order_by(UsageReportRow.month, OrganizationRow.name)
        )
        .tuples()
        .all()
    )
