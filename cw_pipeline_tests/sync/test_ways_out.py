"""Out of every hold and failure there is a way: its reason names it, a person goes it, and the month becomes right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline_tests.support.fake_msp import Msp, additions_of, agreement_id, company_id
from cw_pipeline_tests.sync.stuck import ONE, assert_right, assert_stuck, map_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable


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
def test_what_a_reason_advises_makes_a_synced_month_right(
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


def test_seats_invoiced_before_the_date_meant_never_are_billed_once(
    invoiced: Msp,
) -> None:
    invoice_next(invoiced, "9999-12-31")
    invoiced.use(8, ONE)
    map_elsewhere(invoiced)
    number = invoiced.lines(ONE)[0]["id"]
    assert_stuck(invoiced.sync(), "invoice_unclear", f"Line {number} (quantity 5)", "next invoice date means never")
    invoiced.map(ONE)
    invoice_next(invoiced, "2026-05-01")
    assert_right(invoiced, 5, 3)


@pytest.mark.parametrize("way", ["the company is mapped to another agreement", "a deleted company is restored"])
def test_a_line_in_the_way_of_another_agreement_is_zeroed_by_hand(msp: Msp, way: str) -> None:
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
