"""The report for spreadsheets: a workbook with a sheet for each part, or one CSV table of all organizations.

Names come from ConnectWise and NordPass, so every text is guarded: none is a formula.
"""

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd
from openpyxl.utils import get_column_letter

from cw_pipeline.https.safe_text import harmless
from cw_pipeline.wording.commands import for_tenant
from cw_pipeline.wording.spreadsheets import guarded

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from cw_pipeline.reports.month_report.report import MonthlyReport
    from cw_pipeline.reports.worth import Money
    from cw_pipeline.warehouse.names import Named

Cell: TypeAlias = str | int | Decimal | None
Table: TypeAlias = "tuple[tuple[str, ...], list[tuple[Cell, ...]]]"
_MONEY = frozenset({"price", "worth"})
_WIDEST = 60


def workbook(report: MonthlyReport, *, tenant: str | None = None) -> bytes:
    """The report as an Excel workbook; the commands in it are for the tenant with this key."""
    content = io.BytesIO()
    with pd.ExcelWriter(content, engine="openpyxl") as book:
        for title, table in (
            ("Organizations", _organizations(report)),
            ("Waiting", _waiting(report)),
            ("Changes", _changes(report)),
            ("Twelve months", _year(report)),
        ):
            frame = _frame(table, tenant)
            frame.to_excel(book, sheet_name=title, index=False, freeze_panes=(1, 0))  # pyright: ignore[reportUnknownMemberType]
            _format(book.sheets[title])
    return content.getvalue()


def comma_separated(report: MonthlyReport, *, tenant: str | None = None) -> bytes:
    """The organizations as CSV in UTF-8, with the mark by which spreadsheets know that."""
    return _frame(_organizations(report), tenant).to_csv(index=False).encode("utf-8-sig")


def _frame(table: Table, tenant: str | None) -> pd.DataFrame:
    headings, rows = table
    # As objects, because the seats and the money must not become floats.
    return pd.DataFrame([[_safe(cell, tenant) for cell in row] for row in rows], columns=headings, dtype=object)


def _format(sheet: Worksheet) -> None:
    for index, (heading, *column) in enumerate(sheet.iter_cols(), start=1):
        longest = max(len(str(cell.value or "")) for cell in (heading, *column))
        sheet.column_dimensions[get_column_letter(index)].width = min(longest, _WIDEST) + 2
        if heading.value in _MONEY:
            for cell in column:
                cell.number_format = "#,##0.00"


def _safe(cell: Cell, tenant: str | None) -> Cell:
    return guarded(harmless(for_tenant(cell, tenant))) if isinstance(cell, str) else cell


def _organizations(report: MonthlyReport) -> Table:
    headings = (
        "month", "company_id", "company", "organization_id", "organization", "plan", "agreement_id", "agreement",
        "used", "used_before", "owed", "billed", "by_hand", "price", "worth", "currency", "outcome", "label", "reason",
    )  # fmt: skip
    return headings, [
        (
            str(report.month),
            *_id_and_name(row.company),
            *_id_and_name(row.organization),
            row.line.plan.value,
            *_id_and_name(row.agreement),
            row.used,
            row.used_before,
            row.owed,
            row.billed,
            row.line.by_hand,
            row.price,
            *_amount(row.worth_owed),
            row.line.outcome.value,
            row.outcome,
            row.line.reason,
        )
        for row in report.lines.organizations
    ]


def _waiting(report: MonthlyReport) -> Table:
    headings = (
        "month", "company_id", "company", "organization_id", "organization", "outcome", "label", "seats", "worth",
        "currency", "reason", "what_to_do",
    )  # fmt: skip
    return headings, [
        (
            str(report.month),
            *_id_and_name(row.company),
            *_id_and_name(row.organization),
            row.line.outcome.value,
            row.label,
            row.seats,
            *_amount(row.worth),
            " ".join(row.attention),
            row.what_to_do,
        )
        for row in report.lines.waiting
    ]


def _changes(report: MonthlyReport) -> Table:
    headings = (
        "company_id", "company", "organization_id", "organization", "plan", "agreement_id", "agreement",
        "outcome_before", "outcome", "seats_before", "seats", "change", "worth", "currency",
    )  # fmt: skip
    return headings, [
        (
            *_id_and_name(change.company),
            change.line.organization_id,
            change.line.organization_name,
            change.line.plan.value,
            *_id_and_name(change.agreement),
            change.before and change.before.outcome.value,
            change.after and change.after.outcome.value,
            change.before and change.before.seats,
            change.after and change.after.seats,
            change.seats,
            *_amount(change.worth),
        )
        for change in report.lines.changes or ()
    ]


def _year(report: MonthlyReport) -> Table:
    headings = ("month", "used", "billed", "waiting", "not_billed")
    return headings, [
        (str(seats.month), *(getattr(seats, name) if seats.pushed else None for name in headings[1:]))
        for seats in report.year
    ]


def _id_and_name(record: Named | None) -> tuple[Cell, Cell]:
    return (None, None) if record is None else (record.id, record.name)


def _amount(money: Money) -> tuple[Cell, Cell]:
    return next(((amount, currency or None) for currency, amount in money.items()), (None, None))
