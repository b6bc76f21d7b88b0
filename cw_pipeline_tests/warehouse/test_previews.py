from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview
from cw_pipeline.warehouse.previews import StoredPreview, latest_previews
from cw_pipeline.warehouse.pushes import PushedMonth, save_push
from cw_pipeline.warehouse.runs import MonthResult, run_results, save_month_error
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, PSA, a_line, a_write, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.warehouse.database import Warehouse

CREATED = a_line(Outcome.CREATED, 5, a_write(5))
REJECTED = replace(CREATED, outcome=Outcome.REJECTED, reason="ConnectWise refused.")


def keep_push(warehouse: Warehouse, preview: StoredPreview, *lines: PreviewLine, run_id: str = "run-1") -> PushedMonth:
    pushed = PushedMonth(replace(preview.preview, lines=lines), preview.id, requests_read=2, requests_written=1)
    with warehouse.transaction() as session:
        save_push(session, pushed, psa=PSA, run_id=run_id)
    return pushed


def reports(warehouse: Warehouse, run_id: str = "run-1", *, pushed: bool = True) -> list[MonthResult]:
    with warehouse.transaction() as session:
        return run_results(session, run_id, pushed=pushed)


def test_a_preview_comes_back_as_the_rule_made_it(warehouse: Warehouse) -> None:
    lines = (
        a_line(Outcome.UPDATED, 9, a_write("7.5", addition_id=77, before=12), a_write(0, addition_id=78, before=1)),
        replace(a_line(Outcome.CREATED, 2, a_write(2)), also=True),
        replace(a_line(Outcome.UNMAPPED, 4, organization_id="org-0"), company_id=None, agreement_id=None),
    )
    with warehouse.transaction() as session:
        keep_preview(session, *lines)
    with warehouse.transaction() as session:
        assert latest_previews(session, PSA) == [Preview(MARCH, 15, lines)]


def test_the_latest_preview_is_that_of_the_month_and_of_the_company(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        keep_preview(session, CREATED)
        second = keep_preview(session, CREATED, CREATED)
        another_month_s = keep_preview(session, CREATED, month=APRIL)
        keep_preview(session, CREATED, psa="other")
    with warehouse.transaction() as session:
        assert latest_previews(session, PSA) == [second.preview, another_month_s.preview]
        assert latest_previews(session, "nobody") == []


@pytest.mark.parametrize(
    ("outcome", "succeeded"),
    [
        (Outcome.CREATED, True),
        (Outcome.CREDIT_DUE, True),
        (Outcome.UNMAPPED, True),
        (Outcome.REJECTED, False),
        (Outcome.UNCONFIRMED, False),
    ],
)
def test_a_push_succeeded_if_no_line_of_it_failed(warehouse: Warehouse, outcome: Outcome, *, succeeded: bool) -> None:
    other = replace(CREATED, organization_id="org-2")
    with warehouse.transaction() as session:
        preview = keep_preview(session, CREATED, other)
    push = keep_push(warehouse, preview, replace(CREATED, outcome=outcome), other)
    assert push.succeeded is succeeded


def test_a_run_that_only_previewed_reports_its_previews(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        keep_preview(session, CREATED, month=APRIL, requests_read=0)
        keep_preview(session, CREATED)
        keep_preview(session, CREATED, run_id="another")
    assert reports(warehouse, pushed=True) == []
    assert reports(warehouse, pushed=False) == [
        MonthResult(MARCH, (CREATED,), requests_read=3, preview_id=2),
        MonthResult(APRIL, (CREATED,), requests_read=0, preview_id=1),
    ]


def test_a_run_that_pushed_reports_what_became_of_the_lines(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        preview = keep_preview(session, CREATED)
    keep_push(warehouse, preview, REJECTED)
    assert reports(warehouse) == [MonthResult(MARCH, (REJECTED,), requests_read=5, requests_written=1, preview_id=1)]


def test_requests_of_an_earlier_run_s_preview_are_not_counted(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        preview = keep_preview(session, CREATED, run_id="earlier")
    keep_push(warehouse, preview, CREATED)
    assert reports(warehouse) == [MonthResult(MARCH, (CREATED,), requests_read=2, requests_written=1, preview_id=1)]


def test_a_month_that_failed_as_a_whole_reports_why(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        keep_preview(session, CREATED)
    with warehouse.transaction() as session:
        save_month_error(session, MARCH, "run-1", "Another push is at work.")
    assert reports(warehouse) == [MonthResult(MARCH, error="Another push is at work.")]


def test_a_run_that_was_tried_again_reports_how_it_ended(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        save_month_error(session, MARCH, "run-1", "The report is not final.")
    with warehouse.transaction() as session:
        preview = keep_preview(session, CREATED)
    keep_push(warehouse, preview, REJECTED)
    with warehouse.transaction() as session:
        preview = keep_preview(session, CREATED)
    keep_push(warehouse, preview, CREATED)
    assert reports(warehouse) == [MonthResult(MARCH, (CREATED,), requests_read=10, requests_written=2, preview_id=2)]


def test_a_run_that_did_nothing_reports_nothing(warehouse: Warehouse) -> None:
    assert reports(warehouse, "unknown") == []
