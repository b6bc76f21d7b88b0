"""Out of every hold and failure there is a way: its reason names it, a person goes it, and the month becomes right."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import FAILED, HELD
from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NothingToAccept
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, Msp, Pushed, additions_of, agreement_id, company_id

ONE = MAPPED[0]
ANOTHER = 24
"""Another company, without an organization of its own, whose agreement is like that of ``ONE``."""
APRIL = Month(2026, 4)

if TYPE_CHECKING:
    from collections.abc import Callable


def accept(*, credited: int | None = None) -> str:
    """The command that takes a person's word about the one company's month."""
    seats = "" if credited is None else f" --credited {credited}"
    return f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}{seats}`"


def assert_stuck(pushed: Pushed, outcome: str, *advice: str) -> None:
    """The one company's line has this outcome, and its reason says in these words what to do."""
    line = pushed.line(ONE)
    assert line.outcome == outcome
    for words in advice:
        assert words in line.reason
    assert line.reason.endswith(".")


def assert_right(msp: Msp, *quantities: int) -> Pushed:
    """The next sync is green with nothing held or failed, and these are the quantities of the one company's lines."""
    pushed = msp.sync()
    assert pushed.month.push.succeeded
    assert {line.outcome for line in pushed.month.preview.lines}.isdisjoint(HELD | FAILED)
    assert msp.quantities(ONE) == list(quantities)
    return pushed


def invoice(msp: Msp) -> None:
    msp.sandbox.connectwise.invoice(agreement_id(ONE), until=date(2026, 4, 1))


def map_elsewhere(msp: Msp) -> None:
    msp.map(ONE, company=company_id(ANOTHER), agreement=agreement_id(ANOTHER))


def credit(msp: Msp, seats: int) -> None:
    accept_lines(msp.run, MARCH, organization_id(ONE), credited=Decimal(seats))


@pytest.fixture
def invoiced(msp: Msp) -> Msp:
    """A line of 5 was invoiced to the one company."""
    msp.sync()
    invoice(msp)
    return msp


@pytest.fixture
def moved(invoiced: Msp) -> Msp:
    """The one company's organization went to another company after 5 seats were invoiced."""
    map_elsewhere(invoiced)
    return invoiced


# --- credit_due ---


def test_a_credit_that_was_issued_and_recorded_ends_credit_due_and_later_usage_is_balanced_from_there(
    invoiced: Msp,
) -> None:
    invoiced.use(3, ONE)
    assert_stuck(invoiced.sync(), "credit_due", "2 more than were used", accept(credited=2))
    credit(invoiced, 2)
    assert "2 of them credited" in assert_right(invoiced, 5).line(ONE).reason
    invoiced.use(4, ONE)
    assert_right(invoiced, 5, 1)
    invoiced.use(2, ONE)
    assert_stuck(invoiced.sync(), "credit_due", "1 more than were used")
    assert invoiced.quantities(ONE) == [5, 0]  # what was still open needs no credit
    credit(invoiced, 1)
    assert_right(invoiced, 5, 0)


def test_only_the_seats_that_are_to_be_credited_are_taken_for_credited(invoiced: Msp) -> None:
    with pytest.raises(NothingToAccept, match="Nothing that was invoiced"):
        credit(invoiced, 2)
    invoiced.use(3, ONE)
    invoiced.sync()
    with pytest.raises(NothingToAccept, match=r"Not 3 seats .*, but 2 of line"):
        credit(invoiced, 3)
    credit(invoiced, 2)
    with pytest.raises(NothingToAccept, match="Nothing that was invoiced"):
        credit(invoiced, 2)


def test_a_credit_for_seats_of_the_plan_that_an_organization_left_is_recorded_too(invoiced: Msp) -> None:
    invoiced.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    (also,) = invoiced.sync().also(ONE)
    assert also.outcome == "credit_due"
    assert accept(credited=5) in also.reason
    credit(invoiced, 5)
    assert_right(invoiced, 5, 5)


def test_a_line_that_was_edited_is_accepted_before_a_credit_of_it_is(invoiced: Msp) -> None:
    line = invoiced.lines(ONE)[0]["id"]
    invoiced.sandbox.connectwise.edit_addition(agreement_id(ONE), line, quantity=8)
    with pytest.raises(NothingToAccept, match="Accept that first"):
        credit(invoiced, 3)
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert_stuck(invoiced.sync(), "credit_due", "--credited 3")
    credit(invoiced, 3)
    assert_right(invoiced, 8)


# --- moved ---


def test_seats_invoiced_to_another_company_are_billed_to_the_new_one_once_they_were_credited(moved: Msp) -> None:
    assert_stuck(moved.sync(), "moved", accept(credited=5), "map the organization back")
    credit(moved, 5)
    assert_right(moved, 5, 5)
    assert moved.lines(ONE)[1]["agreementId"] == agreement_id(ANOTHER)


def test_an_organization_that_is_mapped_back_is_moved_no_longer(moved: Msp) -> None:
    assert_stuck(moved.sync(), "moved")
    moved.map(ONE)
    assert_right(moved, 5)


def test_a_month_that_was_settled_by_hand_is_left_out_by_a_later_bill_from(moved: Msp) -> None:
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


def test_a_line_that_billed_and_is_gone_counts_again_once_it_was_made_again_and_accepted(invoiced: Msp) -> None:
    connectwise, line = invoiced.sandbox.connectwise, invoiced.lines(ONE)[0]["id"]
    again = connectwise.duplicate_addition(agreement_id(ONE), line)
    connectwise.delete_addition(agreement_id(ONE), line)
    connectwise.edit_addition(agreement_id(ONE), again, billCustomer="DoNotBill")
    serial_number = f"NP:2026-03:B:{organization_id(ONE)}"
    advice = f"make it again in ConnectWise with the same quantity, days and serial number ({serial_number})"
    assert_stuck(invoiced.sync(), "invoice_unclear", advice, accept())
    accepted = accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert {one.line.addition_id: one.counts for one in accepted} == {line: 0, again: 5}
    assert_right(invoiced, 5)
    assert find_drift(invoiced.run, TODAY) == []
    invoiced.use(8, ONE)
    assert_right(invoiced, 5, 3)


def test_a_line_that_was_invoiced_while_it_was_written_is_accepted_as_it_was_billed(msp: Msp) -> None:
    msp.sync()
    msp.use(8, ONE)
    msp.fetch()
    msp.preview()
    invoice(msp)
    assert_stuck(Pushed(msp.push()[0]), "unconfirmed", "See the invoice", accept())
    accept_lines(msp.run, MARCH, organization_id(ONE))
    assert_right(msp, 8)


# --- what ConnectWise has to be put right for ---


def cancel(msp: Msp, *, cancelled: bool) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), cancelledFlag=cancelled)


def end(msp: Msp, *, ended: bool) -> None:
    last = "2026-03-31T00:00:00Z" if ended else None
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), noEndingDateFlag=not ended, endDate=last)


def invoice_next(msp: Msp, day: str) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), nextInvoiceDate=day)


def delete(msp: Msp, *, deleted: bool) -> None:
    msp.sandbox.connectwise.edit_company(company_id(ONE), deletedFlag=deleted)


def refuse(msp: Msp) -> None:
    for method in ("POST", "PATCH"):
        path = additions_of(ONE)
        msp.sandbox.faults.add(FaultKind.STATUS, path=path, method=method, status=400, times=None, reply="{}")


def lose(msp: Msp) -> None:
    for method in ("POST", "PATCH"):
        msp.sandbox.faults.add(FaultKind.RESET_BEFORE, path=additions_of(ONE), method=method)


def leave(msp: Msp) -> None:
    """Set the line that is there, if any, to 0 by hand, and map the organization elsewhere."""
    for line in msp.lines(ONE):
        msp.sandbox.connectwise.edit_addition(agreement_id(ONE), line["id"], quantity=0)
    map_elsewhere(msp)


WAYS: dict[str, tuple[Callable[[Msp], None], str, str, Callable[[Msp], None]]] = {
    "a cancelled agreement is renewed": (
        lambda msp: cancel(msp, cancelled=True),
        "agreement_inactive",
        "Renew it in ConnectWise",
        lambda msp: cancel(msp, cancelled=False),
    ),
    "an ended agreement is renewed": (
        lambda msp: end(msp, ended=True),
        "agreement_inactive",
        "Renew it in ConnectWise",
        lambda msp: end(msp, ended=False),
    ),
    "the company is mapped to another agreement": (
        lambda msp: cancel(msp, cancelled=True),
        "agreement_inactive",
        "map the company to another agreement",
        leave,
    ),
    "a deleted company is restored": (
        lambda msp: delete(msp, deleted=True),
        "company_deleted",
        "Restore it",
        lambda msp: delete(msp, deleted=False),
    ),
    "the organization is mapped to another company": (
        lambda msp: delete(msp, deleted=True),
        "company_deleted",
        "map the organization to another company with --bill-from 2026-03",
        leave,
    ),
    "what ConnectWise refused is corrected": (
        refuse,
        "rejected",
        "Then sync the month again",
        lambda msp: msp.sandbox.faults.clear(),
    ),
    "what nobody knows is synced again": (
        lose,
        "unconfirmed",
        "Sync the month again",
        lambda msp: msp.sandbox.faults.clear(),
    ),
}


@pytest.mark.parametrize(("spoil", "outcome", "advice", "mend"), WAYS.values(), ids=WAYS)
def test_what_a_reason_advises_makes_the_month_right(
    msp: Msp, spoil: Callable[[Msp], None], outcome: str, advice: str, mend: Callable[[Msp], None]
) -> None:
    spoil(msp)
    assert_stuck(msp.sync(), outcome, advice)
    mend(msp)
    assert_right(msp, 5)


@pytest.mark.parametrize(("spoil", "outcome", "advice", "mend"), WAYS.values(), ids=WAYS)
def test_what_a_reason_advises_makes_a_month_right_that_has_a_line_already(
    msp: Msp, spoil: Callable[[Msp], None], outcome: str, advice: str, mend: Callable[[Msp], None]
) -> None:
    msp.sync()
    msp.use(8, ONE)
    spoil(msp)
    assert_stuck(msp.sync(), outcome, advice, *(["to 0 in ConnectWise and"] if mend is leave else []))
    mend(msp)
    assert_right(msp, *([0, 8] if mend is leave else [8]))


@pytest.mark.parametrize(("line", "outcome"), [(False, "agreement_inactive"), (True, "invoice_unclear")])
def test_an_agreement_that_is_never_invoiced_is_given_a_next_invoice(msp: Msp, outcome: str, *, line: bool) -> None:
    if line:
        msp.sync()
        msp.use(8, ONE)
    invoice_next(msp, "9999-12-31")
    assert_stuck(msp.sync(), outcome, "next invoice date to the first day that is not invoiced yet")
    invoice_next(msp, "2026-04-01")
    assert_right(msp, 8 if line else 5)


def test_seats_that_were_invoiced_before_their_agreement_was_never_to_be_invoiced_again_are_billed_once(
    invoiced: Msp,
) -> None:
    invoice_next(invoiced, "9999-12-31")
    invoiced.use(8, ONE)
    map_elsewhere(invoiced)
    number = invoiced.lines(ONE)[0]["id"]
    assert_stuck(invoiced.sync(), "invoice_unclear", f"Line {number} of 5", "the agreement is never invoiced next")
    invoiced.map(ONE)
    invoice_next(invoiced, "2026-05-01")
    assert_right(invoiced, 5, 3)


@pytest.mark.parametrize("way", ["the company is mapped to another agreement", "a deleted company is restored"])
def test_a_line_that_is_in_the_way_of_another_agreement_is_set_to_0_by_hand(msp: Msp, way: str) -> None:
    spoil, outcome, *_ = WAYS[way]
    msp.sync()
    spoil(msp)
    map_elsewhere(msp)
    number = msp.lines(ONE)[0]["id"]
    stuck = msp.sync()
    assert_stuck(stuck, outcome, "Waits", f"set line {number} to 0 in ConnectWise. Then sync the month again.")
    assert "map" not in stuck.line(ONE).reason  # once more would not help
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), number, quantity=0)
    assert_right(msp, 0, 5)
