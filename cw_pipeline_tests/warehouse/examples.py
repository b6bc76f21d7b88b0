"""Writes, usage and previews to keep in a warehouse, short enough to be read in a test."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.billing.writes import CreateLine, SetQuantity, Write
from cw_pipeline.nordpass.models import UsageReport, UsageRow
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline.warehouse.previews import save_preview
from cw_pipeline.warehouse.usage import store_report

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.billing.outcomes import Outcome
    from cw_pipeline.warehouse.previews import StoredPreview

MARCH = Month(2026, 3)
APRIL = Month(2026, 4)
PSA = "https://psa.example.com|msp"
MOMENT = datetime(2026, 4, 1, 0, 1, 2, tzinfo=UTC)


def a_write(
    quantity: int | str = 5,
    *,
    addition_id: int | None = None,
    before: int = 0,
    month: Month = MARCH,
    organization_id: str = "org-1",
    agreement_id: int = 10,
) -> Write:
    """A line to create, or with `addition_id` one to change."""
    identity, first, last = Identity(month, Plan.BUSINESS, organization_id), date(2026, 4, 1), date(2026, 4, 30)
    if addition_id is None:
        return CreateLine(identity, agreement_id, 100, Decimal(quantity), first, last)
    return SetQuantity(identity, agreement_id, 100, addition_id, Decimal(before), Decimal(quantity), first)


def used(organization_id: str, seats: int) -> UsageRow:
    """A row of a usage report."""
    return UsageRow(
        organization_id=organization_id,
        organization_name=f"Name of {organization_id}",
        plan=Plan.BUSINESS,
        license_type=LicenseType.STANDARD,
        msp_managed=True,
        consumed_licenses=seats,
    )


def a_report(*rows: UsageRow, month: Month = MARCH) -> UsageReport:
    """A usage report as NordPass makes it."""
    return UsageReport(month=month, generated_at=MOMENT, rows=rows)


def a_line(outcome: Outcome, seats: int, *writes: Write, organization_id: str = "org-1") -> PreviewLine:
    """A line of a preview."""
    return PreviewLine(
        organization_id=organization_id,
        organization_name="Ürümqi & “Söhne”",
        plan=Plan.BUSINESS,
        company_id=1,
        agreement_id=10,
        also=False,
        outcome=outcome,
        seats=Decimal(seats),
        reason="A reason.",
        writes=writes,
    )


def keep_preview(
    session: Session,
    *lines: PreviewLine,
    month: Month = MARCH,
    run_id: str = "run-1",
    psa: str = PSA,
    requests_read: int = 3,
) -> StoredPreview:
    """Keep a preview of `lines`, with a usage report that has their seats."""
    seats = sum(int(line.seats) for line in lines)
    report = store_report(session, a_report(used("org-1", seats), month=month))
    return save_preview(
        session,
        Preview(month, seats, lines),
        psa=psa,
        run_id=run_id,
        made_at=datetime.now(UTC),
        usage_report_id=report.id,
        requests_read=requests_read,
    )
