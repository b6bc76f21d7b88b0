"""Fetching a month's usage: a report counts only if it is final, well-formed and not suspiciously empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.nordpass.errors import ReportNotFinal, UnknownMonth
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline.warehouse.usage import StoredReport, latest_report_ids, store_report

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse


_RECENT = 3
"""How many closed months' reports are read again, because NordPass may correct them."""


class EmptyReport(SyncError):
    """The report has no row although organizations are billed. It does not count, as if it were not final."""

    is_transient = True


class ReportWithdrawn(SyncError):
    """A report that was final, and was stored, is gone or is no longer final."""


def fetch_usage(nordpass: NordPass, warehouse: Warehouse, month: Month) -> StoredReport:
    """Fetch and store `month`'s usage report.

    Raises:
        NordPassError: If there is no final, well-formed report; nothing is stored.
        EmptyReport: If the report is empty although organizations are mapped; nothing is stored.
    """
    report = nordpass.monthly_usage(month)
    with warehouse.transaction() as session:
        if not report.rows:
            _require_nobody_billed(session, month)
        return store_report(session, report)


def _require_nobody_billed(session: Session, month: Month) -> None:
    billed = CompanyMappingRow.bill_from <= month
    if mapped := session.scalar(select(func.count()).select_from(CompanyMappingRow).where(billed)):
        raise EmptyReport(
            f"NordPass's usage report for {month} is empty although {mapped} organizations are billed for it. "
            "Nothing of it is used. Look at the month in the NordPass panel, then sync it again."
        )


def require_report(month: Month, reported: Container[Month]) -> None:
    """Make sure that the usage of `month` is `reported`.

    Raises:
        SyncError: If it is not.
    """
    if month not in reported:
        msg = f"There is no usage report for {month} yet. Materialize monthly_usage for it, or run the whole sync."
        raise SyncError(msg)


def read_again(nordpass: NordPass, warehouse: Warehouse, month: Month) -> StoredReport | None:
    """Fetch and store `month`'s usage report, which may have been corrected; None while there is none yet.

    Raises:
        ReportWithdrawn: If one is stored, and NordPass has no final one any more; the stored one stays.
        NordPassError: If there is no well-formed report for another reason; nothing is stored.
        EmptyReport: If the report is empty although organizations are mapped; nothing is stored.
    """
    try:
        return fetch_usage(nordpass, warehouse, month)
    except (ReportNotFinal, UnknownMonth) as error:
        with warehouse.transaction() as session:
            if not latest_report_ids(session, [month]):
                return None
        msg = f"The usage report for {month} is no longer final. The stored one still counts. {error}"
        raise ReportWithdrawn(msg) from error


def recent_months(warehouse: Warehouse, *, first_month: Month, now: datetime) -> list[Month]:
    """The last closed months that are synced and billed to a company: their reports may change."""
    with warehouse.transaction() as session:
        first_billed = session.scalar(select(func.min(CompanyMappingRow.bill_from)))
    if first_billed is None:
        return []
    last = Month.last_closed(now)
    return list(max(first_month, first_billed, last.plus(1 - _RECENT)).until(last))
