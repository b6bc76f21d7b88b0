"""What was invoiced is credited, mapped back or accepted, and the month becomes right."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.reports.month_lines import month_lines
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import MARCH, Msp, Pushed, agreement_id, company_id
from cw_pipeline_tests.sync.stuck import ANOTHER, ONE, accept, assert_right, assert_stuck, map_elsewhere

APRIL = Month(2026, 4)


def invoice(msp: Msp) -> None:
    msp.sandbox.connectwise.invoice(agreement_id(ONE), until=date(2026, 4, 1))


def credit(msp: Msp, seats: int) -> None:
    accept_lines(msp.run, MARCH, organization_id(ONE), credited=Decimal(seats))


@pytest.fixture
def moved(invoiced: Msp) -> Msp:
    """The one company's organization went to another company after 5 seats were invoiced."""
    map_elsewhere(invoiced)
    return invoiced


# --- credit_due ---


def test_a_recorded_credit_ends_credit_due_and_counts_from_then_on(
    invoiced: Msp,
) -> None:
    invoiced.use(3, ONE)
    assert_stuck(invoiced.sync(), "credit_due", "Invoiced too much: 2 seats.", accept(credited=2))
    credit(invoiced, 2)
    assert "2 of them credited" in assert_right(invoiced, 5).line(ONE).reason
    invoiced.use(4, ONE)
    assert_right(invoiced, 5, 1)
    invoiced.use(2, ONE)
    assert_stuck(invoiced.sync(), "credit_due", "Invoiced too much: 1 seat.")
    assert invoiced.quantities(ONE) == [5, 0]  # what was still open needs no credit
    credit(invoiced, 1)
    assert_right(invoiced, 5, 0)


def test_only_the_seats_that_are_to_be_credited_are_taken_for_credited(invoiced: Msp) -> None:
    with pytest.raises(NotPossible, match="Nothing that was invoiced"):
        credit(invoiced, 2)
    invoiced.use(3, ONE)
    invoiced.sync()
    with pytest.raises(NotPossible, match=r"credit due for .* is 2 seats \(line .*\), not 3"):
        credit(invoiced, 3)
    credit(invoiced, 2)
    with pytest.raises(NotPossible, match="Nothing that was invoiced"):
        credit(invoiced, 2)


def test_a_credit_for_the_former_plan_is_recorded_too(invoiced: Msp) -> None:
    invoiced.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    (also,) = invoiced.sync().also(ONE)
    assert also.outcome == "credit_due"
    assert accept(credited=5) in also.reason
    credit(invoiced, 5)
    assert_right(invoiced, 5, 5)


def test_an_edited_line_is_accepted_before_its_credit(invoiced: Msp) -> None:
    line = invoiced.lines(ONE)[0]["id"]
    invoiced.sandbox.connectwise.edit_addition(agreement_id(ONE), line, quantity=8)
    with pytest.raises(NotPossible, match="Accept that first"):
        credit(invoiced, 3)
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert_stuck(invoiced.sync(), "credit_due", "--credited 3")
    credit(invoiced, 3)
    assert_right(invoiced, 8)


# --- moved ---


def test_seats_of_another_company_are_billed_again_once_credited(moved: Msp) -> None:
    assert_stuck(moved.sync(), "moved", accept(credited=5), "map the organization back")
    credit(moved, 5)
    assert_right(moved, 5, 5)
    assert moved.lines(ONE)[1]["agreementId"] == agreement_id(ANOTHER)


def test_an_organization_that_is_mapped_back_is_moved_no_longer(moved: Msp) -> None:
    assert_stuck(moved.sync(), "moved")
    moved.map(ONE)
    assert_right(moved, 5)


def test_an_earlier_bill_from_bills_only_what_was_not_invoiced(invoiced: Msp) -> None:
    invoiced.use(7, ONE)
    invoiced.map(ONE, bill_from=APRIL)
    left = invoiced.sync()
    assert left.outcomes(ONE) == ["before_bill_from"]
    assert "Its lines for 2026-03 carry 5 seats" in left.line(ONE).reason
    with invoiced.run.warehouse.transaction() as session:
        lines = month_lines(session, invoiced.run.psa, left.month.preview).lines
    assert {each.line.organization_id: each.left for each in lines if each.left} == {organization_id(ONE): 5}
    invoiced.map(ONE, bill_from=MARCH)
    assert_right(invoiced, 5, 2)


def test_a_later_bill_from_leaves_out_a_month_settled_by_hand(moved: Msp) -> None:
    assert_stuck(moved.sync(), "moved", "--bill-from")
    moved.map(ONE, company=company_id(ANOTHER), agreement=agreement_id(ANOTHER), bill_from=APRIL)
    assert assert_right(moved, 5).outcomes(ONE) == ["before_bill_from"]


# --- invoice_unclear ---


@pytest.mark.parametrize("gone", [False, True], ids=["edited", "gone"])
def test_what_was_billed_is_accepted_and_the_difference_is_billed(invoiced: Msp, *, gone: bool) -> None:
    connectwise, line = invoiced.sandbox.connectwise, invoiced.lines(ONE)[0]["id"]
    if gone:
        connectwise.delete_addition(agreement_id(ONE), line)
    else:
        connectwise.edit_addition(agreement_id(ONE), line, quantity=3)
    assert_stuck(invoiced.sync(), "invoice_unclear", accept())
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert_right(invoiced, *([5] if gone else [3, 2]))


def test_a_missing_billed_line_counts_once_made_again_and_accepted(invoiced: Msp) -> None:
    connectwise, line = invoiced.sandbox.connectwise, invoiced.lines(ONE)[0]["id"]
    again = connectwise.duplicate_addition(agreement_id(ONE), line)
    connectwise.delete_addition(agreement_id(ONE), line)
    connectwise.edit_addition(agreement_id(ONE), again, billCustomer="DoNotBill")
    serial_number = f"NP:2026-03:B:{organization_id(ONE)}"
    advice = f"make it again in ConnectWise with the same quantity, days and serial number ({serial_number})"
    assert_stuck(invoiced.sync(), "invoice_unclear", advice, accept())
    accepted = accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert {each.line.addition_id: each.counts for each in accepted} == {line: 0, again: 5}
    assert_right(invoiced, 5)
    assert find_drift(invoiced.run, TODAY) == []
    invoiced.use(8, ONE)
    assert_right(invoiced, 5, 3)


def test_a_line_invoiced_while_written_is_accepted_as_billed(msp: Msp) -> None:
    msp.sync()
    msp.use(8, ONE)
    msp.fetch()
    msp.preview()
    invoice(msp)
    assert_stuck(Pushed(msp.push()[0]), "unconfirmed", "See the invoice", accept())
    accept_lines(msp.run, MARCH, organization_id(ONE))
    assert_right(msp, 8)
