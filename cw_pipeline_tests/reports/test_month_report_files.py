"""A month's report as files: whole, readable by anybody, and safe whatever the names are."""

from __future__ import annotations

import csv
import io
from collections import Counter
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.reports.month_report.files import FileNotWritten, usual_file, write_report
from cw_pipeline.reports.month_report.page import page, year_picture
from cw_pipeline.reports.month_report.report import MonthSeats
from cw_pipeline.warehouse.tables import CompanyRow
from cw_pipeline_tests.reports.months import line, push, report, set_price
from cw_pipeline_tests.warehouse.examples import MARCH

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.reports.month_report.report import MonthlyReport
    from cw_pipeline.warehouse.database import Warehouse

NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "{{ 7 * 7 }} {% raw %}",
    '=HYPERLINK("https://example.com")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1)\t=1",
    "evil\u202ename\uffff",
)
pytestmark = pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)
VOID = {"meta", "rect", "circle", "line", "br"}


class Tags(HTMLParser):
    """What a document consists of."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile(connected: Warehouse) -> MonthlyReport:
    """A report of every kind of line, whose names are markup and formulas."""
    set_price(connected)
    with connected.transaction() as session:
        session.get_one(CompanyRow, 1).name = NAMES[0]
    outcomes = (Outcome.CREATED, Outcome.UNMAPPED, Outcome.CREDIT_DUE, Outcome.REJECTED, Outcome.TRIAL)
    push(connected, *(line(f"gone-{name}", name=name) for name in NAMES), month=MARCH.plus(-1))
    push(
        connected,
        *(
            line(
                f"{outcome} {name}", outcome, 3, name=name,
                company_id=None if outcome is Outcome.UNMAPPED else 1,
                reason=f"{name}: run `cw-pipeline lines accept`.",
            )
            for outcome in outcomes
            for name in NAMES
        ),
    )  # fmt: skip
    return report(connected)


def test_a_page_shows_hostile_names_and_takes_nothing_from_elsewhere(hostile: MonthlyReport) -> None:
    shown = Tags(page(hostile, tenant="north"))
    assert shown.tags.keys() & {"script", "img", "iframe", "object", "link", "a", "base", "form"} == set()
    assert [one for one in shown.attributes if one[1] in {"src", "href", "srcset", "data"} or one[1][:2] == "on"] == []
    for name in NAMES[:-1]:
        assert name.replace("\t", " ") in shown.text
    assert "\u202e" not in shown.text
    assert "cw-pipeline --tenant north lines accept" in shown.text
    assert "url(http" not in page(hostile)


def test_a_page_can_be_read_without_seeing_it(hostile: MonthlyReport) -> None:
    shown = Tags(page(hostile))
    assert ("html", "lang", "en") in shown.attributes
    assert shown.headings[:2] == ["h1", "h2"]
    assert shown.tags["h1"] == 1
    assert shown.tags["table"] == shown.tags["caption"] == shown.tags["thead"]
    assert len([one for one in shown.attributes if one[:2] == ("th", "scope")]) == shown.tags["th"]


@pytest.mark.usefixtures("warehouse_url")
def test_the_picture_says_its_numbers_and_differs_by_more_than_colour() -> None:
    numbers = [(900, 50, 1_000), (0, 0, 0), (1, 0, 0)]
    months = [MonthSeats(MARCH.plus(index), True, *map(Decimal, seats)) for index, seats in enumerate(numbers)]  # noqa: FBT003
    months[1] = MonthSeats(MARCH.plus(1), False, *[Decimal(0)] * 3)  # noqa: FBT003
    root = ET.fromstring(year_picture(months))
    svg = "{http://www.w3.org/2000/svg}"
    titles = [one.text for one in root.iter(f"{svg}title")]
    assert titles == [
        "Seats by month, March 2026 to May 2026",
        "March 2026: 1,950 used, 900 billed, 50 waiting, 1,000 not billed",
        "April 2026: not pushed",
        "May 2026: 1 used, 1 billed, 0 waiting, 0 not billed",
    ]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "year-title year-description"
    assert {one.get("id") for one in root.iter(f"{svg}pattern")} == {"waiting", "not-billed"}
    [march] = [one for one in root.iter(f"{svg}g") if one[0].text == titles[1]]
    bars = [(float(one.get("y", "")), float(one.get("height", ""))) for one in march.iter(f"{svg}rect")]
    assert [height for _, height in bars] == [90, 5, 100]
    assert bars == [(140, 90), (135, 5), (35, 100)]


@pytest.mark.usefixtures("warehouse_url")
@pytest.mark.parametrize("seats", [0, 1, 4, 5, 1_999, 2_000, 2_001, 99_999])
def test_the_highest_bar_is_within_the_plot(seats: int) -> None:
    root = ET.fromstring(year_picture([MonthSeats(MARCH, True, Decimal(seats), Decimal(0), Decimal(0))]))  # noqa: FBT003
    [bar] = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("width") == "38"] or [None]
    assert bar is None if seats == 0 else bar is not None and 30 <= float(bar.get("y", "")) < 230


def test_a_workbook_opens_with_numbers_as_numbers_and_no_formula(hostile: MonthlyReport, tmp_path: Path) -> None:
    write_report(hostile, tmp_path / "r.xlsx", "xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == ["Organizations", "Waiting", "Changes", "Twelve months"]
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "inlineStr", "n"}
    assert [cell.value for cell in cells if isinstance(cell.value, str) and cell.value[0] in "=+-@"] == []
    sheet = book["Organizations"]
    headings = [str(cell.value) for cell in sheet[1]]
    rows = [dict(zip(headings, (cell.value for cell in row), strict=True)) for row in sheet.iter_rows(min_row=2)]
    assert len(rows) == len(hostile.lines.organizations)
    assert sum(row["used"] for row in rows) == hostile.seats.used  # pyright: ignore[reportArgumentType, reportCallIssue] - numbers
    [created] = [row for row in rows if row["organization"] == NAMES[0] and row["outcome"] == "created"]
    assert (created["company_id"], created["owed"], created["price"], created["worth"]) == (1, 3, 4.35, 13.05)


def test_a_csv_has_every_organization_and_no_formula(hostile: MonthlyReport, tmp_path: Path) -> None:
    write_report(hostile, tmp_path / "r.csv", "csv", tenant="north")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text(encoding="utf-8-sig"))))
    assert sum(Decimal(row["used"]) for row in rows) == hostile.seats.used
    assert [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@")] == []
    assert all("`cw-pipeline --tenant north lines accept`" in row["reason"] for row in rows)


def test_a_file_that_cannot_be_written_is_named(hostile: MonthlyReport, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    file = usual_file(tmp_path, MARCH, "html")
    with pytest.raises(FileNotWritten, match=f"{file} cannot be written: .*another place"):
        write_report(hostile, file, "html")
