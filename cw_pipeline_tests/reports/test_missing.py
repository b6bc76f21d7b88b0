"""Mapped organizations that a usage report does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.reports.unbilled import missing_usage
from cw_pipeline.setup.mapping import map_company, unmap_company
from cw_pipeline.warehouse.usage import store_report
from cw_pipeline_tests.setup.actions import FIRST
from cw_pipeline_tests.support.rows import NOW
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, a_report, used

if TYPE_CHECKING:
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse


def report(warehouse: Warehouse, month: Month, *organization_ids: str) -> None:
    with warehouse.transaction() as session:
        store_report(session, a_report(*(used(one, 0) for one in organization_ids), month=month))


def missing(warehouse: Warehouse) -> list[tuple[str, str]]:
    with warehouse.transaction() as session:
        return [(str(month), organization.id) for month, organization in missing_usage(session)]


def test_a_mapped_organization_is_missing_in_each_month_without_a_row(connected: Warehouse) -> None:
    map_company(connected, 1, 11, "org-acme", bill_from=MARCH, first_month=FIRST, now=NOW)
    map_company(connected, 2, 21, "org-bolt", bill_from=MARCH, first_month=FIRST, now=NOW)
    report(connected, MARCH, "org-bolt")
    report(connected, APRIL, "org-bolt", "org-core")
    assert missing(connected) == [("2026-03", "org-acme"), ("2026-04", "org-acme")]


def test_an_organization_outside_its_billed_months_is_not_missing(connected: Warehouse) -> None:
    map_company(connected, 1, 11, "org-acme", bill_from=APRIL, first_month=FIRST, now=NOW)
    report(connected, MARCH, "org-bolt")
    assert missing(connected) == []
    report(connected, APRIL, "org-bolt")
    assert missing(connected) == [("2026-04", "org-acme")]
    unmap_company(connected, 1)
    assert missing(connected) == []


def test_only_the_report_that_was_kept_last_counts(connected: Warehouse) -> None:
    map_company(connected, 1, 11, "org-acme", bill_from=MARCH, first_month=FIRST, now=NOW)
    report(connected, MARCH, "org-bolt")
    report(connected, MARCH, "org-acme", "org-bolt")
    assert missing(connected) == []
    report(connected, MARCH, "org-core")
    assert missing(connected) == [("2026-03", "org-acme")]
