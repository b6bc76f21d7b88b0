"""Fetching a month's usage: a report counts only when it is final, well-formed, and not suspiciously empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from cw_pipeline.nordpass.errors import ReportNotFinal, UnknownMonth
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline.warehouse.usage import StoredReport, latest_report, store_report

if TYPE_CHECKING:
    from datetime import datetime

    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse


_RECENT = 3
"""How many closed months' reports are read again, since NordPass may correct them."""


_BILLED = select(func.count()).select_from(CompanyMappingRow).where(CompanyMappingRow.bill_from <= bindparam("month"))


class EmptyReport(SyncError):
    """The report has no row although organizations are billed: it does not count, as if it were not final."""

    is_transient = True


class ReportWithdrawn(SyncError):
    """A report that was final, and was kept, is there no more, or is not final any more."""


def fetch_usage(nordpass: NordPass, warehouse: Warehouse, month: Month) -> StoredReport:
    """Fetch and keep `month`'s usage report.

    Raises:
        NordPassError: If there is no final, well-formed report; nothing is kept.
        EmptyReport: If the report is empty although organizations are mapped; nothing is kept.
    """
    report = nordpass.monthly_usage(month)
    with warehouse.transaction() as session:
        mapped = session.scalar(_BILLED, {"month": month})
        if mapped and not report.rows:
            msg = (
                f"NordPass's usage report for {month} is empty although {mapped} organizations are billed for it. "
                "Nothing of it is used. Look at the month in the NordPass panel, then sync it again."
            )
            raise EmptyReport(msg)
        return store_report(session, report)


@dataclass(frozen=True)
class ReadAgain:
    """A month's usage report as it is kept now, and whether it differs from the one kept before."""

    report: StoredReport
    changed: bool


def read_again(nordpass: NordPass, warehouse: Warehouse, month: Month) -> ReadAgain | None:
    """Fetch and keep `month`'s usage report, which may have been corrected; None while there is none yet.

    Raises:
        ReportWithdrawn: If one was kept, and there is no final one any more; what was kept stays.
        NordPassError: If there is no well-formed report for another reason; nothing is kept.
        EmptyReport: If the report is empty although organizations are mapped; nothing is kept.
    """
    with warehouse.transaction() as session:
        kept = latest_report(session, month)
        kept_id = kept.id if kept else None
    try:
        report = fetch_usage(nordpass, warehouse, month)
    except (ReportNotFinal, UnknownMonth) as error:
        if kept_id is None:
            return None
        msg = f"The usage report for {month} is no longer final. The stored one still counts. {error}"
        raise ReportWithdrawn(msg) from error
    return ReadAgain(report, changed=report.id != kept_id)


def recent_months(warehouse: Warehouse, *, first_month: Month, now: datetime) -> list[Month]:
    """The last closed months, of those that are synced and that a company is billed for, whose reports may change."""
    with warehouse.transaction() as session:
        first_billed = session.scalar(select(func.min(CompanyMappingRow.bill_from)))
    if first_billed is None:
        return []
    last = Month.last_closed(now)
    return list(max(first_month, first_billed, last.plus(1 - _RECENT)).until(last))
