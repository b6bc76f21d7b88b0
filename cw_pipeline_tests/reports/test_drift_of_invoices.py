"""Drift that follows from agreements: copies, terms, and invoices that may be gone."""

from __future__ import annotations

from datetime import date

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.warehouse import tables
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
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, Msp, agreement_id, company_id

ANOTHER = agreement_id(24)
"""An agreement of a company without an organization."""


# sync/test_on_both_databases.py sends the same statements to PostgreSQL.
pytestmark = pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)


@pytest.fixture
def synced(synced_on_both_databases: Msp) -> Msp:
    return synced_on_both_databases


@pytest.fixture
def invoiced(synced: Msp) -> Msp:
    """Its lines are invoiced, which was seen."""
    synced.sandbox.connectwise.invoice(until=date(2026, 4, 1))
    synced.sync()
    return synced


def edit_agreement(msp: Msp, agreement: int = AGREEMENT, **fields: object) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement, **fields)


# --- an agreement is copied with its lines to one that nobody maps ---


def test_copied_open_lines_are_reported_until_a_sync_sets_them_to_0(synced: Msp) -> None:
    assert due(synced) == []
    copied = synced.sandbox.connectwise.copy_agreement(AGREEMENT)
    kind, found, what_to_do = the_finding(synced)
    assert (kind, found) == ("duplicated", f"quantity 5 with the serial number {synced.lines(ONE)[0]['serialNumber']}")
    assert "`cw-pipeline sync --month 2026-03` sets it to 0" in what_to_do
    assert due(synced) == ["2026-03"]
    synced.sync()
    assert [(line["agreementId"], line["quantity"]) for line in synced.lines(ONE)] == [(AGREEMENT, 5), (copied, 0)]
    assert drift(synced) == []
    synced.sandbox.connectwise.invoice(until=date(2026, 6, 1))
    assert billed(synced) == 5
    assert drift(synced, date(2026, 6, 1)) == []


def test_a_copy_that_a_person_deleted_is_nobodys_loss(synced: Msp) -> None:
    copied = synced.sandbox.connectwise.copy_agreement(AGREEMENT)
    assert the_finding(synced)[0] == "duplicated"
    synced.sandbox.connectwise.delete_addition(copied, synced.lines(ONE)[1]["id"])
    assert drift(synced) == []


def test_lines_from_before_this_warehouse_are_reported_once(synced: Msp) -> None:
    with synced.run.warehouse.transaction() as session:
        session.query(tables.LedgerEntry).filter(tables.LedgerEntry.intent_id.is_not(None)).delete()
        session.query(tables.LedgerEntry).delete()
    findings = find_drift(synced.run, TODAY)
    assert {one.kind.value for one in findings} == {"duplicated"}
    assert {one.organization_id for one in findings} == {organization_id(place) for place in MAPPED}
    assert drift(synced) == []


# --- an agreement is billed otherwise ---


def map_on_these_terms(msp: Msp) -> None:
    """What a mapping remembers of the agreement."""
    with msp.run.warehouse.transaction() as session:
        mapping = session.get_one(tables.CompanyMappingRow, organization_id(ONE))
        (agreement,) = msp.run.connectwise.agreements_by_id([AGREEMENT]).records
        cycles = {one.id: one.billing_options for one in msp.run.connectwise.billing_cycles().records}
        assert agreement.billing_cycle
        mapping.cycle = cycles[agreement.billing_cycle.id]
        mapping.period_type, mapping.prorates = agreement.period_type, agreement.prorate_flag
        mapping.parent_agreement_id = agreement.parent_agreement and agreement.parent_agreement.id


def cycle_id(msp: Msp, options: str) -> int:
    cycles = {record["billingOptions"]: record["id"] for record in msp.sandbox.connectwise.records("billing_cycles")}
    return int(cycles[options])


def test_changed_terms_are_reported_until_they_are_accepted(synced: Msp) -> None:
    map_on_these_terms(synced)
    assert drift(synced) == []
    edit_agreement(synced, periodType="Future")
    kind, found, what_to_do = the_finding(synced)
    assert (kind, found) == ("agreement_changed", "billed Monthly, for the period Future, not prorated")
    assert f"`cw-pipeline companies map {company_id(ONE)} --agreement {AGREEMENT}" in what_to_do
    map_on_these_terms(synced)
    assert drift(synced) == []


def test_terms_that_cannot_be_mapped_are_not_offered_to_be_accepted(synced: Msp) -> None:
    edit_agreement(synced, billingCycle=cycle_id(synced, "Weekly"))
    kind, found, what_to_do = the_finding(synced)
    assert (kind, found.split(",")[0]) == ("agreement_changed", "billed Weekly")
    assert "companies map" not in what_to_do
    line = synced.sync().line(ONE)
    assert line.outcome == "agreement_changed"
    assert "cw-pipeline import" not in line.reason
    edit_agreement(synced, billingCycle=cycle_id(synced, "Monthly"))
    assert drift(synced) == []


# --- an invoice may be gone ---


@pytest.mark.parametrize("next_invoice", ["2026-04-01", None], ids=["moved back", "cleared"])
def test_a_line_whose_invoice_may_be_gone_is_reported_until_accepted(invoiced: Msp, next_invoice: str | None) -> None:
    assert drift(invoiced) == []
    edit_agreement(invoiced, nextInvoiceDate=next_invoice)
    kind, found, what_to_do = the_finding(invoiced)
    assert (kind, found) == ("invoice_unclear", f"next invoice on {next_invoice or 'no day'}")
    assert ACCEPT in what_to_do
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert drift(invoiced) == []
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]


def test_a_next_invoice_date_that_is_set_right_again_ends_the_doubt(invoiced: Msp) -> None:
    edit_agreement(invoiced, nextInvoiceDate=None)
    assert "Set the next invoice date to the first day that is not invoiced yet" in the_finding(invoiced)[2]
    edit_agreement(invoiced, nextInvoiceDate="2026-05-01")
    assert drift(invoiced) == []


# --- an open line on an agreement that is no longer mapped ---


def test_an_open_line_on_a_cancelled_unmapped_agreement_is_reported_until_0(
    synced: Msp,
) -> None:
    edit_agreement(synced, ANOTHER, company=company_id(ONE))
    synced.map(ONE, agreement=ANOTHER)
    edit_agreement(synced, cancelledFlag=True)
    kind, found, what_to_do = the_finding(synced)
    assert (kind, found) == ("agreement_not_billable", "agreement is not active")
    assert f"or set line {synced.lines(ONE)[0]['id']} to 0 in ConnectWise" in what_to_do
    edit_line(synced, quantity=0)
    assert drift(synced) == []
    synced.sync()
    assert synced.quantities(ONE) == [0, 5]
    assert drift(synced) == []
