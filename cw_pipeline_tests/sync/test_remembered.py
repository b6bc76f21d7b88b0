"""What was invoiced is remembered and found again, whatever becomes of dates, agreements and the warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.sync.outdated_warehouse import RecordedPush, WarehouseOutdated, require_up_to_date
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    FEBRUARY,
    MAPPED,
    MARCH,
    Msp,
)
from cw_pipeline_tests.sync.renewals import (
    JANUARY,
    MONTHS,
    OLD,
    ONE,
    assert_nothing_is_written,
    billed,
    clear_next_invoice,
    lose_the_warehouse,
    renew,
)

# sync/test_on_both_databases.py sends the same statements to PostgreSQL.
pytestmark = pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)


@pytest.fixture
def msp(since_january: Msp) -> Msp:
    """The one company and two others."""
    return since_january


@pytest.fixture
def invoiced(invoiced_since_january: Msp) -> Msp:
    """January to March were synced, and invoiced until the end of March."""
    return invoiced_since_january


# --- a warehouse that is new, or was restored ---


def test_lines_found_by_a_new_warehouse_count_after_a_renewal(invoiced: Msp) -> None:
    lose_the_warehouse(invoiced)
    for month in MONTHS:
        assert_nothing_is_written(invoiced, month)
    assert {"found", "invoiced"} == set(invoiced.ledger(ONE))
    renew(invoiced)
    written = invoiced.written()
    for month in MONTHS:
        assert_nothing_is_written(invoiced, month)
    assert invoiced.written() == written
    assert billed(invoiced) == [5, 5, 5]


def test_a_new_warehouse_finds_what_was_billed_before_the_renewal(
    invoiced: Msp,
) -> None:
    lose_the_warehouse(invoiced)
    renew(invoiced)
    written = invoiced.written()
    for month in reversed(MONTHS):
        assert_nothing_is_written(invoiced, month)
    assert invoiced.written() == written


def recorded(run_id: str, at: datetime) -> list[RecordedPush]:
    """What Dagster's storage remembers of a run of these months."""
    return [RecordedPush(month, run_id, at) for month in MONTHS]


def test_an_outdated_warehouse_writes_nothing_until_it_is_rebuilt(invoiced: Msp) -> None:
    pushes = recorded(invoiced.run.run_id, datetime.now(UTC))
    require_up_to_date(invoiced.run.warehouse, pushes)
    lose_the_warehouse(invoiced)
    renew(invoiced)
    with pytest.raises(WarehouseOutdated, match=r"2026-0[123] was pushed .*by run run-1.* 2 other month.*rebuild"):
        require_up_to_date(invoiced.run.warehouse, pushes)
    rebuilt = rebuild(invoiced.run)
    assert len(rebuilt.found) == len(rebuilt.invoiced) == len(MAPPED) * len(MONTHS)
    require_up_to_date(invoiced.run.warehouse, pushes)
    later = recorded("run-elsewhere", datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(WarehouseOutdated):
        require_up_to_date(invoiced.run.warehouse, later)
    written = invoiced.written()
    for month in MONTHS:
        assert_nothing_is_written(invoiced, month)
    assert invoiced.written() == written


# --- the next invoice date is cleared or moved back ---


def test_invoiced_seats_stay_after_the_date_is_cleared_and_the_company_remapped(
    invoiced: Msp,
) -> None:
    clear_next_invoice(invoiced)
    assert_nothing_is_written(invoiced)
    renew(invoiced)
    assert_nothing_is_written(invoiced, MARCH, outcome="invoice_unclear")
    assert "the agreement has no next invoice date" in invoiced.sync().line(ONE).reason
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert_nothing_is_written(invoiced, MARCH)
    assert billed(invoiced) == [5, 5, 5]


def test_a_correction_is_held_where_the_next_invoice_date_is_cleared(invoiced: Msp) -> None:
    clear_next_invoice(invoiced)
    invoiced.use(9, ONE)
    assert_nothing_is_written(invoiced, MARCH, outcome="invoice_unclear")
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert invoiced.sync().outcomes(ONE) == ["created"]
    assert_nothing_is_written(invoiced, MARCH)
    assert invoiced.quantities(ONE) == [5, 4]


def test_an_unseen_invoice_is_unclear_once_the_date_is_cleared(msp: Msp) -> None:
    msp.sync(*MONTHS)
    msp.sandbox.connectwise.invoice(until=date(2026, 3, 1))
    clear_next_invoice(msp)
    msp.use(9, ONE)
    assert_nothing_is_written(msp, MARCH, outcome="invoice_unclear")


def test_a_month_whose_invoice_was_deleted_is_held_before_a_correction(invoiced: Msp) -> None:
    first = min(
        (invoice for invoice in invoiced.sandbox.connectwise.invoices() if invoice["agreement_id"] == OLD),
        key=lambda invoice: invoice["period_start"],
    )
    invoiced.sandbox.connectwise.delete_invoice(first["number"])  # those of February and March stand
    assert_nothing_is_written(invoiced)
    invoiced.use(3, ONE, month=FEBRUARY)
    assert_nothing_is_written(invoiced, FEBRUARY, outcome="invoice_unclear")
    assert "moved back to 2026-01-01" in invoiced.sync(FEBRUARY).line(ONE).reason
    invoiced.sandbox.connectwise.edit_agreement(OLD, nextInvoiceDate="2026-04-01")
    assert invoiced.sync(FEBRUARY).outcomes(ONE) == ["credit_due"]


# --- an agreement is copied with its lines ---


def test_copies_of_invoiced_lines_are_not_credit_due(invoiced: Msp) -> None:
    copied = invoiced.sandbox.connectwise.copy_agreement(OLD)
    invoiced.map(ONE, agreement=copied, bill_from=JANUARY)
    assert_nothing_is_written(invoiced, MARCH, outcome="invoice_unclear")
    reason = invoiced.sync().line(ONE).reason
    assert "was not written here and has the serial number of another line" in reason
    (copy,) = (line for line in invoiced.lines(ONE) if line["agreementId"] == copied)
    invoiced.sandbox.connectwise.edit_addition(copied, copy["id"], quantity=0)
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert_nothing_is_written(invoiced, MARCH)
    assert invoiced.quantities(ONE) == [5, 0]
    assert billed(invoiced) == [5, 5, 5]


def test_an_invoiced_copy_is_held_where_its_original_was_deleted(msp: Msp) -> None:
    msp.sync(MARCH)
    copied = msp.sandbox.connectwise.copy_agreement(OLD, nextInvoiceDate="2026-06-01")
    (original,) = (line for line in msp.lines(ONE) if line["agreementId"] == OLD)
    msp.sandbox.connectwise.delete_addition(OLD, original["id"])
    msp.map(ONE, agreement=copied, bill_from=JANUARY)
    assert msp.sync(MARCH).outcomes(ONE) == ["invoice_unclear"]


def test_copies_of_open_lines_are_set_to_0(msp: Msp) -> None:
    msp.sync(*MONTHS)
    copied = msp.sandbox.connectwise.copy_agreement(OLD)
    msp.map(ONE, agreement=copied, bill_from=JANUARY)
    msp.sync(*MONTHS)
    msp.sandbox.connectwise.invoice(until=date(2026, 6, 1))
    assert billed(msp) == [5, 5, 5]


def test_a_new_warehouse_distinguishes_copies_from_originals(invoiced: Msp) -> None:
    copied = invoiced.sandbox.connectwise.copy_agreement(OLD)
    lose_the_warehouse(invoiced)
    invoiced.map(ONE, agreement=copied, bill_from=JANUARY)
    assert_nothing_is_written(invoiced, MARCH, outcome="invoice_unclear")


# --- where periods begin ---


@pytest.mark.parametrize("periods", ["anniversary", "calendar"])
@pytest.mark.parametrize("next_invoice", ["2026-02-15", "2026-01-31", "2026-03-15", "2026-02-28", "2026-03-01"])
def test_a_line_is_billed_by_one_invoice_wherever_the_next_period_begins(
    msp: Msp, periods: str, next_invoice: str
) -> None:
    msp.sandbox.connectwise.change_settings(periods=periods)
    msp.sandbox.connectwise.edit_agreement(OLD, nextInvoiceDate=next_invoice, prorateFlag=False)
    msp.sync(*MONTHS)
    msp.sandbox.connectwise.invoice(OLD, until=date(2026, 8, 1))
    assert billed(msp) == [5, 5, 5]
    assert msp.sync(*MONTHS).outcomes(ONE) == ["unchanged"]


# --- what no invoice will have ---


def test_an_open_line_on_a_cancelled_agreement_is_held_without_a_write(msp: Msp) -> None:
    msp.sync(*MONTHS)
    msp.sandbox.connectwise.edit_agreement(OLD, cancelledFlag=True)
    assert_nothing_is_written(msp, MARCH, outcome="agreement_inactive")
    msp.map(ONE, bill_from=MARCH.plus(1))
    assert msp.sync().outcomes(ONE) == ["before_bill_from"]


def test_seats_are_not_billed_on_an_agreement_whose_terms_changed(msp: Msp) -> None:
    with msp.run.warehouse.transaction() as session:
        mapping = session.get_one(tables.CompanyMappingRow, organization_id(ONE))
        mapping.cycle, mapping.prorates = "Monthly", False
    msp.sandbox.connectwise.edit_agreement(OLD, periodType=None)
    assert msp.sync(JANUARY).outcomes(ONE) == ["created"]
    cycles = {record["billingOptions"]: record["id"] for record in msp.sandbox.connectwise.records("billing_cycles")}
    msp.sandbox.connectwise.edit_agreement(OLD, billingCycle=cycles["Weekly"])
    assert_nothing_is_written(msp, JANUARY, outcome="agreement_changed")
    assert_nothing_is_written(msp, FEBRUARY, outcome="agreement_changed")
    reason = msp.sync(FEBRUARY).line(ONE).reason
    assert "is billed Weekly, not prorated now and was billed Monthly, not prorated when it was mapped" in reason


def test_the_day_is_the_runs_own(msp: Msp) -> None:
    assert msp.run.today() == TODAY
