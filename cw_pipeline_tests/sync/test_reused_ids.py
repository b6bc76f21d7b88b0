"""A line is ours by its id and something else of it: an id alone may be somebody else's line by now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    MAPPED,
    MARCH,
    OTHER_PRODUCT,
    Msp,
    Pushed,
    additions_of,
    agreement_id,
)

if TYPE_CHECKING:
    from cw_pipeline.sandbox.wire import Record

ONE, TWO, THREE = MAPPED
FIREWALLS: dict[str, Any] = {
    "serialNumber": "FW-40",
    "invoiceDescription": "Firewalls",
    "product": {"id": OTHER_PRODUCT},
    "quantity": 40,
}
ACCEPT = f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}`"


def serial_number(place: int) -> str:
    return f"NP:2026-03:B:{organization_id(place)}"


def last_line(msp: Msp, place: int = ONE) -> Record:
    """The newest line on an agreement, whoever's it is."""
    return msp.sandbox.connectwise.additions(agreement_id(place))[-1]


def edit(msp: Msp, place: int = ONE, **fields: object) -> int:
    """A person changes the newest line on an agreement."""
    number: int = last_line(msp, place)["id"]
    msp.sandbox.connectwise.edit_addition(agreement_id(place), number, **fields)
    return number


def drift(msp: Msp) -> list[tuple[str, str, str]]:
    """The kinds of what has drifted, what was found, and what to do."""
    return [(finding.kind.value, finding.found, finding.what_to_do) for finding in find_drift(msp.run, TODAY)]


def accept(msp: Msp, place: int = ONE) -> None:
    accept_lines(msp.run, MARCH, organization_id(place))


@pytest.fixture
def synced(msp: Msp) -> Msp:
    """A line of 5 for each organization, all open."""
    msp.sync()
    return msp


@pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("invoiced", [False, True], ids=["open", "invoiced"])
@pytest.mark.parametrize("seats", [5, 8, 0], ids=["as used", "more used", "nothing used"])
def test_another_line_under_a_known_id_holds_the_plan(since_january: Msp, seats: int, *, invoiced: bool) -> None:
    msp = since_january
    msp.sync()
    if invoiced:
        msp.sandbox.connectwise.invoice(until=TODAY)
        msp.sync()
    number = edit(msp, **FIREWALLS)
    theirs = last_line(msp)
    msp.use(seats, ONE)
    written = msp.written()
    for _ in range(2):
        line = msp.sync().line(ONE)
        assert line.outcome == "invoice_unclear"
        assert f"Line {number} on agreement {agreement_id(ONE)}, 5 from " in line.reason
        assert "is another line now, 40 of product 7 with the serial number FW-40" in line.reason
        assert ACCEPT in line.reason
        assert msp.written() == written
    accept(msp)
    assert msp.ledger(ONE)[-1] == "given_up"
    assert msp.sync().outcomes(ONE) == ["created" if seats else "zero_usage"]
    assert msp.sync().outcomes(ONE) == ["unchanged" if seats else "zero_usage"]
    assert msp.quantities(ONE) == ([seats] if seats else [])
    assert [
        addition for addition in msp.sandbox.connectwise.additions(agreement_id(ONE)) if addition["id"] == number
    ] == [theirs]


@pytest.mark.parametrize(
    "edited",
    [
        {"serialNumber": "PO 7"},
        {"serialNumber": None},
        {"serialNumber": "PO 7", "invoiceDescription": "Passwords"},
        {"serialNumber": "PO 7", "product": {"id": OTHER_PRODUCT}},
        {"product": {"id": OTHER_PRODUCT}, "invoiceDescription": "Passwords"},
    ],
    ids=str,
)
def test_a_line_is_ours_if_anything_besides_its_id_agrees(synced: Msp, edited: dict[str, Any]) -> None:
    number = edit(synced, **edited)
    synced.use(8, ONE)
    assert synced.sync().outcomes(ONE) == ["created" if "product" in edited else "updated"]
    quantities = {
        addition["id"]: addition["quantity"] for addition in synced.sandbox.connectwise.additions(agreement_id(ONE))
    }
    assert quantities[number] == (0 if "product" in edited else 8)
    assert synced.sync().outcomes(ONE) == ["unchanged"]


def test_a_line_of_the_plan_s_former_product_is_still_ours(synced: Msp) -> None:
    number = edit(synced, serialNumber=None, invoiceDescription=None)
    synced.bill_as(Plan.BUSINESS, OTHER_PRODUCT)
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["created"]
    assert [line.outcome for line in pushed.also(ONE)] == ["zeroed"]
    (old,) = (
        addition for addition in synced.sandbox.connectwise.additions(agreement_id(ONE)) if addition["id"] == number
    )
    assert old["quantity"] == 0


def test_without_serial_numbers_product_or_description_identify_a_line(msp: Msp) -> None:
    msp.sandbox.connectwise.change_settings(keeps_serial_numbers=False)
    msp.sync()
    msp.sync()
    edit(msp, TWO, product={"id": OTHER_PRODUCT})
    edit(msp, THREE, invoiceDescription=None)
    edit(msp, product={"id": OTHER_PRODUCT}, invoiceDescription="Firewalls")
    msp.use(8)
    assert msp.sync().outcomes(ONE, TWO, THREE) == [
        "invoice_unclear",
        "unconfirmed",
        "updated",
    ]  # TWO's new line has no number
    assert last_line(msp)["quantity"] == 5


# --- a line that shows another identity of ours ---


@pytest.fixture
def claimed(synced: Msp) -> Msp:
    """The first company's line is another one now, with the serial number of the second's, whose own line is gone."""
    synced.sandbox.connectwise.delete_addition(agreement_id(TWO), last_line(synced, TWO)["id"])
    edit(synced, ONE, **FIREWALLS | {"serialNumber": serial_number(TWO), "quantity": 5})
    return synced


def test_another_line_with_another_identity_of_ours_holds_both(claimed: Msp) -> None:
    number, written = last_line(claimed)["id"], claimed.written()
    claimed.use(8, ONE, TWO)
    pushed = claimed.sync()
    assert pushed.outcomes() == ["invoice_unclear", "invoice_unclear", "unchanged"]
    assert claimed.written() == written
    for place in (ONE, TWO):
        assert f"Line {number} on agreement {agreement_id(ONE)}" in pushed.line(place).reason
        assert serial_number(TWO) in pushed.line(place).reason
        assert ACCEPT in pushed.line(place).reason
    found, what_to_do = {kind: told for kind, *told in drift(claimed)}["replaced"]
    assert found == f"5 of product {OTHER_PRODUCT} with the serial number {serial_number(TWO)}"
    assert ACCEPT in what_to_do


def test_a_reused_id_on_another_organization_s_line_holds_both(synced: Msp) -> None:
    connectwise = synced.sandbox.connectwise
    connectwise.invoice(agreement_id(ONE))
    synced.sync()
    number = last_line(synced)["id"]
    connectwise.delete_addition(agreement_id(ONE), number)
    connectwise.delete_addition(agreement_id(TWO), last_line(synced, TWO)["id"])
    connectwise._next_ids["additions"] = number  # ConnectWise was restored
    assert synced.sync().outcomes() == ["invoice_unclear", "unconfirmed", "unchanged"]
    for _ in range(2):
        assert synced.sync().outcomes() == ["invoice_unclear", "invoice_unclear", "unchanged"]
    assert synced.quantities(TWO) == [5]


def test_a_line_that_was_set_back_is_its_own_again(claimed: Msp) -> None:
    claimed.sync()
    edit(claimed, serialNumber=serial_number(ONE), product={"id": BUSINESS_PRODUCT})
    assert claimed.sync().outcomes() == ["unchanged", "created", "unchanged"]


def test_a_line_that_was_given_up_is_what_its_serial_number_says(claimed: Msp) -> None:
    claimed.sync()
    accept(claimed)
    pushed = claimed.sync()
    assert pushed.outcomes() == ["created", "created", "unchanged"]
    assert [line.outcome for line in pushed.also(TWO)] == ["zeroed"]  # it is on the first one's agreement
    assert (claimed.quantities(ONE), claimed.quantities(TWO)) == ([5], [0, 5])
    assert drift(claimed) == []
    assert claimed.sync().outcomes() == ["unchanged"] * 3


# --- wherever else lines are looked at ---


def test_drift_tells_of_somebody_else_s_line_until_it_is_accepted(synced: Msp) -> None:
    edit(synced, **FIREWALLS)
    for _ in range(2):
        ((kind, found, what_to_do),) = drift(synced)
        assert (kind, found) == ("replaced", "40 of product 7 with the serial number FW-40")
        assert ACCEPT in what_to_do
    accept(synced)
    assert drift(synced) == []


def test_an_invoice_of_somebody_else_s_line_is_not_ours(synced: Msp) -> None:
    edit(synced, **FIREWALLS)
    before = synced.ledger(ONE)
    synced.sandbox.connectwise.invoice(until=TODAY)
    assert rebuild(synced.run).found == ()
    drift(synced)
    synced.sync()
    assert synced.ledger(ONE) == before
    assert "invoiced" in synced.ledger(TWO)


def test_a_line_of_ours_that_carried_nothing_is_missed_by_nobody(synced: Msp) -> None:
    synced.use(0, ONE)
    synced.sync()
    edit(synced, **FIREWALLS)
    assert synced.sync().outcomes(ONE) == ["zero_usage"]
    assert drift(synced) == []
    assert last_line(synced)["quantity"] == 40


def test_an_open_write_is_not_settled_by_somebody_else_s_line(synced: Msp) -> None:
    synced.use(40, ONE)
    synced.sandbox.faults.add(FaultKind.RESET_BEFORE, method="PATCH", path=additions_of(ONE))
    assert synced.sync().outcomes(ONE) == ["unconfirmed"]
    edit(synced, **FIREWALLS)
    assert synced.sync().outcomes(ONE) == ["invoice_unclear"]
    assert synced.ledger(ONE)[-3:] == ["intent", "unconfirmed", "not_done"]


def test_a_line_replaced_after_the_preview_fails_the_month(synced: Msp) -> None:
    synced.use(8, ONE)
    synced.fetch()
    synced.preview()
    edit(synced, **FIREWALLS)
    assert Pushed(synced.push()[0]).outcomes(ONE) == ["unconfirmed"]
    assert synced.sync().outcomes(ONE) == ["invoice_unclear"]


def test_a_new_line_answered_with_a_known_id_is_unconfirmed(synced: Msp) -> None:
    answer = {
        "id": last_line(synced)["id"],
        "product": {"id": BUSINESS_PRODUCT},
        "quantity": 5,
        "billCustomer": "Billable",
        "serialNumber": serial_number(TWO),
        "effectiveDate": "2026-04-01T00:00:00Z",
        "cancelledDate": "2026-04-30T00:00:00Z",
    }
    synced.sandbox.connectwise.delete_addition(agreement_id(TWO), last_line(synced, TWO)["id"])
    synced.sandbox.faults.add(
        FaultKind.STATUS, method="POST", path=additions_of(TWO), status=201, reply=json.dumps(answer), written=False
    )
    pushed = synced.sync()
    assert pushed.outcomes(ONE, TWO) == ["unchanged", "unconfirmed"]
    assert f" as {serial_number(ONE)}, so it is not the new line" in pushed.line(TWO).reason
    assert synced.sync().outcomes(ONE, TWO) == ["unchanged", "created"]
    assert (synced.quantities(ONE), synced.quantities(TWO)) == ([5], [5])
