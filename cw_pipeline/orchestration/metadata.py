"""What the UI shows of an event: numbers that it plots over the months, texts, and tables.

Names come from ConnectWise and NordPass. The UI shows texts, tables and JSON verbatim, but Markdown and descriptions as
markup: there names are escaped.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.https.safe_text import shortened
from cw_pipeline.reports.changes import since_looked_at
from cw_pipeline.reports.drift.findings import Finding, Kind
from cw_pipeline.reports.month_lines import month_lines
from cw_pipeline.reports.worth import added
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline.vocabulary import at_most
from cw_pipeline.warehouse.pushes import pushed_part
from cw_pipeline.wording import cells, changes, markdown, month_page
from cw_pipeline.wording.differences import differs_from
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.seats import how_much

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.reports.month_lines import MonthLine
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.previews import StoredPreview
    from cw_pipeline.warehouse.pushes import PushedMonth
    from cw_pipeline.warehouse.usage import StoredReport

Details: TypeAlias = "dict[str, int | float | str | list[str] | dg.MetadataValue]"

_GROUPS = {"billed": RIGHT, "not_billed": NOT_BILLED, "held": HELD, "failed": FAILED}
_MOST_ROWS = 200
"""Dagster never deletes metadata."""
_LONGEST_TEXT = 1_000


def usage_details(report: StoredReport) -> Details:
    """A usage report's size and age."""
    return {
        "dagster/row_count": len(report.rows),
        "organizations": len(report.rows),
        "seats": report.seats,
        "generated_at": dg.MetadataValue.timestamp(report.generated_at),
    }


def preview_details(made: StoredPreview, run: SyncRun, choice: Choice) -> Details:
    """What a push would do for a month, and the preview's id, by which a person approves it.

    Unless the choice is everybody, also the organizations of the choice that have lines to write.
    """
    details = _month_details(made.preview, run, pushed=False) | {"preview": str(made.id)}
    if choice == EVERYBODY:
        return details
    lines = made.preview.lines
    left_out = choice.left_out(lines)
    chosen = {line.organization_name for line in lines if line.writes and line.organization_id not in left_out}
    return {"chosen": names(sorted(chosen)), **details}


def push_details(pushed: PushedMonth, run: SyncRun) -> Details:
    """The result of a push, and its requests to ConnectWise; if it left organizations out, how much is pushed."""
    with run.warehouse.transaction() as session:
        part = pushed_part(session, run.psa, pushed.preview.month)
        since = since_looked_at(session, pushed.preview_id)
    details = _month_details(pushed.carried_out, run, pushed=True)
    if part:
        details["summary"] = f"Only {how_much(part)} are pushed. The month stays due."
        details.pop("since_last_month", None)
    details["preview"] = str(pushed.preview_id)
    if since:  # what the push did otherwise than the preview that people could look at before
        headings, rows = changes.changes(since.changes, *since.names)
        details["since_preview"] = wide_table(headings, rows, differs_from(since.before.id, since.changes))
    return {**details, "requests_read": pushed.requests_read, "requests_written": pushed.requests_written}


def _month_details(preview: Preview, run: SyncRun, *, pushed: bool) -> Details:
    """The month's page, then numbers that are always there, so that their plots have no gaps."""
    with run.warehouse.transaction() as session:
        month = month_lines(session, run.psa, preview)
    lists = month_page.page(month, run.connectwise.agreement_url, pushed=pushed)
    details: Details = {
        "summary": month_page.summary(month, pushed=pushed),
        **{name: dg.MetadataValue.md(text) for name, text in lists.items()},
        "seats_used": preview.usage_seats,
        "dagster/row_count": len(preview.lines),
    }
    currencies = added(line.worth for line in month.lines) or [""]
    for group in _GROUPS:
        in_group = [line for line in month.lines if _group_of(line) == group and not line.line.also]
        details[f"seats_{group}"] = int(sum(line.line.seats for line in in_group))
        money = added(line.worth for line in in_group)
        for currency in currencies if group != "not_billed" else ():  # floats, because Dagster plots nothing else
            details["_".join(filter(None, ["money", group, currency.lower()]))] = float(money.get(currency, 0))
    return details


def _group_of(month_line: MonthLine) -> str:
    """Where its seats count: those of trial months are billed to nobody."""
    line = month_line.line
    if line.bills_nobody:
        return "not_billed"
    return next(group for group, outcomes in _GROUPS.items() if line.outcome in outcomes)


def drift_details(findings: Sequence[Finding]) -> Details:
    """How many findings there are, of each kind, and a table of what to do about them."""
    kinds = Counter(finding.kind for finding in findings)
    return {
        "findings": len(findings),
        **{kind.value: kinds[kind] for kind in Kind},
        "drift": table(*cells.drift(findings)),
    }


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """A table; if it is too long to keep, its last row says how much was left out."""
    columns = [heading.lower().replace(" ", "_") for heading in headings]
    texts = [["" if cell is None else shortened(in_the_ui(str(cell)), _LONGEST_TEXT) for cell in row] for row in rows]
    if len(texts) > _MOST_ROWS:
        texts[_MOST_ROWS:] = [[f"and {len(texts) - _MOST_ROWS} more", *[""] * (len(columns) - 1)]]
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in texts]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in columns]))


def wide_table(headings: Sequence[str], rows: Sequence[Sequence[object]], about: str = "") -> dg.MetadataValue:
    """A table that the UI opens in a window, below a sentence about it; cut off like `table`."""
    texts = [
        ["" if cell is None else markdown.escaped(in_the_ui(str(cell))) for cell in row] for row in rows[:_MOST_ROWS]
    ]
    more = f"and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
    parts = (about, markdown.table(headings, texts), more)
    return dg.MetadataValue.md(markdown.in_a_window("\n\n".join(filter(None, parts))))


def names(texts: Sequence[str]) -> list[str]:
    """Names; if they are too many to keep, the last one says how many were left out."""
    return [shortened(in_the_ui(text), _LONGEST_TEXT) for text in at_most(texts, _MOST_ROWS)]
