"""The one company that something happens to, and what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    MAPPED,
    Msp,
    Pushed,
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
"""A company without an organization, whose agreement is like that of `ONE`."""


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
