"""`status` reads what it shows: its work does not grow with the lines that were pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.reports.status import status
from cw_pipeline.setup.mapping import map_company
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.pushes import PushedMonth, save_push
from cw_pipeline_tests.setup.actions import FIRST
from cw_pipeline_tests.support.rows import NOW
from cw_pipeline_tests.support.sql_work import counted_work
from cw_pipeline_tests.warehouse.examples import PSA, a_line, keep_preview

if TYPE_CHECKING:
    from collections import Counter

    from cw_pipeline.warehouse.database import Warehouse

MONTHS = tuple(Month(2025, 6).until(Month(2026, 3)))
RIGHT = a_line(Outcome.UNCHANGED, 1, organization_id="org-acme")
HELD = a_line(Outcome.AGREEMENT_INACTIVE, 1, organization_id="org-acme")


def push(warehouse: Warehouse, *, right: int) -> None:
    """Push every month: one line that is held, and so many that are right."""
    with warehouse.transaction() as session:
        for month in MONTHS:
            stored = keep_preview(session, HELD, *[RIGHT] * right, month=month)
            save_push(session, PushedMonth(stored.preview, stored.id, 0, 0), psa=PSA, run_id="r")


def work_of_status(warehouse: Warehouse) -> Counter[str]:
    """How many statements it takes, and how many rows of each table it loads."""
    with counted_work(warehouse) as work:
        assert len(status(warehouse, first_month=FIRST, now=NOW).held_lines) == len(MONTHS)
    return work


@pytest.mark.parametrize("right", [1, 40])
def test_status_costs_the_same_however_many_lines_were_pushed(connected: Warehouse, right: int) -> None:
    map_company(connected, 1, 11, "org-acme", bill_from=MONTHS[0], first_month=FIRST, now=NOW)
    push(connected, right=0)
    before = work_of_status(connected)
    push(connected, right=right)
    assert work_of_status(connected) == before


def test_status_loads_no_mapping_that_is_in_order(connected: Warehouse) -> None:
    map_company(connected, 1, 11, "org-acme", bill_from=MONTHS[0], first_month=FIRST, now=NOW)
    push(connected, right=0)
    work = work_of_status(connected)
    assert not {"companies", "agreements", "organizations", "company_mappings"} & work.keys()
