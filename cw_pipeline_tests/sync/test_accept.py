"""Accepting lines resolves `invoice_unclear`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox.connectwise.company_names import COMPANY_NAMES
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible, UnknownChoice
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, Pushed, agreement_id

if TYPE_CHECKING:
    from cw_pipeline_tests.support.fake_msp import Msp

ONE = MAPPED[0]


@pytest.fixture
def edited(msp: Msp) -> Msp:
    """A line of 5 was invoiced, and then a person set it to 3."""
    msp.sync()
    msp.sandbox.connectwise.invoice(agreement_id(ONE), until=date(2026, 4, 1))
    (line,) = [
        addition for addition in msp.sandbox.connectwise.additions(agreement_id(ONE)) if addition.get("serialNumber")
    ]
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), line["id"], quantity=3)
    assert msp.sync().outcomes(ONE) == ["invoice_unclear"]
    return msp


def test_an_accepted_quantity_counts_as_billed_and_the_difference_is_billed_next(edited: Msp) -> None:
    (accepted,) = accept_lines(edited.run, MARCH, organization_id(ONE))
    assert (accepted.counts, accepted.before) == (3, {5})
    assert edited.sync().outcomes(ONE) == ["created"]
    assert sorted(edited.quantities(ONE)) == [2, 3]


def test_a_missing_line_billed_nothing_once_that_is_accepted(edited: Msp) -> None:
    (line,) = [
        addition for addition in edited.sandbox.connectwise.additions(agreement_id(ONE)) if addition.get("serialNumber")
    ]
    edited.sandbox.connectwise.delete_addition(agreement_id(ONE), line["id"])
    assert edited.sync().outcomes(ONE) == ["invoice_unclear"]
    accept_lines(edited.run, MARCH, COMPANY_NAMES[ONE])
    assert edited.sync().outcomes(ONE) == ["created"]
    assert edited.quantities(ONE) == [5]


def test_nothing_is_recorded_where_every_line_is_as_it_was_written(edited: Msp) -> None:
    with pytest.raises(NotPossible, match="as it was written"):
        accept_lines(edited.run, MARCH, organization_id(MAPPED[1]))
    with pytest.raises(UnknownChoice):
        accept_lines(edited.run, MARCH, "nobody")
    assert edited.sync().outcomes(ONE) == ["invoice_unclear"]


@pytest.mark.parametrize("with_open_line", [True, False])
def test_a_quantity_with_too_many_digits_is_rejected_alone(msp: Msp, *, with_open_line: bool) -> None:
    msp.sync(FEBRUARY, MARCH)
    msp.sandbox.connectwise.invoice(agreement_id(ONE), until=date(2026, 4, 1))
    (odd,) = msp.lines(ONE)
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), odd["id"], quantity=Decimal("0.33"))
    msp.sync()
    accept_lines(msp.run, MARCH, organization_id(ONE))
    if with_open_line:
        assert msp.sync().outcomes(ONE) == ["created"]
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), odd["id"], quantity=Decimal("0.3333333333333333"))
    msp.sync()
    accept_lines(msp.run, MARCH, organization_id(ONE))
    before = msp.ledger(ONE)

    msp.use(800, month=FEBRUARY)
    msp.use(9)
    msp.fetch(FEBRUARY, MARCH)
    msp.preview(FEBRUARY, MARCH)
    february, march = map(Pushed, msp.push(FEBRUARY, MARCH))
    assert set(february.outcomes()) <= {"updated", "created"}
    assert march.outcomes() == ["rejected", "updated", "updated"]
    reason = march.line(ONE).reason
    assert f"line {odd['id']} on agreement {agreement_id(ONE)}" in reason
    assert f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}`" in reason
    assert msp.ledger(ONE)[len(before) :] == ["intent", "confirmed"]  # February's

    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), odd["id"], quantity=Decimal("0.33"))
    msp.sync()
    accept_lines(msp.run, MARCH, organization_id(ONE))
    assert msp.sync().outcomes(ONE) == ["updated" if with_open_line else "created"]
    assert sum(msp.quantities(ONE)) == 9
