"""Usage reports as they were fetched, kept for good, since NordPass deletes organizations for good."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import selectinload

from cw_pipeline.billing.facts import Usage
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.tables import OrganizationUsageRow, ReleasedUsageRow, UsageReportRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.nordpass.models import UsageReport


@dataclass(frozen=True)
class StoredReport:
    """A month's usage report, with its rows as the rule takes them."""

    id: int
    month: Month
    generated_at: datetime
    seats: int
    rows: tuple[Usage, ...]
    is_new: bool = field(default=False, compare=False)
    """Whether it was just stored because it differs from the one before."""


_OF_MONTH = UsageReportRow.month == bindparam("month")
_LAST_OF_MONTH = select(UsageReportRow).where(_OF_MONTH).order_by(UsageReportRow.id.desc()).limit(1)


def store_report(session: Session, report: UsageReport) -> StoredReport:
    """Store a report from NordPass, unless the one stored last for its month says the same: then that is returned."""
    values = [{**row.model_dump(exclude={"consumed_licenses"}), "seats": row.consumed_licenses} for row in report.rows]
    fingerprint = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    rows = [OrganizationUsageRow(**row) for row in values]
    stored = session.scalars(_LAST_OF_MONTH, {"month": report.month}).first()
    is_new = stored is None or stored.fingerprint != fingerprint
    if stored is None or is_new:
        stored = UsageReportRow(
            month=report.month,
            generated_at=report.generated_at,
            fetched_at=datetime.now(UTC),
            fingerprint=fingerprint,
            seats=sum(row.seats for row in rows),
            rows=rows,
        )
        session.add(stored)
        session.flush()
    return replace(_report(stored, rows), is_new=is_new)


LATEST_REPORTS = select(func.max(UsageReportRow.id)).group_by(UsageReportRow.month)
"""The ids of each month's latest report, as a subquery."""
_OF_MONTHS = UsageReportRow.month.in_(bindparam("months", expanding=True))
_LATEST_IDS = select(UsageReportRow.month, func.max(UsageReportRow.id)).where(_OF_MONTHS).group_by(UsageReportRow.month)
_LATEST = (
    select(UsageReportRow)
    .where(UsageReportRow.id.in_(LATEST_REPORTS.where(_OF_MONTHS)))
    .options(selectinload(UsageReportRow.rows))
)


def latest_report_ids(session: Session, months: Collection[Month]) -> dict[Month, int]:
    """The id of the report stored last for each of `months` that has one."""
    return dict(session.execute(_LATEST_IDS, {"months": months}).tuples().all())


def latest_reports(session: Session, months: Collection[Month]) -> dict[Month, StoredReport]:
    """The report stored last for each of `months` that has one."""
    reports = session.scalars(_LATEST, {"months": months})
    return {report.month: _report(report, report.rows) for report in reports}


def _report(report: UsageReportRow, rows: Iterable[OrganizationUsageRow]) -> StoredReport:
    usage = (
        Usage(
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            plan=row.plan,
            license_type=row.license_type,
            managed=row.msp_managed,
            seats=row.seats,
        )
        for row in rows
    )
    return StoredReport(report.id, report.month, report.generated_at, report.seats, tuple(usage))


def release_usage(session: Session, report_id: int, organization_ids: Iterable[str]) -> None:
    """Record that a person released what a report says of these organizations, or their absence from it."""
    now = datetime.now(UTC)
    for organization_id in organization_ids:
        session.merge(ReleasedUsageRow(report_id=report_id, organization_id=organization_id, released_at=now))


_RELEASED = select(ReleasedUsageRow.report_id, ReleasedUsageRow.organization_id).where(
    ReleasedUsageRow.report_id.in_(bindparam("report_ids", expanding=True))
)


def released_usage(session: Session, reports: Mapping[Month, StoredReport]) -> frozenset[tuple[Month, str]]:
    """The organizations whose usage in one of these `reports` a person released, each with the month."""
    months = {report.id: month for month, report in reports.items()}
    released = session.execute(_RELEASED, {"report_ids": list(months)}).tuples()
    return frozenset((months[report_id], organization_id) for report_id, organization_id in released)


_WITH_SEVERAL_PLANS = (
    select(OrganizationUsageRow.organization_id)
    .join(UsageReportRow)
    .where(_OF_MONTH)
    .group_by(OrganizationUsageRow.organization_id)
    .having(func.count(OrganizationUsageRow.plan.distinct()) > 1)
)
_PLANS_REPORTED = (
    select(OrganizationUsageRow.organization_id, OrganizationUsageRow.plan)
    .join(UsageReportRow)
    .where(_OF_MONTH, OrganizationUsageRow.organization_id.in_(_WITH_SEVERAL_PLANS))
    .order_by(UsageReportRow.id)
)


def plans_reported(session: Session, month: Month) -> dict[str, list[Plan]]:
    """By organization id, the plans that the reports of `month` named, in order; only where they differ."""
    plans: defaultdict[str, list[Plan]] = defaultdict(list)
    for organization_id, plan in session.execute(_PLANS_REPORTED, {"month": month}).tuples():
        plans[organization_id].append(plan)
    return dict(plans)
