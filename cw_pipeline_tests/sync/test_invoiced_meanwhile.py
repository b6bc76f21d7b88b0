"""What was invoiced is not written again unnoticed: invoices made during a push, and invoiced lines changed by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    FEBRUARY,
    MAPPED,
    OTHER_PRODUCT,
    Msp,
    Pushed,
    additions_of,
    agreement_id,
    company_id,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.sandbox.wire import Record

ONE = 3
"""The company that something happens to."""
OTHERS = tuple(place for place in MAPPED if place != ONE)
SPARE = 24
"""A company without an organization, whose agreement is like that of ``ONE``."""

WRITTEN = ["intent", "confirmed"]


@pytest.fixture
def synced(msp: Msp) -> Msp:
    """March was synced: a line of 5 for each organization, in the period of April."""
    assert msp.sync().outcomes() == ["created"] * len(MAPPED)
    return msp


@pytest.fixture
def invoiced(synced: Msp) -> Msp:
    """March was synced, and the period of April is invoiced to the one company."""
    assert invoiced_seats(synced) == [5]
    return synced


def the_line(msp: Msp) -> Record:
    (line,) = msp.lines(ONE)
    return line


def invoiced_seats(msp: Msp) -> list[Decimal]:
    """Invoice the one company's next period; the quantities of our lines on that invoice."""
    (invoice,) = msp.sandbox.connectwise.invoice(agreement_id(ONE))
    return [line["quantity"] for line in invoice["lines"] if line["product_id"] == BUSINESS_PRODUCT]


def push_while_invoicing(msp: Msp) -> Pushed:
    """The whole sync of March, between whose preview and push ConnectWise invoices the one company."""
    msp.fetch()
    msp.preview()
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    return Pushed(msp.push()[0])


def give_spare_agreement(msp: Msp) -> None:
    """Let the one company have a second agreement, and map its organization to that."""
    msp.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    msp.map(ONE, agreement=agreement_id(SPARE))


def assert_held(msp: Msp, *, because: str) -> None:
    """The next sync, whatever was used, writes nothing for the one company and says that a person has to decide."""
    written = msp.written()
    pushed = msp.sync()
    assert pushed.outcomes(ONE) == ["invoice_unclear"]
    assert because in pushed.line(ONE).reason
    assert msp.written() == written


# --- invoiced while it was written ---


@pytest.mark.parametrize("seats", [8, 3], ids=["more seats", "fewer seats"])
def test_a_quantity_that_was_set_while_its_period_was_invoiced_is_unconfirmed_and_then_held(
    synced: Msp, seats: int
) -> None:
    synced.use(seats, ONE)
    pushed = push_while_invoicing(synced)
    assert pushed.outcomes(ONE) == ["unconfirmed"]
    assert "invoiced the agreement while the line was written" in pushed.line(ONE).reason
    assert not pushed.month.push.succeeded
    assert pushed.outcomes(*OTHERS) == ["unchanged"] * len(OTHERS)
    assert synced.ledger(ONE) == [*WRITTEN, *WRITTEN, "doubtful"]
    assert synced.quantities(ONE) == [seats]
    assert_held(synced, because="an uncertain quantity")


def test_seats_of_a_line_whose_period_was_invoiced_meanwhile_are_told_at_every_sync(synced: Msp) -> None:
    synced.use(8, ONE)
    push_while_invoicing(synced)
    for _ in range(2):
        line = synced.sync().line(ONE)
        assert (line.outcome, line.seats) == ("invoice_unclear", 8)


def test_a_push_that_cannot_see_whether_it_was_invoiced_meanwhile_leaves_that_to_the_next(synced: Msp) -> None:
    synced.use(8, ONE)
    synced.fetch()
    synced.preview()
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    synced.sandbox.faults.add(FaultKind.STATUS, method="GET", path="/finance/agreements$", times=None)
    with pytest.raises(ConnectWiseError):
        synced.push()
    assert synced.ledger(ONE) == [*WRITTEN, "intent"]
    synced.sandbox.faults.clear()
    assert_held(synced, because="an uncertain quantity")
    assert synced.ledger(ONE) == [*WRITTEN, *WRITTEN, "doubtful"]


def test_an_invoice_of_another_agreement_during_the_push_leaves_a_line_confirmed(synced: Msp) -> None:
    synced.use(8, *OTHERS)
    pushed = push_while_invoicing(synced)
    assert pushed.outcomes(*OTHERS) == ["updated"] * len(OTHERS)
    assert pushed.month.push.succeeded


def test_a_new_line_that_is_refused_because_its_period_was_just_invoiced_is_created_in_the_next(msp: Msp) -> None:
    pushed = push_while_invoicing(msp)
    assert pushed.outcomes(ONE) == ["rejected"]
    assert not pushed.month.push.succeeded
    assert msp.sync().outcomes(ONE) == ["created"]
    assert the_line(msp)["effectiveDate"] == "2026-05-01T00:00:00Z"
    assert invoiced_seats(msp) == [5]


def test_a_new_line_that_is_accepted_into_a_period_just_invoiced_is_unconfirmed_and_then_held(msp: Msp) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), prorateFlag=True)
    pushed = push_while_invoicing(msp)
    assert pushed.outcomes(ONE) == ["unconfirmed"]
    assert msp.ledger(ONE) == [*WRITTEN, "doubtful"]
    assert_held(msp, because="an uncertain quantity")


def test_seats_that_move_from_an_agreement_while_it_is_invoiced_are_never_green(synced: Msp) -> None:
    give_spare_agreement(synced)
    pushed = push_while_invoicing(synced)
    assert [line.outcome for line in pushed.also(ONE)] == ["unconfirmed"]
    assert not pushed.month.push.succeeded
    assert_held(synced, because="an uncertain quantity")


def test_seats_that_were_invoiced_while_they_move_to_another_agreement_are_not_put_there(synced: Msp) -> None:
    give_spare_agreement(synced)
    push_while_invoicing(synced)
    assert [line["quantity"] for line in synced.lines(ONE) if line["agreementId"] == agreement_id(SPARE)] == []


# --- gone after it was invoiced ---


@pytest.mark.parametrize("hidden", [False, True], ids=["removed", "hidden from the role"])
def test_an_invoiced_line_whose_agreement_disappears_is_held_and_not_created_elsewhere(
    invoiced: Msp, *, hidden: bool
) -> None:
    if hidden:
        invoiced.sandbox.connectwise.edit_agreement(agreement_id(ONE), type={"id": 2, "name": "Security"})
        invoiced.sandbox.connectwise.change_settings(hidden_agreement_types=(2,))
    else:
        invoiced.sandbox.connectwise.remove("agreements", agreement_id(ONE))
    give_spare_agreement(invoiced)
    assert_held(invoiced, because="no longer shown by ConnectWise")
    invoiced.use(9, ONE)
    assert_held(invoiced, because="no longer shown by ConnectWise")


def test_a_line_whose_agreement_is_shown_again_is_held_no_longer(invoiced: Msp) -> None:
    invoiced.sandbox.connectwise.edit_agreement(agreement_id(ONE), type={"id": 2, "name": "Security"})
    invoiced.sandbox.connectwise.change_settings(hidden_agreement_types=(2,))
    give_spare_agreement(invoiced)
    assert_held(invoiced, because="no longer shown by ConnectWise")
    invoiced.sandbox.connectwise.change_settings(hidden_agreement_types=())
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]


def test_an_invoiced_line_that_was_deleted_by_hand_is_held_and_not_created_again(invoiced: Msp) -> None:
    invoiced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(invoiced)["id"])
    assert_held(invoiced, because="no longer shown by ConnectWise")
    assert invoiced.quantities(ONE) == []


def test_an_open_line_that_was_deleted_by_hand_is_created_again_beside_an_invoiced_one(invoiced: Msp) -> None:
    invoiced.use(7, ONE)
    invoiced.sync()
    invoiced.sandbox.connectwise.delete_addition(agreement_id(ONE), invoiced.lines(ONE)[1]["id"])
    assert invoiced.sync().outcomes(ONE) == ["created"]
    assert invoiced.quantities(ONE) == [5, 2]
    assert invoiced_seats(invoiced) == [2]


def test_an_open_line_that_was_deleted_and_created_again_holds_nothing_once_the_new_one_is_invoiced(
    synced: Msp,
) -> None:
    for _ in range(2):
        synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
        assert synced.sync().outcomes(ONE) == ["created"]
    assert invoiced_seats(synced) == [5]
    assert synced.sync().outcomes(ONE) == ["unchanged"]
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
    assert_held(synced, because="no longer shown by ConnectWise")


def test_an_invoiced_line_that_was_deleted_is_held_although_another_was_once_made_for_its_period(synced: Msp) -> None:
    first = the_line(synced)["id"]
    synced.bill_as(Plan.BUSINESS, OTHER_PRODUCT)
    assert synced.sync().outcomes(ONE) == ["created"]
    synced.bill_as(Plan.BUSINESS, BUSINESS_PRODUCT)
    assert synced.sync().outcomes(ONE) == ["updated"]
    assert invoiced_seats(synced) == [5]
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), first)
    assert_held(synced, because="no longer shown by ConnectWise")


# --- edited by hand ---

OTHER_TEXTS = pytest.mark.parametrize(
    "text",
    ["paid by check", f"np:2026-03:b:{organization_id(ONE)}", f"NP:2026-03:E:{organization_id(ONE)}", None],
    ids=["another text", "another case", "another plan", "none"],
)


@OTHER_TEXTS
def test_an_open_line_whose_serial_number_was_edited_stays_ours(synced: Msp, text: str | None) -> None:
    line = the_line(synced)["id"]
    before = len(synced.sandbox.connectwise.additions(agreement_id(ONE)))
    synced.sandbox.connectwise.edit_addition(agreement_id(ONE), line, serialNumber=text)
    assert synced.sync().outcomes(ONE) == ["unchanged"]
    synced.use(8, ONE)
    assert synced.sync().outcomes(ONE) == ["updated"]
    additions = {one["id"]: one["quantity"] for one in synced.sandbox.connectwise.additions(agreement_id(ONE))}
    assert (additions[line], len(additions)) == (8, before)


@OTHER_TEXTS
def test_an_invoiced_line_whose_serial_number_was_edited_stays_billed(invoiced: Msp, text: str | None) -> None:
    written = invoiced.written()
    invoiced.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(invoiced)["id"], serialNumber=text)
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]
    assert invoiced.written() == written


def test_a_line_whose_serial_number_was_edited_to_another_month_s_does_not_count_for_that_month(synced: Msp) -> None:
    february = f"NP:2026-02:B:{organization_id(ONE)}"
    synced.use(5, ONE, month=FEBRUARY)
    synced.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(synced)["id"], serialNumber=february)
    assert synced.sync(FEBRUARY).outcomes(ONE) == ["created"]


@pytest.mark.parametrize(
    "change",
    [
        {"cancelledDate": "2026-05-31T00:00:00Z"},
        {"cancelledDate": "2026-04-15T00:00:00Z"},
        {"cancelledDate": None},
        {"effectiveDate": "2026-03-01T00:00:00Z"},
    ],
    ids=["longer", "shorter", "for ever", "from an earlier day"],
)
def test_an_invoiced_line_whose_dates_were_edited_is_held(invoiced: Msp, change: dict[str, Any]) -> None:
    invoiced.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(invoiced)["id"], **change)
    assert_held(invoiced, because="5 from 2026-04-01 to 2026-04-30")


def test_an_invoiced_line_that_was_moved_into_the_next_period_is_held(invoiced: Msp) -> None:
    invoiced.sandbox.connectwise.edit_addition(
        agreement_id(ONE),
        the_line(invoiced)["id"],
        effectiveDate="2026-05-01T00:00:00Z",
        cancelledDate="2026-05-31T00:00:00Z",
    )
    assert_held(invoiced, because="5 from 2026-04-01 to 2026-04-30")


# --- a line that does not end ---


def ignore_cancelled_date(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ConnectWise accept new lines and leave out their end."""
    insert = msp.sandbox.connectwise.insert

    def without_end(table: str, record: Record) -> Record:
        return insert(table, {name: value for name, value in record.items() if name != "cancelledDate"})

    monkeypatch.setattr(msp.sandbox.connectwise, "insert", without_end)


def test_a_new_line_that_connectwise_gives_no_end_is_never_confirmed(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    ignore_cancelled_date(msp, monkeypatch)
    for _ in range(2):
        pushed = msp.sync()
        assert pushed.outcomes() == ["unconfirmed"] * len(MAPPED)
        assert not pushed.month.push.succeeded
        assert "to None" in pushed.line(ONE).reason
        assert sorted(msp.quantities(ONE))[-2:] in ([5], [0, 5])
    made, zeroed = ["intent", "unconfirmed", "confirmed"], ["intent", "confirmed"]
    assert msp.ledger(ONE) == [*made, *zeroed, *made]


def test_a_line_without_an_end_is_set_to_0_before_one_that_ends_takes_its_place(
    msp: Msp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        ignore_cancelled_date(msp, patched)
        msp.sync()
    pushed = msp.sync()
    assert pushed.outcomes(ONE) == ["created"]
    assert [line.outcome for line in pushed.also(ONE)] == ["zeroed"]
    assert [(line["quantity"], line.get("cancelledDate")) for line in msp.lines(ONE)] == [
        (0, None),
        (5, "2026-04-30T00:00:00Z"),
    ]
    assert invoiced_seats(msp) == [0, 5]


def test_an_answer_without_the_line_s_end_counts_for_nothing_where_the_line_shows_it(msp: Msp) -> None:
    answer = {
        "id": 6001,
        "product": {"id": BUSINESS_PRODUCT},
        "quantity": 5,
        "billCustomer": "Billable",
        "effectiveDate": "2026-04-01T00:00:00Z",
        "serialNumber": f"NP:2026-03:B:{organization_id(ONE)}",
    }
    msp.sandbox.faults.add(
        FaultKind.STATUS,
        method="POST",
        path=additions_of(ONE),
        status=201,
        reply=json.dumps(answer),
        written=True,
    )
    assert msp.sync().outcomes(ONE) == ["created"]
    with msp.run.warehouse.transaction() as session:
        notes = [entry.note for entry in session.query(tables.LedgerEntry).filter_by(kind="confirmed") if entry.note]
    assert len(notes) == 1
    assert "to None" in notes[0]
    assert "Read back: written." in notes[0]
