"""Mapped organizations that a usage report does not have: they count as having used nothing, unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from cw_pipeline.warehouse.tables import AcceptedAbsence, CompanyMapping, Organization, UsageReport, UsageRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month


def missing_usage(session: Session) -> Sequence[tuple[Month, Organization]]:
    """The mapped organizations without a row in a month's report that was kept last, each with the month.

    Every month counts from the mapping's ``bill_from`` on, whether the organization used anything before or not,
    unless a person accepted of that report that it used nothing.
    """
    last = select(func.max(UsageReport.id)).group_by(UsageReport.month)
    has_row = exists().where(
        UsageRow.report_id == UsageReport.id, UsageRow.organization_id == CompanyMapping.organization_id
    )
    accepted = exists().where(
        AcceptedAbsence.report_id == UsageReport.id, AcceptedAbsence.organization_id == CompanyMapping.organization_id
    )
    return (
        session.execute(
            select(UsageReport.month, Organization)
            .join(CompanyMapping, CompanyMapping.bill_from <= UsageReport.month)
            .join(Organization, Organization.id == CompanyMapping.organization_id)
            .where(UsageReport.id.in_(last), ~has_row, ~accepted)
            .order_by(UsageReport.month, Organization.name)
        )
        .tuples()
        .all()
    )
