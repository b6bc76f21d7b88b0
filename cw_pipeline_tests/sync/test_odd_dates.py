"""Dates at the end of the calendar, with which people say never: the other organizations and months are written."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, Pushed, agreement_id

if TYPE_CHECKING:
    from cw_pipeline_tests.support.fake_msp import Msp

ONE, *OTHERS = MAPPED
NEVER = "9999-12-31T00:00:00Z"


@pytest.mark.parametrize("field", ["billStartDate", "nextInvoiceDate"])
def test_an_agreement_that_is_never_billed_is_held_alone(msp: Msp, field: str) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), **{field: NEVER})
    pushed = msp.sync()
    assert pushed.outcomes(ONE) == ["agreement_inactive"]
    assert pushed.outcomes(*OTHERS) == ["created"] * len(OTHERS)
    assert msp.quantities(ONE) == []


def test_billing_put_off_for_good_still_counts_what_was_invoiced(msp: Msp) -> None:
    msp.sync(FEBRUARY, MARCH)
    msp.sandbox.connectwise.invoice(agreement_id(ONE), until=date(2026, 5, 1))
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), billStartDate=NEVER)
    msp.use(3, ONE)
    msp.fetch(MARCH)
    assert msp.sync().outcomes(ONE) == ["credit_due"]


@pytest.mark.parametrize("field", ["effectiveDate", "cancelledDate"])
def test_a_line_that_is_put_off_for_good_is_replaced_alone(msp: Msp, field: str) -> None:
    msp.sync()
    (line,) = msp.lines(ONE)
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), line["id"], **{"cancelledDate": NEVER, field: NEVER})
    msp.use(8, month=FEBRUARY)
    msp.use(8)
    msp.fetch(FEBRUARY, MARCH)
    msp.preview(FEBRUARY, MARCH)
    february, march = map(Pushed, msp.push(FEBRUARY, MARCH))
    assert february.outcomes() == ["created"] * len(MAPPED)
    assert march.outcomes() == ["created", *["updated"] * len(OTHERS)]
    assert msp.quantities(ONE) == [0, 8]
