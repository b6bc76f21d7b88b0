"""A month's page: what it says first, and that every line is in one of its lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.billing.writes import CreateLine, Write
from cw_pipeline.reports.changes import Change
from cw_pipeline.reports.month_lines import MonthLine, MonthLines
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.names import Named
from cw_pipeline.wording.markdown import unescaped
from cw_pipeline.wording.month_page import page, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

MARCH = Month(2026, 3)


def new_line(number: int) -> Write:
    identity = Identity(MARCH, Plan.BUSINESS, f"org-{number}")
    return CreateLine(identity, 12, 3, Decimal(5), date(2026, 4, 1), date(2026, 4, 30))


def a_line(number: int, outcome: Outcome, *, warning: str | None = None, writes: tuple[Write, ...] = ()) -> MonthLine:
    line: PreviewLine = PreviewLine(
        organization_id=f"org-{number}",
        organization_name=f"Customer {number}",
        plan=Plan.BUSINESS,
        company_id=7,
        agreement_id=12,
        also=False,
        outcome=outcome,
        seats=Decimal(5),
        reason="See it with `cw-pipeline status`.",
        warning=warning,
        writes=writes,
    )
    return MonthLine(line, Named(7, "Company"), Named(12, "Managed Services"), Decimal("2.50"), "EUR")


def a_change(name: str, before: int, after: int, **fields: object) -> Change:
    """An organization's usage row that is not there where it used no seats."""
    row = replace(a_line(1, Outcome.CREATED).line, organization_name=name)
    old, new = (replace(row, seats=Decimal(seats)) if seats else None for seats in (before, after))
    agreement, worth = Named(12, "Managed Services"), {"EUR": Decimal("2.50") * (after - before)}
    new = new and replace(new, **fields)
    return Change(old, new, Named(7, "Company"), agreement, old and agreement, worth)


def a_month(lines: Sequence[MonthLine], changes: Sequence[Change] | None = ()) -> MonthLines:
    preview = Preview(MARCH, 5 * len(lines), tuple(one.line for one in lines))
    return MonthLines(preview, lines, changes)


def lists(month: MonthLines) -> dict[str, str]:
    return {name: unescaped(text) for name, text in page(month, "https://psa/{}".format, pushed=True).items()}


def test_the_first_sentences_say_where_seats_go_what_changed_and_what_waits() -> None:
    lines = [a_line(1, Outcome.CREATED), a_line(2, Outcome.UNMAPPED), a_line(3, Outcome.CREDIT_DUE)]
    changes = [a_change("New", 0, 9), a_change("Gone", 4, 0), a_change("More", 1, 8, outcome=Outcome.UNUSUAL)]
    assert summary(a_month(lines, changes), pushed=True) == (
        "15 seats used: 5 billed, 5 not billed (not mapped to a company: 5), 5 held (invoiced too much: 5). "
        "Against February 2026: +12 seats, 1 organization new, 1 gone. 1 line needs a person."
    )
    assert lists(a_month(lines, changes))["since_last_month"].strip().splitlines() == [
        "| Company | Organization | Plan | Agreement | Outcome | 2026-02 | 2026-03 | Change | Worth |",
        "| --- | --- | --- | --- | --- | --: | --: | --: | --: |",
        "| Company | New | Business | Managed Services | New line |  | 9 | +9 | 22.50 EUR |",
        "| Company | Gone | Business | Managed Services | New line | 4 |  | -4 | -10.00 EUR |",
        "| Company | More | Business | Managed Services | New line → Unusual usage | 1 | 8 | +7 | 17.50 EUR |",
    ]
    assert summary(a_month(lines[:1], None), pushed=False) == (
        "5 seats used: 5 to be billed. February 2026 was neither synced nor previewed, so there is nothing to compare "
        "with. Nothing needs a person."
    )


def test_every_line_is_in_one_list_with_what_to_do() -> None:
    lines = [a_line(number, outcome) for number, outcome in enumerate(Outcome, start=10)]
    lines += [
        a_line(98, Outcome.UNCHANGED, warning="No invoice has it."),
        a_line(99, Outcome.CREATED, writes=(new_line(99),)),
    ]
    shown = lists(a_month(lines))
    assert list(shown)[:3] == ["needs_a_person", "written", "before_bill_from"]
    for one in lines:
        rows = [row for text in shown.values() for row in text.splitlines() if one.line.organization_name in row]
        assert len([row for row in rows if row.startswith("|")]) == 1, one
    assert "- **Customer 98** [Managed Services](https://psa/12): No invoice has it." in shown["needs_a_person"]
    assert ": See it with the asset mapped_organizations." in shown["needs_a_person"]
    written = shown["written"].replace("\u00a0", " ")
    assert "| [Managed Services](https://psa/12) | 0 → 5 | 1 Apr 2026 to 30 Apr 2026 |" in written
    assert "with the job map_companies" in shown["unmapped"]
    assert {name for name, text in shown.items() if "Worth" not in text} >= {"not_managed", "nfr", "trial"}
    assert "Worth" in shown["unmapped"]
    assert all("12.50\u00a0EUR" in text for text in (shown["needs_a_person"], shown["unmapped"]))


@pytest.mark.parametrize("outcome", [Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM])
def test_the_list_of_who_is_not_billed_has_seats_left_on_lines(outcome: Outcome) -> None:
    left = replace(a_line(1, outcome), billed=Decimal(9))
    shown = lists(a_month([left, a_line(2, outcome)]))[outcome]
    assert "it counts: only the difference to the usage is billed." in shown
    assert [row.split("|")[-2].strip() for row in shown.splitlines() if "Customer" in row] == ["9", "0"]
    assert "On lines" not in lists(a_month([a_line(2, outcome)]))[outcome]


def test_a_list_that_is_too_long_says_where_the_rest_is() -> None:
    shown = lists(a_month([a_line(number, Outcome.UNCHANGED) for number in range(1_200)]))
    assert "200 more are in the warehouse's view `v_latest`." in shown["unchanged"]
    assert shown["unchanged"].count("Customer ") == 1_000


def test_a_short_list_is_padded_so_the_ui_opens_a_window() -> None:
    assert all(len(text) >= 1_000 for text in page(a_month([a_line(1, Outcome.TRIAL)]), str, pushed=False).values())
