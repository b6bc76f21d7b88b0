"""Which months have to be pushed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import MANUAL_KINDS, EntryKind
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.sync.due_months import unpushed_months
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.setup.actions import FIRST, map_company
from cw_pipeline_tests.support.pushes import PSA, SET_UP, keep, push, record
from cw_pipeline_tests.support.rows import NOW

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse


def unpushed(warehouse: Warehouse, *, first: Month = FIRST, psa: str = PSA, now: datetime = NOW) -> list[str]:
    with warehouse.transaction() as session:
        return [str(month) for month in unpushed_months(session, psa, first, now)]


def test_without_mappings_nothing_has_to_be_pushed(msp: Warehouse) -> None:
    assert unpushed(msp) == []


def test_every_closed_month_from_the_first_billed_one_is_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 1), now=SET_UP)
    map_company(msp, 2, 21, "org-bolt", bill_from=Month(2026, 3), now=SET_UP)
    assert unpushed(msp) == ["2026-01", "2026-02", "2026-03"]
    assert unpushed(msp, first=Month(2026, 2)) == ["2026-02", "2026-03"]


def test_a_month_that_has_not_closed_is_not_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 4), now=SET_UP)
    assert unpushed(msp) == []
    assert unpushed(msp, now=datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)) == []
    assert unpushed(msp, now=datetime(2026, 5, 1, tzinfo=UTC)) == ["2026-04"]


def test_only_a_successful_push_for_this_company_completes_a_month(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 2), now=SET_UP)
    push(msp, "2026-02", NOW)
    push(msp, "2026-03", NOW, succeeded=False)
    assert unpushed(msp) == ["2026-03"]
    assert unpushed(msp, psa="https://other|msp") == ["2026-02", "2026-03"]
    push(msp, "2026-03", NOW)
    assert unpushed(msp) == []


def test_a_month_whose_last_push_failed_is_due_again(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 2), now=SET_UP)
    push(msp, "2026-02", NOW)
    push(msp, "2026-03", NOW)
    push(msp, "2026-03", NOW + timedelta(days=1), succeeded=False)
    assert unpushed(msp) == ["2026-03"]
    push(msp, "2026-03", NOW + timedelta(days=2))
    assert unpushed(msp) == []


def test_a_month_with_writes_after_its_last_push_is_due_again(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 2), now=SET_UP)
    for month in ("2026-02", "2026-03"):
        push(msp, month, NOW)
    record(msp, "2026-03", NOW + timedelta(days=1))
    assert unpushed(msp) == ["2026-03"]
    push(msp, "2026-03", NOW + timedelta(days=2))
    assert unpushed(msp) == []


def test_what_a_push_itself_wrote_leaves_its_month_done(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 3), now=SET_UP)
    record(msp, "2026-03", NOW + timedelta(minutes=1))
    push(msp, "2026-03", NOW, took=timedelta(minutes=2))
    assert unpushed(msp) == []


@pytest.mark.parametrize("kind", [EntryKind.INTENT, EntryKind.FOUND, *sorted(MANUAL_KINDS)])
def test_each_of_these_entries_makes_its_month_due(msp: Warehouse, kind: EntryKind) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 2), now=SET_UP)
    for month in ("2026-02", "2026-03"):
        push(msp, month, NOW)
    record(msp, "2026-02", NOW + timedelta(days=1), kind=kind)
    assert unpushed(msp) == ["2026-02"]


@pytest.mark.parametrize("kind", [EntryKind.CONFIRMED, EntryKind.NOT_DONE, EntryKind.INVOICED])
def test_what_became_of_a_write_makes_no_month_due(msp: Warehouse, kind: EntryKind) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 3), now=SET_UP)
    push(msp, "2026-03", NOW)
    record(msp, "2026-03", NOW + timedelta(days=1), kind=kind)
    assert unpushed(msp) == []


def test_writes_to_another_connectwise_company_make_no_month_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 3), now=SET_UP)
    push(msp, "2026-03", NOW)
    record(msp, "2026-03", NOW + timedelta(days=1), psa="https://other|msp")
    assert unpushed(msp) == []


def test_mapping_a_company_late_makes_only_its_months_due_again(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 1), now=SET_UP)
    for month in ("2026-01", "2026-02", "2026-03"):
        push(msp, month, NOW)
    later = NOW + timedelta(days=2)
    map_company(msp, 2, 21, "org-bolt", bill_from=Month(2026, 2), now=later)
    assert unpushed(msp) == ["2026-02", "2026-03"]
    for month in ("2026-02", "2026-03"):
        push(msp, month, later + timedelta(seconds=1))
    assert unpushed(msp) == []


def test_a_mapping_changed_during_a_push_makes_the_month_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 3), now=SET_UP)
    push(msp, "2026-03", NOW, took=timedelta(minutes=5))
    map_company(msp, 2, 21, "org-bolt", bill_from=Month(2026, 3), now=NOW + timedelta(minutes=2))
    assert unpushed(msp) == ["2026-03"]


def test_unmapping_a_company_makes_nothing_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 3), now=SET_UP)
    map_company(msp, 2, 21, "org-bolt", bill_from=Month(2026, 3), now=SET_UP)
    push(msp, "2026-03", NOW)
    unmap_company(msp, 2)
    assert unpushed(msp) == []


def test_a_month_whose_report_changed_after_its_push_is_due(msp: Warehouse) -> None:
    map_company(msp, 1, 11, "org-acme", bill_from=Month(2026, 2), now=SET_UP)
    for month in ("2026-02", "2026-03"):
        push(msp, month, NOW)
    keep(msp, "2026-02", NOW + timedelta(days=1))
    assert unpushed(msp) == []
    keep(msp, "2026-02", NOW + timedelta(days=2), says="more")
    assert unpushed(msp) == ["2026-02"]
    keep(msp, "2026-02", NOW + timedelta(days=3))
    assert unpushed(msp) == []
