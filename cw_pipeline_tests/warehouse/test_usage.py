from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.facts import Usage
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline.warehouse.tables import UsageReportRow
from cw_pipeline.warehouse.usage import latest_reports, store_report
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, MOMENT, a_report, used

if TYPE_CHECKING:
    from cw_pipeline.nordpass.models import UsageRow
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse

A = (used("org-1", 5), used("org-2", 3))
B = (used("org-1", 6), used("org-2", 3))


def keep(warehouse: Warehouse, *reports: tuple[UsageRow, ...], month: Month = MARCH) -> list[int]:
    """Keep these reports, one after the other; their ids."""
    ids: list[int] = []
    for rows in reports:
        with warehouse.transaction() as session:
            ids.append(store_report(session, a_report(*rows, month=month)).id)
    return ids


def how_many(warehouse: Warehouse) -> int:
    with warehouse.transaction() as session:
        return session.scalars(select(func.count()).select_from(UsageReportRow)).one()


def test_a_report_comes_back_row_for_row(warehouse: Warehouse) -> None:
    rows = (
        used("a", 0).model_copy(update={"organization_name": "名 “O'Neil”, Ltd", "plan": Plan.ENTERPRISE}),
        used("b", 3).model_copy(update={"license_type": LicenseType.TRIAL}),
        used("c", 12).model_copy(update={"msp_managed": False}),
    )
    keep(warehouse, rows[::-1])
    with warehouse.transaction() as session:
        report = latest_reports(session, [MARCH])[MARCH]
        assert list(report.rows) == [
            Usage("a", "名 “O'Neil”, Ltd", Plan.ENTERPRISE, LicenseType.STANDARD, managed=True, seats=0),
            Usage("b", "Name of b", Plan.BUSINESS, LicenseType.TRIAL, managed=True, seats=3),
            Usage("c", "Name of c", Plan.BUSINESS, LicenseType.STANDARD, managed=False, seats=12),
        ]
        assert (report.seats, report.generated_at) == (15, MOMENT)


def test_a_report_that_says_the_same_is_not_kept_twice(warehouse: Warehouse) -> None:
    first, again = keep(warehouse, A, A[::-1])
    assert first == again
    assert how_many(warehouse) == 1


def test_a_changed_report_is_kept_beside_the_earlier_one(warehouse: Warehouse) -> None:
    ids = keep(warehouse, A, B, A)
    assert len(set(ids)) == 3
    with warehouse.transaction() as session:
        report = latest_reports(session, [MARCH])[MARCH]
        assert report.id == ids[-1]
        assert [(row.organization_id, row.seats) for row in report.rows] == [("org-1", 5), ("org-2", 3)]


def test_the_same_rows_in_another_month_are_another_report(warehouse: Warehouse) -> None:
    keep(warehouse, A)
    keep(warehouse, A, month=APRIL)
    assert how_many(warehouse) == 2


def test_a_month_without_a_report_has_none(warehouse: Warehouse) -> None:
    keep(warehouse, A)
    with warehouse.transaction() as session:
        assert latest_reports(session, [APRIL]) == {}
