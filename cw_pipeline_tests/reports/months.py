"""Months that were pushed, and their reports."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.reports.month_report.report import month_report
from cw_pipeline.warehouse.pushes import PushedMonth, save_push
from cw_pipeline.warehouse.tables import ProductMappingRow, ProductRow
from cw_pipeline_tests.support.rows import BEFORE, put
from cw_pipeline_tests.warehouse.examples import MARCH, PSA, a_line, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.reports.month_lines import MonthLine
    from cw_pipeline.reports.month_report.report import MonthlyReport
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse

PRICE = Decimal("4.35")


def line(
    organization_id: str,
    outcome: Outcome = Outcome.CREATED,
    seats: int = 5,
    *,
    company_id: int | None = 1,
    name: str | None = None,
    **fields: object,
) -> PreviewLine:
    mapped = {"company_id": company_id, "agreement_id": None if company_id is None else company_id * 10 + 1}
    made = a_line(outcome, seats, organization_id=organization_id)
    return replace(made, organization_name=name or organization_id.upper(), **mapped, **fields)


def push(warehouse: Warehouse, *lines: PreviewLine, month: Month = MARCH) -> None:
    with warehouse.transaction() as session:
        preview = keep_preview(session, *lines, month=month)
        usage_seats = sum(int(one.seats) for one in lines if not one.also)
        pushed = replace(preview.preview, usage_seats=usage_seats)
        save_push(session, PushedMonth(pushed, preview.id, 0, 0), psa=PSA, run_id="run")


def set_price(warehouse: Warehouse) -> None:
    """A seat on Business has a price."""
    put(
        warehouse,
        ProductRow(id=3, identifier="NP-B", description="", price=PRICE, cost=None),
        ProductMappingRow(plan="Business", product_id=3, confirmed_product_id=3, mapped_at=BEFORE),
    )


def report(warehouse: Warehouse, month: Month = MARCH) -> MonthlyReport:
    with warehouse.transaction() as session:
        return month_report(session, month)


def customer(made: MonthlyReport, organization_id: str) -> MonthLine:
    (found,) = [one for one in made.lines.organizations if one.organization.id == organization_id]
    return found
