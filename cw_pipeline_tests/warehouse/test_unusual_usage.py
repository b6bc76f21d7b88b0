"""What usage is compared with to find out whether it is unusual: its work does not grow with what was pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.unusual import Billed
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.pushes import PushedMonth, billed_before, save_push, save_undone
from cw_pipeline.warehouse.usage import plans_reported
from cw_pipeline_tests.support.sql_work import counted_work
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, PSA, a_line, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

YEAR = tuple(Month(2025, 4).until(MARCH))


def push(warehouse: Warehouse, *, organizations: int) -> None:
    """Push a year of months with so many organizations, whose seats are the number of the month."""
    with warehouse.transaction() as session:
        for month in YEAR:
            lines = [
                a_line(Outcome.CREATED, month.number, organization_id=f"org-{number}")
                for number in range(organizations)
            ]
            stored = keep_preview(session, *lines, month=month)
            save_push(session, PushedMonth(stored.preview, stored.id, 0, 0), psa=PSA, run_id="r")


def test_two_statements_find_it_for_any_number_of_months_organizations_and_pushes(warehouse: Warehouse) -> None:
    for organizations in (1, 20):
        push(warehouse, organizations=organizations)
        with warehouse.transaction() as session:
            session.connection()  # begins the transaction, with a statement on SQLite
            with counted_work(warehouse) as work:
                billed = billed_before(session, PSA, APRIL, but_for=[])
                assert plans_reported(session, APRIL) == {}
        assert dict(work) == {"statements": 2}, "and no row is loaded as an object"
        assert len(billed) == organizations
        assert billed["org-0"] == Billed(MARCH, billed["org-0"].seats)
        assert billed["org-0"].seats == MARCH.number


def test_a_month_of_which_a_run_was_undone_is_not_compared_with(warehouse: Warehouse) -> None:
    push(warehouse, organizations=1)
    with warehouse.transaction() as session:
        save_undone(session, PSA, "r", by="undo", months=[MARCH])
    with warehouse.transaction() as session:
        billed = billed_before(session, PSA, APRIL, but_for=[])
    assert billed["org-0"].month == MARCH.plus(-1)
