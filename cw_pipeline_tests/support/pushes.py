"""Months whose reports were kept, which were pushed, and whose lines were written to."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.warehouse.tables import LedgerEntry, PreviewLineRow, PreviewRow, PushLineRow, PushRow, UsageReportRow
from cw_pipeline_tests.support.rows import NOW, put

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

SET_UP = NOW - timedelta(minutes=10)
PSA = "https://psa.example.com|msp"


def keep(warehouse: Warehouse, month: str, at: datetime, *, says: str = "f") -> UsageReportRow:
    report = UsageReportRow(month=month, generated_at=at, fetched_at=at, fingerprint=says, seats=0)
    put(warehouse, report)
    return report


def push(
    warehouse: Warehouse,
    month: str,
    at: datetime,
    *lines: PushLineRow,
    succeeded: bool = True,
    took: timedelta = timedelta(0),
) -> None:
    report = keep(warehouse, month, at)
    preview = PreviewRow(
        psa=PSA, month=month, made_at=at, run_id="run", usage_report_id=report.id,
        usage_seats=0, requests_read=0,
    )  # fmt: skip
    put(warehouse, preview)
    done = PushRow(
        psa=PSA, month=month, run_id="run", preview_id=preview.id, pushed_at=at + took, succeeded=succeeded,
        requests_read=0, requests_written=0,
    )  # fmt: skip
    put(warehouse, done)
    for line in lines:
        line.push_id = done.id
        put(warehouse, _previewed(line, preview.id), line)


def _previewed(line: PushLineRow, preview_id: int) -> PreviewLineRow:
    """The line of the preview that was pushed, of Acme's organization."""
    return PreviewLineRow(
        preview_id=preview_id, position=line.position, organization_id=line.organization_id, organization_name="Acme",
        plan=line.plan, also=line.also, outcome=line.outcome, seats=line.seats, reason=line.reason, writes=(),
    )  # fmt: skip


def record(
    warehouse: Warehouse,
    month: str,
    at: datetime,
    *,
    kind: EntryKind = EntryKind.INTENT,
    psa: str = PSA,
    quantity: int = 5,
) -> None:
    """An entry of the ledger about a line of the month."""
    entry = LedgerEntry(
        psa=psa, at=at, run_id="run", kind=kind, month=month, organization_id="org-acme", plan="Business",
        serial_number=f"NP:{month}:B:org-acme", agreement_id=11, product_id=3, addition_id=77, before=Decimal(0),
        quantity=Decimal(quantity), effective_date=date(2026, 4, 1),
    )  # fmt: skip
    put(warehouse, entry)
