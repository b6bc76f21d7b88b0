"""What is wrong with a line although its quantity is right is told, by the push and by drift, until it is settled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.warehouse.pushes import warned_lines
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, Msp, Pushed, agreement_id
from cw_pipeline_tests.support.killed_push import Point, killed_push

if TYPE_CHECKING:
    from cw_pipeline.sandbox.wire import Record

ONE, *OTHERS = MAPPED
ACCEPT = f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}`"


@pytest.fixture
def msp(msp: Msp) -> Msp:
    """Only one of the three organizations used seats, 10 of them."""
    msp.use(0, *OTHERS)
    msp.use(10, ONE)
    return msp


def lines(msp: Msp) -> list[Record]:
    """The lines that a sync made for the one company, whatever serial number they have."""
    every = msp.sandbox.connectwise.additions(agreement_id(ONE))
    return [line for line in every if line.get("invoiceDescription", "").startswith("NordPass ")]


def edit(msp: Msp, **fields: object) -> None:
    (line,) = lines(msp)
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), line["id"], **fields)


def billed(msp: Msp) -> Decimal:
    """What the invoices have of the one company's lines."""
    ours = {line["id"] for line in lines(msp)}
    every = [line for invoice in msp.sandbox.connectwise.invoices() for line in invoice["lines"]]
    return sum((Decimal(line["quantity"]) for line in every if line["addition_id"] in ours), Decimal(0))


def drift(msp: Msp) -> list[str]:
    """What there is to do about what has drifted."""
    return [finding.what_to_do for finding in find_drift(msp.run, TODAY)]


def assert_told(msp: Msp, what: str) -> None:
    """A sync writes nothing and is green, and both it and drift say `what`."""
    written = msp.written()
    pushed = msp.sync()
    line = pushed.line(ONE)
    assert (pushed.month.succeeded, line.outcome, msp.written()) == (True, "unchanged", written)
    assert what in (line.warning or "")
    with msp.run.warehouse.transaction() as session:
        assert [kept.warning for _, kept, _ in warned_lines(session, msp.run.psa)] == [line.warning]
    (told,) = drift(msp)
    assert what in told


def assert_settled(msp: Msp) -> None:
    """A sync is green and nobody is told anything."""
    pushed = msp.sync()
    assert pushed.month.succeeded
    assert [line.warning for line in pushed.month.preview.lines if line.warning] == []
    assert drift(msp) == []


# --- seats that no invoice has ---

LEFT_OUT = {
    "included": ({"lessIncluded": 3}, "bills 7 of its 10 seats: 3 count as included in the agreement", 7),
    "all included": ({"lessIncluded": 10}, "bills 0 of its 10 seats: 10 count as included in the agreement", 0),
    "not billed": ({"billCustomer": "DoNotBill"}, "is DoNotBill: its 10 seats are not billed", 0),
    "free": ({"billCustomer": "NoCharge"}, "is NoCharge: its 10 seats are not billed", None),
}


@pytest.mark.parametrize(("fields", "what", "invoiced"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_unbilled_seats_are_warned_of_until_a_person_accepts_them(
    msp: Msp, fields: dict[str, object], what: str, invoiced: int | None
) -> None:
    msp.sync()
    assert_settled(msp)
    edit(msp, **fields)
    assert_told(msp, what)
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    assert invoiced is None or billed(msp) == invoiced
    assert_told(msp, what)
    assert_told(msp, f"Bill the rest by hand, and accept that with {ACCEPT}.")
    accept_lines(msp.run, MARCH, organization_id(ONE))
    assert_settled(msp)


@pytest.mark.parametrize("fields", [one[0] for one in LEFT_OUT.values()], ids=LEFT_OUT)
def test_a_line_set_right_before_its_invoice_has_no_warning(msp: Msp, fields: dict[str, object]) -> None:
    msp.sync()
    edit(msp, **fields)
    assert_told(msp, "in ConnectWise before it is invoiced.")
    edit(msp, lessIncluded=0, billCustomer="Billable")
    assert_settled(msp)
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    assert billed(msp) == 10


# --- a ConnectWise that keeps no serial numbers ---


def test_without_serial_numbers_repeats_make_one_line_with_a_warning(msp: Msp) -> None:
    msp.sandbox.connectwise.change_settings(keeps_serial_numbers=False)
    first = msp.sync()
    assert (first.line(ONE).outcome, first.month.succeeded) == ("unconfirmed", False)
    assert "no second one is made. Set it right in ConnectWise." in first.line(ONE).reason
    retried = Pushed(msp.push()[0])
    assert (retried.line(ONE).outcome, retried.month.succeeded) == ("unchanged", True)
    for _ in range(3):
        assert_warned_of_no_serial_number(msp)
    (line,) = lines(msp)
    assert line["quantity"] == 10
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    assert_warned_of_no_serial_number(msp)
    assert billed(msp) == 10
    edit(msp, serialNumber=f"NP:2026-03:B:{organization_id(ONE)}")
    assert_settled(msp)


def test_after_a_kill_a_line_is_found_by_its_description(msp: Msp) -> None:
    msp.sandbox.connectwise.change_settings(keeps_serial_numbers=False)
    msp.fetch()
    msp.preview()
    url = msp.run.warehouse.engine.url.render_as_string(hide_password=False)
    assert killed_push(url, msp.sandbox.environment(), Point(1, ("after POST",)))
    for _ in range(2):
        assert_warned_of_no_serial_number(msp)
    assert [line["quantity"] for line in lines(msp)] == [10]


def assert_warned_of_no_serial_number(msp: Msp) -> None:
    """A sync writes nothing and is green, and says like drift what the line's serial number should be."""
    (line,) = lines(msp)
    written = msp.written()
    pushed = msp.sync()
    assert (pushed.line(ONE).outcome, msp.written()) == ("unchanged", written)
    assert pushed.line(ONE).warning == (
        f"Line {line['id']} has no serial number, so a new warehouse could not find it. "
        f"Set its serial number to NP:2026-03:B:{organization_id(ONE)} in ConnectWise."
    )
    (finding,) = find_drift(msp.run, TODAY)
    assert (finding.found, finding.what_to_do) == ("no serial number", "Set its serial number back.")
