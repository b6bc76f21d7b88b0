"""Where nobody can know what was billed, a month is held and says so."""

from __future__ import annotations

from datetime import date

import pytest

from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.release import release_lines, unusual_month
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.support.fake_msp import MARCH, Msp, Pushed
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


def accept(msp: Msp) -> None:
    accept_lines(msp.run, MARCH, organization_id(ONE))


def edit(msp: Msp, **fields: object) -> None:
    """A person changes the one company's first line of March."""
    line = msp.lines(ONE)[0]
    msp.sandbox.connectwise.edit_addition(line["agreementId"], line["id"], **fields)


def test_an_agreement_that_a_list_lacks_is_looked_through_all_the_same(invoiced: Msp) -> None:
    lose_the_warehouse(invoiced)
    renew(invoiced)
    invoiced.sandbox.connectwise.change_settings(lists_lag={"agreements": 5})
    invoiced.sandbox.connectwise.edit_agreement(OLD, customerPO="late")
    for month in MONTHS:
        assert_nothing_is_written(invoiced, month)


def test_an_accepted_line_never_counts_as_replaced(invoiced: Msp) -> None:
    clear_next_invoice(invoiced)
    invoiced.use(9, ONE)
    invoiced.sync()
    accept(invoiced)
    invoiced.sync()
    invoiced.sandbox.connectwise.delete_addition(OLD, invoiced.lines(ONE)[0]["id"])
    assert invoiced.sync().outcomes(ONE) == ["invoice_unclear"]
    assert invoiced.quantities(ONE) == [4]


def test_an_unclear_line_edited_to_the_right_quantity_is_still_held(invoiced: Msp) -> None:
    clear_next_invoice(invoiced)
    invoiced.use(3, ONE)
    edit(invoiced, quantity=3)
    assert invoiced.sync().outcomes(ONE) == ["invoice_unclear"]
    accept(invoiced)
    assert_nothing_is_written(invoiced, MARCH)


def test_a_line_on_a_cancelled_undated_agreement_may_never_be_billed(msp: Msp) -> None:
    msp.sync(*MONTHS)
    msp.sandbox.connectwise.edit_agreement(OLD, cancelledFlag=True, nextInvoiceDate=None)
    assert_nothing_is_written(msp, MARCH, outcome="invoice_unclear")
    edit(msp, quantity=0)  # no invoice has it
    accept(msp)
    assert msp.sync().outcomes(ONE) == ["agreement_inactive"]
    renew(msp)
    assert msp.sync().outcomes(ONE) == ["created"]


def test_a_line_on_an_undated_agreement_has_a_warning(msp: Msp) -> None:
    clear_next_invoice(msp)
    msp.sync(JANUARY)
    line = msp.sync(JANUARY).line(ONE)
    assert line.outcome == "unchanged"
    assert "which has no next invoice date, so that ConnectWise may never invoice it" in (line.warning or "")


def test_a_quantity_set_during_the_last_invoice_is_in_doubt(msp: Msp) -> None:
    msp.sync(*MONTHS)
    msp.use(8, ONE)
    msp.fetch()
    msp.preview()
    msp.sandbox.connectwise.invoice(OLD, until=date(2026, 3, 1))
    clear_next_invoice(msp)
    assert Pushed(msp.push()[0]).outcomes(ONE) == ["unconfirmed"]
    assert msp.sync().outcomes(ONE) == ["invoice_unclear"]


def test_a_line_that_a_new_warehouse_finds_is_no_copy(invoiced: Msp) -> None:
    lose_the_warehouse(invoiced)
    assert_nothing_is_written(invoiced, MARCH)
    invoiced.use(8, ONE)
    assert invoiced.sync().outcomes(ONE) == ["created"]
    assert_nothing_is_written(invoiced, MARCH)
    assert invoiced.quantities(ONE) == [5, 3]


def test_a_copy_that_was_set_to_0_never_carries_seats_again(msp: Msp) -> None:
    msp.sync(*MONTHS)
    copied = msp.sandbox.connectwise.copy_agreement(OLD)
    msp.map(ONE, agreement=copied, bill_from=JANUARY)
    msp.sync(*MONTHS)
    msp.use(8, ONE)
    msp.sync()
    assert_nothing_is_written(msp, MARCH)
    assert msp.quantities(ONE) == [0, 0, 8]
    msp.sandbox.connectwise.invoice(until=date(2026, 6, 1))
    assert_nothing_is_written(msp, MARCH)
    assert billed(msp) == [5, 5, 8]


def test_no_credit_is_asked_for_seats_that_an_invoice_left_out(invoiced: Msp) -> None:
    edit(invoiced, billCustomer="DoNotBill")
    invoiced.use(3, ONE)
    line = invoiced.sync().line(ONE)
    assert line.outcome == "invoice_unclear"
    assert "its 5 seats are not billed" in line.reason
    accept(invoiced)
    assert invoiced.sync().outcomes(ONE) == ["credit_due"]


def test_an_absence_that_was_released_after_the_preview_counts_in_the_push(msp: Msp) -> None:
    msp.sync(*MONTHS)
    msp.use(None, ONE)
    msp.fetch()
    msp.preview()
    release_lines(msp.run, unusual_month(msp.run, MARCH), [organization_id(ONE)])
    assert [line.outcome for line in Pushed(msp.push()[0]).also(ONE)] == ["zeroed"]


def test_a_line_of_a_plan_without_a_product_is_reported_without_usage(msp: Msp) -> None:
    msp.sync(*MONTHS)
    msp.bill_as(Plan.BUSINESS, None)
    msp.use(None, ONE)
    assert [line.outcome for line in msp.sync().also(ONE)] == ["product_unmapped"]
