"""Which usage reports are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.nordpass.errors import ReportNotFinal, UnknownMonth
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.usage import fetch_usage
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.usage import latest_reports
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH

if TYPE_CHECKING:
    from cw_pipeline_tests.support.fake_msp import Msp


def kept(msp: Msp) -> int:
    with msp.run.warehouse.transaction() as session:
        return session.query(tables.UsageReportRow).count()


def empty_the_report(msp: Msp) -> None:
    for organization in msp.sandbox.nordpass.organizations():
        msp.sandbox.nordpass.set_usage(organization["id"], str(MARCH), None)


def test_every_row_of_the_report_is_kept(msp: Msp) -> None:
    report = fetch_usage(msp.nordpass, msp.run.warehouse, MARCH)
    rows = msp.sandbox.nordpass.usage(str(MARCH))
    assert [(row.organization_id, row.organization_name, row.seats) for row in report.rows] == [
        (row["organization_id"], row["organization_name"], row["consumed_licenses"]) for row in rows
    ]
    assert report.seats == sum(row["consumed_licenses"] for row in rows)


def test_a_report_is_kept_once_until_it_changes(msp: Msp) -> None:
    msp.fetch()
    msp.fetch()
    assert kept(msp) == 1
    msp.use(8)
    msp.fetch()
    assert kept(msp) == 2


def test_of_a_report_that_is_not_final_nothing_is_kept(msp: Msp) -> None:
    msp.sandbox.nordpass.set_report_final(str(MARCH), False)  # noqa: FBT003 - what it sets
    with pytest.raises(ReportNotFinal):
        msp.fetch()
    assert kept(msp) == 0


def test_of_an_unknown_month_nothing_is_kept(msp: Msp) -> None:
    with pytest.raises(UnknownMonth):
        msp.fetch(MARCH.plus(-40))
    assert kept(msp) == 0


def test_an_empty_report_is_refused_while_organizations_are_billed(msp: Msp) -> None:
    empty_the_report(msp)
    with pytest.raises(SyncError, match=f"is empty although {len(MAPPED)} organizations are billed"):
        msp.fetch()
    assert kept(msp) == 0


def test_an_empty_report_does_not_replace_the_one_that_was_kept(msp: Msp) -> None:
    msp.fetch()
    empty_the_report(msp)
    with pytest.raises(SyncError):
        msp.fetch()
    with msp.run.warehouse.transaction() as session:
        report = latest_reports(session, [MARCH])[MARCH]
        assert report.seats > 0


def test_an_empty_report_of_a_month_without_mappings_is_kept(msp: Msp) -> None:
    for place in MAPPED:
        msp.map(place, bill_from=MARCH.plus(1))
    empty_the_report(msp)
    msp.fetch()
    assert kept(msp) == 1
