"""A month's page in the Dagster UI: what the month came to in a few sentences, then its lines, under what they ask for.

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
    from collections.abc import Callable, Sequence
    from datetime import date

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.reports.month import MonthLine, MonthLines
    from cw_pipeline.warehouse.names import Named

_MOST_LINES = 1_000
"""Dagster never deletes metadata. The view `v_latest` has all lines."""
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
    """The lists of the page by their names, as Markdown; those that would be empty are left out.

    Args:
        month: The month.
        url: The address of an agreement in ConnectWise.
        pushed: Whether it was pushed, and not only previewed.
    """
    writing = [one for one in month.lines if one.line.writes and one.line.outcome not in FAILED]
    rest: defaultdict[Outcome, list[MonthLine]] = defaultdict(list)
    for one in month.lines:
        if not one.line.writes and not one.attention:
            rest[one.line.outcome].append(one)
    lists = {
        "needs_a_person": _needing_a_person(month.waiting, url),
        "written" if pushed else "to_be_written": _written(writing, url),
        "trial_months": _of_trial_months(month.of_trial_months, url),
        **{outcome.value: _rest(outcome, rest[outcome], url) for outcome in sorted(rest, key=_unbilled_first)},
        "since_last_month": _changes(month),
        "outcomes": _outcomes(month.preview),
    }
    return {name: markdown.in_a_window(text) for name, text in lists.items() if text}


def _unbilled_first(outcome: Outcome) -> tuple[bool, Outcome]:
    """A key for sorting: first what could be billed, and is not."""
    return outcome not in _WHAT_TO_DO, outcome


def _needing_a_person(lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """A table to look over, then each line's reason with the way out."""
    headings = ("Why", "Company", "Organization", "Seats:", "Worth:")
    rows = [
        (
            f"{one.label}{' (also)' if one.line.also else ''}",
            _name(one.company),
            escaped(one.line.organization_name),
            *_seats(one),
        )
        for one in lines
    ]
    reasons = [
        f"- **{escaped(one.line.organization_name)}**{_linked(one, url)}: {markdown.sentence(in_the_ui(text))}"
        for one in lines[:_MOST_LINES]
        for text in one.attention
    ]
    return "\n\n".join([_table(headings, rows), "### What to do", "\n".join(reasons)]) if lines else ""


def _written(lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """To which agreement, and for which days it is billed."""
    rows = [
        (
            _name(one.company),
            escaped(one.line.organization_name),
            one.line.plan,
            f"[{_name(one.agreement) or write.agreement_id}]({url(write.agreement_id)})",
            _UNBROKEN.join([f"{plain(write.before):,}", "→", f"{plain(write.quantity):,}"]),
            _days(write),
        )
        for one in lines
        for write in one.line.writes
    ]
    table = _table(("Company", "Organization", "Plan", "Agreement", "Seats:", "Billed for"), rows)
    return table and f"The seats are billed with the agreement's next billing period.\n\n{table}"


def _of_trial_months(lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """What is billed to nobody, beside what people bill by hand for the same days."""
    rows = [
        (
            _name(one.company),
            *_organization(one),
            _linked(one, url).strip(),
            f"{plain(one.line.seats):,}",
            f"{plain(one.line.by_hand or Decimal(0)):,}",
            f"{plain(one.besides_by_hand):+,}",
        )
        for one in lines
    ]
    table = _table(("Company", "Organization", "Plan", "Agreement", "Seats:", "By hand:", "Difference:"), rows)
    return table and f"Trial month: billed to nobody. Compare it with what people bill by hand.\n\n{table}"


def _days(write: Write) -> str:
    if isinstance(write, CreateLine):
        to_nobody = " (to nobody)" if write.trial else ""
        return f"{_day(write.effective_date)} to {_day(write.cancelled_date)}{to_nobody}"
    return f"from {_day(write.effective_date)}"


def _day(day: date) -> str:
    return f"{day.day}{_UNBROKEN}{day:%b}{_UNBROKEN}{day.year}"


def _rest(outcome: Outcome, lines: Sequence[MonthLine], url: Callable[[int], str]) -> str:
    """The lines that came to an outcome with which nothing is written, and what to do if they should be billed."""
    seats = sum((one.line.seats for one in lines if not one.line.also), Decimal(0))
    heading = f"{counted(len(lines), 'line')}, {counted(plain(seats), 'seat')}: {LABELS[outcome]}."
    columns = ("Seats:",) if outcome in NOT_OWED else ("Seats:", "Worth:")
    headings: tuple[str, ...] = ("Organization", "Plan", *columns)
    rows: list[tuple[object, ...]] = [(*_organization(one), *_seats(one)[: len(columns)]) for one in lines]
    if any(one.company for one in lines):
        headings = ("Company", "Organization", "Plan", "Agreement", *columns)
        rows = [
            (_name(one.company), *_organization(one), _linked(one, url).strip(), *_seats(one)[: len(columns)])
            for one in lines
        ]
    what_to_do = [_WHAT_TO_DO.get(outcome, "")]
    if any(one.left != 0 for one in lines):
        what_to_do.append(_LEFT_LINES)
        headings = (*headings, "On lines:")
        left = ("unknown" if one.left is None else f"{plain(one.left):,}" for one in lines)
        rows = [(*row, number) for row, number in zip(rows, left, strict=True)]
    return f"{heading} {escaped(' '.join(what_to_do))}\n\n{_table(headings, rows)}"


def _organization(one: MonthLine) -> tuple[str, str]:
    return escaped(one.line.organization_name), f"{one.line.plan}{' (also)' if one.line.also else ''}"


def _seats(one: MonthLine) -> tuple[str, str]:
    """How many, and what they are worth."""
    return f"{plain(one.seats):,}", escaped(amounts(one.worth)).replace(" ", _UNBROKEN)


def _changes(month: MonthLines) -> str:
    headings, rows = changes(month.changes or (), month.last_month, month.month)
    return _table(headings, [["" if cell is None else escaped(cell) for cell in row] for row in rows])


def _outcomes(preview: Preview) -> str:
    """The usage rows by outcome, then what also happened to other lines."""
    tallies = [*preview.outcomes.items(), *preview.also.items()]
    rows = [
        (
            escaped(f"{outcome} (also)" if index >= len(preview.outcomes) else outcome),
            one.lines,
            f"{plain(one.seats):,}",
            LABELS[outcome],
        )
        for index, (outcome, one) in enumerate(tallies)
    ]
    return _table(("Outcome", "Lines:", "Seats:", "Meaning"), rows)


def _linked(one: MonthLine, url: Callable[[int], str]) -> str:
    """The line's agreement as a link, if it has one."""
    return f" [{_name(one.agreement)}]({url(int(one.agreement.id))})" if one.agreement else ""


def _name(record: Named | None) -> str:
    return escaped(record.name) if record else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; of one that is too long to keep, a line says how much was left out. Empty if there are no rows."""
    if not rows:
        return ""
    shown = markdown.table(headings, rows[:_MOST_LINES])
    if len(rows) > _MOST_LINES:
        return f"{shown}\n\n{len(rows) - _MOST_LINES} more are in the warehouse's view `v_latest`."
    return shown
