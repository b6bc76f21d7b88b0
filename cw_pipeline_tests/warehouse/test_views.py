"""The views that other programs read: they are as documented, on both databases."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, text

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.warehouse.intents import Result, append_intents, append_results
from cw_pipeline.warehouse.pushes import PushedMonth, save_push, save_undone
from cw_pipeline.warehouse.runs import save_month_error
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, MOMENT, PSA, a_line, a_write, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.warehouse.database import Warehouse

DOCUMENT = (Path(__file__).parents[2] / "docs" / "reference" / "views.md").read_text(encoding="utf-8")
GROUPS = {"billed": RIGHT, "not_billed": NOT_BILLED, "held": HELD, "failed": FAILED}


def documented() -> dict[str, list[str]]:
    """The columns of each view, in their order."""
    sections = re.findall(r"^## `(v_\w+)`$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    columns = {view: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) for view, section in sections}
    assert "The columns are those of `v_lines`." in DOCUMENT
    return columns | {"v_latest": columns["v_lines"]}


def rows(warehouse: Warehouse, query: str) -> list[dict[str, Any]]:
    with warehouse.transaction() as session:
        return [dict(row) for row in session.execute(text(query)).mappings()]


def push(warehouse: Warehouse, *lines: PreviewLine, run_id: str = "run-1", left_out: str | None = None) -> None:
    with warehouse.transaction() as session:
        preview = keep_preview(session, *lines, run_id=run_id)
        pushed = PushedMonth(preview.preview, preview.id, 2, 1, frozenset({left_out} if left_out else ()))
        save_push(session, pushed, psa=PSA, run_id=run_id)


def test_the_documentation_lists_exactly_the_views_and_their_columns(warehouse: Warehouse) -> None:
    views = inspect(warehouse.engine)
    assert {
        name: [column["name"] for column in views.get_columns(name)] for name in views.get_view_names()
    } == documented()


def test_each_month_of_a_run_is_there_with_what_it_came_to(warehouse: Warehouse) -> None:
    created = a_line(Outcome.CREATED, 5)
    push(warehouse, created)
    push(warehouse, replace(created, outcome=Outcome.REJECTED), run_id="run-2")
    with warehouse.transaction() as session:
        keep_preview(session, created, month=APRIL, run_id="run-3")
        save_month_error(session, APRIL, "run-4", "The report is not final.")
    push(warehouse, created, a_line(Outcome.CREATED, 2, organization_id="org-2"), run_id="run-5", left_out="org-2")
    found = rows(warehouse, "SELECT run_id, month, result, seats_used, error FROM v_runs ORDER BY run_id")
    assert [tuple(row.values()) for row in found] == [
        ("run-1", "2026-03", "pushed", 5, None),
        ("run-2", "2026-03", "lines_failed", 5, None),
        ("run-3", "2026-04", "previewed", 5, None),
        ("run-4", "2026-04", "failed", None, "The report is not final."),
        ("run-5", "2026-03", "partly_pushed", 7, None),
    ]


def test_every_outcome_is_in_its_group(warehouse: Warehouse) -> None:
    push(warehouse, *(a_line(outcome, 1, organization_id=outcome) for outcome in Outcome))
    found = rows(warehouse, "SELECT outcome, outcome_group FROM v_lines")
    assert {row["outcome"]: row["outcome_group"] for row in found} == {
        outcome: group for group, outcomes in GROUPS.items() for outcome in outcomes
    }


def test_the_latest_lines_have_names_and_their_seats_add_up(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        session.add(CompanyRow(id=1, identifier="c", name="Company", types=[], imported_at=MOMENT))
        session.add(AgreementRow(id=10, company_id=1, name="Agreement", status="Active", imported_at=MOMENT))
    push(warehouse, a_line(Outcome.CREATED, 3))
    credit = replace(a_line(Outcome.CREDIT_DUE, 2), also=True, seats=Decimal("2.5"), to_credit=Decimal("2.5"))
    unmapped = replace(a_line(Outcome.UNMAPPED, 4, organization_id="org-2"), company_id=None, agreement_id=None)
    push(warehouse, a_line(Outcome.UPDATED, 7), unmapped, credit, run_id="run-2")
    push(warehouse, a_line(Outcome.CREATED, 3), unmapped, run_id="run-3", left_out="org-2")
    latest = rows(warehouse, "SELECT * FROM v_latest ORDER BY position")
    assert latest == rows(warehouse, "SELECT * FROM v_lines WHERE run_id = 'run-2' ORDER BY position")
    assert [row["seats"] for row in latest] == [7, 4, Decimal("2.5")]
    assert [row["seats_to_credit"] for row in latest] == [None, None, Decimal("2.5")]
    assert [(row["company_name"], row["agreement_name"]) for row in latest] == [
        ("Company", "Agreement"),
        (None, None),
        ("Company", "Agreement"),
    ]
    [example] = re.findall(r"```sql\n(SELECT.*?)```", DOCUMENT, re.DOTALL)
    assert [(row["outcome_group"], row["seats"]) for row in rows(warehouse, example)] == [
        ("billed", 7),
        ("not_billed", 4),
    ]


def test_a_month_of_which_a_run_was_undone_has_no_latest_lines(warehouse: Warehouse) -> None:
    push(warehouse, a_line(Outcome.CREATED, 3))
    with warehouse.transaction() as session:
        save_undone(session, PSA, "run-1", by="undo-1", months=[MARCH])
    assert rows(warehouse, "SELECT seats FROM v_latest") == []
    assert len(rows(warehouse, "SELECT seats FROM v_lines")) == 1
    push(warehouse, a_line(Outcome.CREATED, 4), run_id="run-2")
    assert rows(warehouse, "SELECT seats FROM v_latest") == [{"seats": 4}]


@pytest.mark.parametrize("answers", [[], [EntryKind.UNCONFIRMED], [EntryKind.UNCONFIRMED, EntryKind.CONFIRMED]])
def test_a_write_is_there_once_with_its_last_known_state(warehouse: Warehouse, answers: list[EntryKind]) -> None:
    with warehouse.transaction() as session:
        created, changed = append_intents(session, PSA, "r", [a_write(5), a_write(9, addition_id=77, before=4)])
    for kind in answers:
        with warehouse.transaction() as session:
            append_results(session, PSA, "r", [Result(created, kind, addition_id=78), Result(changed, kind)])
    found = rows(warehouse, "SELECT * FROM v_line_changes ORDER BY change_id")
    result = answers[-1] if answers else "open"
    assert [
        (row["change"], row["addition_id"], row["quantity_before"], row["quantity_after"], row["result"])
        for row in found
    ] == [
        ("create", 78 if answers else None, 0, 5, result),
        ("set_quantity", 77, 4, 9, result),
    ]
    assert {row["month"] for row in found} == {str(MARCH)}
