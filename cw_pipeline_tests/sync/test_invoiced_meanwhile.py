"""Invoices that ConnectWise makes during a push: what was invoiced is not written again unnoticed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    MAPPED,
    Msp,
    additions_of,
    agreement_id,
)
from cw_pipeline_tests.sync.one_company import (
    ONE,
    OTHERS,
    SPARE,
    assert_held,
    give_spare_agreement,
    invoiced_seats,
    push_while_invoicing,
    the_line,
)

if TYPE_CHECKING:
    from cw_pipeline.sandbox.wire import Record


WRITTEN = ["intent", "confirmed"]


@pytest.mark.parametrize("seats", [8, 3], ids=["more seats", "fewer seats"])
def test_a_quantity_set_while_its_period_is_invoiced_is_unconfirmed_then_held(synced: Msp, seats: int) -> None:
    synced.use(seats, ONE)
    pushed = push_while_invoicing(synced)
    assert pushed.outcomes(ONE) == ["unconfirmed"]
    assert "invoiced the agreement while the line was written" in pushed.line(ONE).reason
    assert not pushed.month.succeeded
    assert pushed.outcomes(*OTHERS) == ["unchanged"] * len(OTHERS)
    assert synced.ledger(ONE) == [*WRITTEN, *WRITTEN, "doubtful"]
    assert synced.quantities(ONE) == [seats]
    assert_held(synced, because="an uncertain quantity")


def test_a_line_invoiced_while_it_was_written_is_held_at_every_sync(synced: Msp) -> None:
    synced.use(8, ONE)
    push_while_invoicing(synced)
    for _ in range(2):
        line = synced.sync().line(ONE)
        assert (line.outcome, line.seats) == ("invoice_unclear", 8)


def test_a_push_that_cannot_see_the_invoice_leaves_that_to_the_next(synced: Msp) -> None:
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
    assert pushed.month.succeeded


def test_a_new_line_refused_for_an_invoiced_period_goes_into_the_next(msp: Msp) -> None:
    pushed = push_while_invoicing(msp)
    assert pushed.outcomes(ONE) == ["rejected"]
    assert not pushed.month.succeeded
    assert msp.sync().outcomes(ONE) == ["created"]
    assert the_line(msp)["effectiveDate"] == "2026-05-01T00:00:00Z"
    assert invoiced_seats(msp) == [5]


def test_a_new_line_in_a_period_just_invoiced_is_unconfirmed_then_held(msp: Msp) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), prorateFlag=True)
    pushed = push_while_invoicing(msp)
    assert pushed.outcomes(ONE) == ["unconfirmed"]
    assert msp.ledger(ONE) == [*WRITTEN, "doubtful"]
    assert_held(msp, because="an uncertain quantity")


def test_seats_moved_from_an_agreement_while_it_is_invoiced_fail_the_month(synced: Msp) -> None:
    give_spare_agreement(synced)
    pushed = push_while_invoicing(synced)
    assert [line.outcome for line in pushed.also(ONE)] == ["unconfirmed"]
    assert not pushed.month.succeeded
    assert_held(synced, because="an uncertain quantity")


def test_seats_invoiced_while_they_move_are_not_added_elsewhere(synced: Msp) -> None:
    give_spare_agreement(synced)
    push_while_invoicing(synced)
    assert [line["quantity"] for line in synced.lines(ONE) if line["agreementId"] == agreement_id(SPARE)] == []


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
        assert not pushed.month.succeeded
        assert "to None" in pushed.line(ONE).reason
        assert sorted(msp.quantities(ONE))[-2:] in ([5], [0, 5])
    made, zeroed = ["intent", "unconfirmed", "confirmed"], ["intent", "confirmed"]
    assert msp.ledger(ONE) == [*made, *zeroed, *made]


def test_a_line_without_an_end_is_set_to_0_before_its_replacement(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_answer_without_the_line_s_end_is_checked_against_the_line(msp: Msp) -> None:
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
