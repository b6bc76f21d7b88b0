"""The report as one HTML page that needs nothing from elsewhere, and its picture of the year as an SVG.

Names come from ConnectWise and NordPass: whatever a template shows is escaped, without what could steer a reader.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cw_pipeline.https.safe_text import harmless
from cw_pipeline.reports.month_report.report import GROUPS
from cw_pipeline.reports.worth import added
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.changes import against_last_month, changes
from cw_pipeline.wording.commands import for_tenant
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.seats import amounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.reports.month_lines import MonthLine
    from cw_pipeline.reports.month_report.report import MonthlyReport, MonthSeats

_COMMAND = re.compile("`([^`]+)`")
_GRID_LINES = 4


def page(report: MonthlyReport, *, tenant: str | None = None) -> str:
    """The report as HTML; the commands in it are for the tenant with this key."""

    def sentence(text: str) -> Markup:
        return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(harmless(for_tenant(text, tenant))))))  # noqa: S704 - escaped

    companies = Counter(company.name for company in report.by_company)
    organizations = Counter(row.organization.name for row in report.lines.organizations)
    return _TEMPLATES.get_template("page.html").render(
        report=report,
        # Names that several companies, or several organizations, have are shown with their ids.
        ambiguous={name for names in (companies, organizations) for name, number in names.items() if number > 1},
        picture=Markup(year_picture(report.year)),  # noqa: S704 - another template's, and so escaped
        sentence=sentence,
        against_last_month=against_last_month,
        changes=changes(report.lines.changes or (), report.lines.last_month, report.month),
        counted=counted,
        LABELS=LABELS,
        GROUPS=GROUPS,
    )


def year_picture(year: Sequence[MonthSeats]) -> str:
    """The seats billed, waiting and not billed, stacked by month, as an SVG."""
    step = _step(max(month.used for month in year))
    return _TEMPLATES.get_template("year.svg").render(year=year, step=step, grid_lines=_GRID_LINES)


def _step(highest: Decimal) -> Decimal:
    """The distance of the grid's lines: 1, 2 or 5 times a power of ten, so that the highest bar is below the last."""
    needed = max(highest / _GRID_LINES, Decimal(1))
    power = Decimal(10) ** needed.adjusted()
    return next(step * power for step in (1, 2, 5, 10) if step * power >= needed)


def total(lines: Iterable[MonthLine]) -> str:
    """What the seats that are owed of these lines are worth together."""
    owing = [row for row in lines if row.owed]
    money = added(row.worth_owed for row in owing)
    unpriced_seats = sum((row.owed for row in owing if not row.worth_owed), Decimal(0))
    parts = [amounts(money)] if money else []
    if unpriced_seats:
        parts.append(f"{counted(unpriced_seats, 'seat')} of unknown price")
    return " and ".join(parts) or "nothing"


def _signed(number: Decimal) -> str:
    return f"{number:+,}" if number else "0"


def _harmless_text(value: object) -> object:
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_TEMPLATES = Environment(
    loader=PackageLoader("cw_pipeline.reports.month_report"),
    autoescape=True,
    finalize=_harmless_text,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"money": amounts, "total": total, "signed": _signed, "seats": "{:,}".format}
