"""The report for spreadsheets: a workbook with a sheet for each part, or one CSV table of all organizations.

Names come from ConnectWise and NordPass, so every text is guarded: none is a formula.
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from cw_pipeline.https.safe_text import harmless
from cw_pipeline.wording.commands import for_tenant
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.spreadsheets import guarded

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from cw_pipeline.reports.month_report.report import MonthlyReport
    from cw_pipeline.warehouse.names import Named

Cell: TypeAlias = str | int | Decimal | None
Table: TypeAlias = "tuple[tuple[str, ...], list[tuple[Cell, ...]]]"
_MONEY = frozenset({"price", "worth"})
_WIDEST = 60


def workbook(report: MonthlyReport, *, tenant: str | None = None) -> bytes:
    """The report as an Excel workbook; the commands in it are for the tenant with this key."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, table in (
        ("Organizations", _organizations(report)),
        ("Waiting", _waiting(report)),
        ("Gone", (("organization_id", "organization", "seats"), [(*_of(one), seats) for one, seats in report.gone])),
        ("Twelve months", _year(report)),
    ):
        _fill(book.create_sheet(title), table, tenant)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def comma_separated(report: MonthlyReport, *, tenant: str | None = None) -> bytes:
    """The organizations as CSV in UTF-8, with the mark by which spreadsheets know that."""
    headings, rows = _organizations(report)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *([_shown(cell, tenant) for cell in row] for row in rows)])
    return text.getvalue().encode("utf-8-sig")


def _fill(sheet: Worksheet, table: Table, tenant: str | None) -> None:
    headings, rows = table
    sheet.append(headings)
    for row in rows:
        sheet.append([_shown(cell, tenant) for cell in row])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for index, heading in enumerate(headings, start=1):
        column = [sheet.cell(number, index) for number in range(1, len(rows) + 2)]
        longest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[get_column_letter(index)].width = min(longest, _WIDEST) + 2
        if heading in _MONEY:
            for cell in column[1:]:
                cell.number_format = "#,##0.00"


def _shown(cell: Cell, tenant: str | None) -> Cell:
    return guarded(harmless(for_tenant(cell, tenant))) if isinstance(cell, str) else cell


def _organizations(report: MonthlyReport) -> Table:
    headings = (
        "month", "company_id", "company", "organization_id", "organization", "plan", "agreement_id", "agreement",
        "used", "used_before", "owed", "billed", "price", "worth", "currency", "outcome", "label", "reason",
    )  # fmt: skip
    return headings, [
        (
            str(report.month),
            *_of(one.company),
            *_of(one.organization),
            one.plan.value,
            *_of(one.agreement),
            one.used,
            one.used_before,
            one.owed,
            one.billed,
            one.price,
            one.worth,
            one.currency or None,
            one.outcome.value,
            LABELS[one.outcome],
            one.reason,
        )
        for one in report.customers
    ]


def _waiting(report: MonthlyReport) -> Table:
    headings = (
        "month", "company_id", "company", "organization_id", "organization", "outcome", "label", "seats", "worth",
        "currency", "reason", "what_to_do",
    )  # fmt: skip
    return headings, [
        (
            str(report.month),
            *_of(one.company),
            *_of(one.organization),
            one.outcome.value,
            one.label,
            one.seats,
            one.worth,
            one.currency or None,
            one.reason,
            one.what_to_do,
        )
        for one in report.waiting
    ]


def _year(report: MonthlyReport) -> Table:
    return ("month", "used", "billed", "waiting", "not_billed"), [
        (str(one.month), *((one.used, one.billed, one.waiting, one.not_billed) if one.pushed else [None] * 4))
        for one in report.year
    ]


def _of(record: Named | None) -> tuple[Cell, Cell]:
    """A record's id and name."""
    return (None, None) if record is None else (record.id, record.name)
