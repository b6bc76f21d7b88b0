"""Lines that people deleted or edited in ConnectWise: what was invoiced is never billed again."""

from __future__ import annotations

from typing import Any

import pytest

from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    FEBRUARY,
    OTHER_PRODUCT,
    Msp,
    agreement_id,
)
from cw_pipeline_tests.sync.one_company import ONE, assert_held, give_spare_agreement, invoiced_seats, the_line


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
    assert_held(invoiced, because="ConnectWise no longer shows it")
    invoiced.use(9, ONE)
    assert_held(invoiced, because="ConnectWise no longer shows it")


def test_a_line_whose_agreement_is_shown_again_is_held_no_longer(invoiced: Msp) -> None:
    invoiced.sandbox.connectwise.edit_agreement(agreement_id(ONE), type={"id": 2, "name": "Security"})
    invoiced.sandbox.connectwise.change_settings(hidden_agreement_types=(2,))
    give_spare_agreement(invoiced)
    assert_held(invoiced, because="ConnectWise no longer shows it")
    invoiced.sandbox.connectwise.change_settings(hidden_agreement_types=())
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]


def test_a_deleted_invoiced_line_is_held_and_not_created_again(invoiced: Msp) -> None:
    invoiced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(invoiced)["id"])
    assert_held(invoiced, because="ConnectWise no longer shows it")
    assert invoiced.quantities(ONE) == []


def test_a_deleted_open_line_is_created_again_beside_an_invoiced_one(invoiced: Msp) -> None:
    invoiced.use(7, ONE)
    invoiced.sync()
    invoiced.sandbox.connectwise.delete_addition(agreement_id(ONE), invoiced.lines(ONE)[1]["id"])
    assert invoiced.sync().outcomes(ONE) == ["created"]
    assert invoiced.quantities(ONE) == [5, 2]
    assert invoiced_seats(invoiced) == [2]


def test_a_replaced_open_line_holds_nothing_after_its_successor_is_invoiced(
    synced: Msp,
) -> None:
    for _ in range(2):
        synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
        assert synced.sync().outcomes(ONE) == ["created"]
    assert invoiced_seats(synced) == [5]
    assert synced.sync().outcomes(ONE) == ["unchanged"]
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
    assert_held(synced, because="ConnectWise no longer shows it")


def test_a_deleted_invoiced_line_is_held_even_if_it_replaced_another(synced: Msp) -> None:
    first = the_line(synced)["id"]
    synced.bill_as(Plan.BUSINESS, OTHER_PRODUCT)
    assert synced.sync().outcomes(ONE) == ["created"]
    synced.bill_as(Plan.BUSINESS, BUSINESS_PRODUCT)
    assert synced.sync().outcomes(ONE) == ["updated"]
    assert invoiced_seats(synced) == [5]
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), first)
    assert_held(synced, because="ConnectWise no longer shows it")


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
    additions = {
        addition["id"]: addition["quantity"] for addition in synced.sandbox.connectwise.additions(agreement_id(ONE))
    }
    assert (additions[line], len(additions)) == (8, before)


@OTHER_TEXTS
def test_an_invoiced_line_whose_serial_number_was_edited_stays_billed(invoiced: Msp, text: str | None) -> None:
    written = invoiced.written()
    invoiced.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(invoiced)["id"], serialNumber=text)
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]
    assert invoiced.written() == written


def test_an_edited_serial_number_does_not_move_a_line_to_another_month(synced: Msp) -> None:
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
