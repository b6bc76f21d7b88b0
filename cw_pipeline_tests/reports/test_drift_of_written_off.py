"""Drift that follows from periods that were written off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline_tests.reports.drift_of_invoices import (
    ACCEPT,
    AGREEMENT,
    ONE,
    billed,
    drift,
    due,
    edit_line,
    the_finding,
)
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import MARCH, Msp

# sync/test_on_both_databases.py sends the same statements to PostgreSQL.
pytestmark = pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)


@pytest.fixture
def watched(synced_on_both_databases: Msp) -> Msp:
    """Every agreement was invoiced once before its lines were written, and its recap was looked at since."""
    synced = synced_on_both_databases
    synced.sandbox.connectwise.edit_agreement(AGREEMENT, nextInvoiceDate="2026-03-01")
    synced.sandbox.connectwise.invoice(AGREEMENT)
    assert drift(synced) == []
    return synced


@pytest.fixture
def written_off(watched: Msp) -> Msp:
    """The one company's period of April was written off."""
    watched.sandbox.connectwise.write_off_period(AGREEMENT)
    return watched


def test_an_invoice_is_no_writing_off(watched: Msp) -> None:
    watched.sandbox.connectwise.invoice(AGREEMENT)
    assert drift(watched) == []


def test_a_written_off_period_is_reported_whatever_is_invoiced_later(written_off: Msp) -> None:
    (finding,) = drift(written_off)
    assert (finding.kind.value, finding.agreement_id) == ("perhaps_written_off", AGREEMENT)
    assert finding.addition_id == written_off.lines(ONE)[0]["id"]
    assert finding.expected == "an invoice for 2026-04-01 to 2026-04-30"
    written_off.sandbox.connectwise.invoice(AGREEMENT)
    assert drift(written_off, date(2026, 5, 2)) == [finding]


def test_following_the_advice_bills_written_off_seats_in_the_next_period(written_off: Msp) -> None:
    _, _, what_to_do = the_finding(written_off)
    line = written_off.lines(ONE)[0]["id"]
    assert f"set line {line} to 0, accept that with {ACCEPT}, and sync the month again" in what_to_do
    edit_line(written_off, quantity=0)
    accept_lines(written_off.run, MARCH, organization_id(ONE))
    assert due(written_off) == ["2026-03"]
    written_off.sync()
    assert drift(written_off) == []
    written_off.sandbox.connectwise.invoice(AGREEMENT)
    assert written_off.quantities(ONE) == [0, 5]
    assert billed(written_off) == 5
    assert drift(written_off) == []


def test_a_period_that_was_invoiced_after_all_is_accepted_as_it_is(written_off: Msp) -> None:
    assert "accept the line as it is with the same command" in the_finding(written_off)[2]
    accept_lines(written_off.run, MARCH, organization_id(ONE))
    assert drift(written_off) == []
    assert written_off.sync().outcomes(ONE) == ["unchanged"]
    assert written_off.quantities(ONE) == [5]


def test_a_period_that_was_reopened_and_invoiced_is_told_no_longer(written_off: Msp) -> None:
    assert the_finding(written_off)[0] == "perhaps_written_off"
    written_off.sandbox.connectwise.reopen_period(AGREEMENT)
    assert the_finding(written_off)[0] == "invoice_unclear"
    written_off.sandbox.connectwise.invoice(AGREEMENT)
    assert drift(written_off) == []
    assert billed(written_off) == 5


@pytest.mark.parametrize("status", [403, 404])
def test_without_the_right_to_the_recap_drift_says_so_once(written_off: Msp, status: int) -> None:
    said: list[str] = []
    run = replace(written_off.run, say=said.append)
    written_off.sandbox.faults.add(
        FaultKind.STATUS, method="GET", path="/finance/agreementrecap", status=status, times=None
    )
    edit_line(written_off, quantity=9)
    findings = find_drift(run, TODAY)
    written_off.sandbox.journal.clear()
    assert [one.kind.value for one in findings] == ["edited"]
    assert len([one for one in said if "written off cannot be noticed" in one]) == 1
