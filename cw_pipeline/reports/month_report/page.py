"""The report as one HTML page that needs nothing from elsewhere, and its picture of the year as an SVG.

Names come from ConnectWise and NordPass: whatever a template shows is escaped, without what could steer a reader.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cw_pipeline.https.safe_text import harmless
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.changes import against_last_month, changes
from cw_pipeline.wording.commands import for_tenant
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.seats import amounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.reports.month_report.report import MonthlyReport, MonthSeats, Worth

_COMMAND = re.compile("`([^`]+)`")
_PLOT_HEIGHT, _PLOT_BOTTOM = 200, 230
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
    )


class _Segment(NamedTuple):
    kind: str
    y: float
    height: float


class _Bar(NamedTuple):
    seats: MonthSeats
    segments: list[_Segment]


def year_picture(year: Sequence[MonthSeats]) -> str:
    """The seats billed, waiting and not billed, stacked by month, as an SVG."""
    step = _step(max(month.used for month in year))
    return _TEMPLATES.get_template("year.svg").render(
        bars=[_Bar(month, _segments(month, step * _GRID_LINES)) for month in year],
        grid=[(step * line, _PLOT_BOTTOM - _PLOT_HEIGHT * line // _GRID_LINES) for line in range(_GRID_LINES + 1)],
    )


def _segments(month: MonthSeats, top: Decimal) -> list[_Segment]:
    """The parts of a month's bar, from the bottom up; `top` is the number at the top of the plot."""
    segments: list[_Segment] = []
    y = float(_PLOT_BOTTOM)
    for kind, seats in (("billed", month.billed), ("waiting", month.waiting), ("not-billed", month.not_billed)):
        height = float(seats / top * _PLOT_HEIGHT)
        y -= height
        segments.append(_Segment(kind, round(y, 1), round(height, 1)))
    return segments


def _step(highest: Decimal) -> Decimal:
    """The distance of the grid's lines: 1, 2 or 5 times a power of ten, so that the highest bar is below the last."""
    needed = max(highest / _GRID_LINES, Decimal(1))
    power = Decimal(10) ** needed.adjusted()
    return next(step * power for step in (1, 2, 5, 10) if step * power >= needed)


def total(worth: Worth) -> str:
    """What seats are worth together."""
    if not worth.unpriced_seats:
        return amounts(worth.money) if worth.money else "nothing"
    unpriced = f"{counted(worth.unpriced_seats, 'seat')} of unknown price"
    return f"{amounts(worth.money)} and {unpriced}" if worth.money else unpriced


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
