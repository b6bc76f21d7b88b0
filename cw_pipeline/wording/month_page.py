"""A month's page in the Dagster UI: what the month came to in a few sentences, then its lines, by what they need.

Lists are Markdown, which the UI opens in a window that is wide enough for them. Names come from ConnectWise and
NordPass, and are escaped.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, NOT_OWED, Outcome
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.wording import markdown
from cw_pipeline.wording.changes import against_last_month, changes
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.markdown import escaped
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.seats import amounts, where_seats_go

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.reports.month_lines import MonthLine, MonthLines
    from cw_pipeline.warehouse.names import Named
    from cw_pipeline.wording.markdown import Table

_MOST_LINES = 1_000
"""Dagster never deletes metadata. The view `v_latest` has all lines."""
_MOST_NAMED = 5
_UNBROKEN = "\u00a0"
_WHAT_TO_DO = {
    Outcome.UNMAPPED: "Map them with the job map_companies, then launch sync_now for the month. Where there is no "
    "company, create it in ConnectWise with an agreement and run import_companies first.",
    Outcome.BEFORE_BILL_FROM: "To bill them, map them with an earlier bill_from, with the job map_companies.",
    Outcome.PRODUCT_UNMAPPED: "Map a product to the plan and confirm that, with the job map_products.",
}

_LEFT_LINES = (
    "What is on lines stays billed as it is in ConnectWise. Once the organization is billed for this month, it counts: "
    "only the difference to the usage is billed."
)


def summary(month: MonthLines, *, pushed: bool) -> str:
    """Where the month's seats go, what changed against the month before, and how many lines need a person."""
    waiting = len(month.waiting)
    needed = f"{counted(waiting, 'line needs', 'lines need')} a person." if waiting else "Nothing needs a person."
    return f"{where_seats_go(month.preview.lines, pushed=pushed)} {against_last_month(month)} {needed}"


def page(month: MonthLines, url: Callable[[int], str], *, pushed: bool) -> dict[str, str]:
    """The lists of the page by name, as Markdown; empty ones are left out.

    Args:
        month: The month.
        url: The address of an agreement in ConnectWise.
        pushed: Whether it was pushed, and not only previewed.
    """
    writing = [row for row in month.lines if row.line.writes and row.line.outcome not in FAILED]
    rest: defaultdict[Outcome, list[MonthLine]] = defaultdict(list)
    for row in month.lines:
        if not row.line.writes and not row.attention:
            rest[row.line.outcome].append(row)
    unbilled_first = sorted(rest, key=lambda outcome: (outcome not in _WHAT_TO_DO, outcome))
    lists = {
        "needs_a_person": _needing_a_person(month.waiting, url),
        "written" if pushed else "to_be_written": _written(writing, url),
        "trial_months": _of_trial_months(month.of_trial_months, url),
        **{outcome.value: _rest(outcome, rest[outcome], url) for outcome in unbilled_first},
        "since_last_month": _escaped_table(*changes(month.changes or (), month.last_month, month.month)),
        "outcomes": _outcomes(month.preview),
    }
    return {name: markdown.in_a_window(text) for name, text in lists.items() if text}


def _needing_a_person(lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """A table to look over, then each line's reason with the way out."""
    if not lines:
        return ""
    reasons: list[str] = []
    for row in lines[:_MOST_LINES]:
        name = " ".join(filter(None, (f"**{escaped(row.line.organization_name)}**", _agreement(row, url))))
        reasons += [f"- {name}: {markdown.sentence(in_the_ui(text))}" for text in row.attention]
    return "\n\n".join([_escaped_table(*waiting(lines)), "### What to do", "\n".join(reasons)])


def waiting(lines: Iterable[MonthLine]) -> Table:
    """What needs a person."""
    return ("Why", "Company", "Organization", "Seats:", "Worth:"), [
        (
            f"{row.label}{_also(row)}",
            row.company and row.company.name,
            row.organization.name,
            f"{plain(row.seats):,}",
            _worth(row),
        )
        for row in lines
    ]


def not_billed(by_outcome: Mapping[Outcome, Sequence[MonthLine]]) -> Table:
    """What is not billed, by the reason."""
    return ("Why", "Organizations:", "Seats:", "Largest"), [
        (
            LABELS[outcome],
            len(lines),
            sum(row.used for row in lines),
            ", ".join(row.organization.name for row in sorted(lines, key=lambda row: -row.used)[:_MOST_NAMED]),
        )
        for outcome, lines in by_outcome.items()
    ]


def _written(lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """Each write: to which agreement, and for which days it is billed."""
    rows = [
        (
            _name(row.company),
            escaped(row.line.organization_name),
            row.line.plan,
            f"[{_name(row.agreement) or write.agreement_id}]({url(write.agreement_id)})",
            _UNBROKEN.join([f"{plain(write.before):,}", "→", f"{plain(write.quantity):,}"]),
            _days(write),
        )
        for row in lines
        for write in row.line.writes
    ]
    table = _table(("Company", "Organization", "Plan", "Agreement", "Seats:", "Billed for"), rows)
    return table and f"The seats are billed with the agreement's next billing period.\n\n{table}"


def _days(write: Write) -> str:
    if isinstance(write, CreateLine):
        to_nobody = " (to nobody)" if write.trial else ""
        return f"{_day(write.effective_date)} to {_day(write.cancelled_date)}{to_nobody}"
    return f"from {_day(write.effective_date)}"


def _day(day: date) -> str:
    return f"{day.day}{_UNBROKEN}{day:%b}{_UNBROKEN}{day.year}"


def _of_trial_months(lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """What is billed to nobody, compared with what people bill by hand for the same days."""
    rows = [
        (
            _name(row.company),
            escaped(row.line.organization_name),
            row.line.plan,
            _agreement(row, url),
            f"{plain(row.line.seats):,}",
            f"{plain(row.line.by_hand or Decimal(0)):,}",
            f"{plain(row.besides_by_hand):+,}",
        )
        for row in lines
    ]
    table = _table(("Company", "Organization", "Plan", "Agreement", "Seats:", "By hand:", "Difference:"), rows)
    return table and f"Trial month: billed to nobody. Compare it with what people bill by hand.\n\n{table}"


def _rest(outcome: Outcome, lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """The lines with an outcome for which nothing is written, and what to do if they should be billed."""
    seats = sum((row.line.seats for row in lines if not row.line.also), Decimal(0))
    summary = f"{counted(len(lines), 'line')}, {counted(plain(seats), 'seat')}: {LABELS[outcome]}."
    what_to_do = [_WHAT_TO_DO.get(outcome, "")]
    is_mapped = any(row.company for row in lines)
    columns = {"Company": [_name(row.company) for row in lines]} if is_mapped else {}
    columns["Organization"] = [escaped(row.line.organization_name) for row in lines]
    columns["Plan"] = [f"{row.line.plan}{_also(row)}" for row in lines]
    if is_mapped:
        columns["Agreement"] = [_agreement(row, url) for row in lines]
    columns["Seats:"] = [f"{plain(row.seats):,}" for row in lines]
    if outcome not in NOT_OWED:
        columns["Worth:"] = [escaped(_worth(row)) for row in lines]
    if any(row.left != 0 for row in lines):
        columns["On lines:"] = ["unknown" if row.left is None else f"{plain(row.left):,}" for row in lines]
        what_to_do.append(_LEFT_LINES)
    table = _table(list(columns), list(zip(*columns.values(), strict=True)))
    return f"{summary} {escaped(' '.join(what_to_do))}\n\n{table}"


def _outcomes(preview: Preview) -> str:
    """The usage rows by outcome, then what also happened to other lines."""
    rows = [
        (escaped(f"{outcome}{also}"), tally.lines, f"{plain(tally.seats):,}", LABELS[outcome])
        for also, tallies in (("", preview.outcomes), (" (also)", preview.also))
        for outcome, tally in tallies.items()
    ]
    return _table(("Outcome", "Lines:", "Seats:", "Meaning"), rows)


def _also(row: MonthLine) -> str:
    return " (also)" if row.line.also else ""


def _worth(row: MonthLine) -> str:
    return amounts(row.worth).replace(" ", _UNBROKEN)


def _agreement(row: MonthLine, url: Callable[[int], str]) -> str:
    """The line's agreement as a link, if it has one."""
    return f"[{_name(row.agreement)}]({url(int(row.agreement.id))})" if row.agreement else ""


def _name(record: Named | None) -> str:
    return escaped(record.name) if record else ""


def _escaped_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return _table(headings, [["" if cell is None else escaped(cell) for cell in row] for row in rows])


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table, or nothing without rows; below one that is too long to keep, a line says how much was left out."""
    if not rows:
        return ""
    table = markdown.table(headings, rows[:_MOST_LINES])
    if len(rows) > _MOST_LINES:
        return f"{table}\n\n{len(rows) - _MOST_LINES} more are in the warehouse's view `v_latest`."
    return table
