"""One company that is billed since January, whose agreement is renewed: what people do, and what comes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, Msp, agreement_id, set_up

if TYPE_CHECKING:
    from cw_pipeline_tests.support.fake_msp import Msp

ONE = MAPPED[0]
OLD = agreement_id(ONE)
RENEWED = agreement_id(24)
"""An agreement like the old one, which is given to the one company."""
JANUARY = Month(2026, 1)
MONTHS = (JANUARY, FEBRUARY, MARCH)


def lose_the_warehouse(msp: Msp) -> None:
    """A new warehouse, in which the companies are mapped as they were."""
    with msp.run.warehouse.transaction() as session:
        for table in reversed(tables.Base.metadata.sorted_tables):
            session.execute(table.delete())
    set_up(msp.run.warehouse, bill_from=JANUARY)
    msp.previews.clear()


def renew(msp: Msp) -> None:
    """The one company's agreement ends, and another one takes its place."""
    msp.sandbox.connectwise.edit_agreement(OLD, noEndingDateFlag=False, endDate="2026-03-31T00:00:00Z")
    msp.map(ONE, agreement=RENEWED, bill_from=JANUARY)


def clear_next_invoice(msp: Msp) -> None:
    msp.sandbox.connectwise.edit_agreement(OLD, nextInvoiceDate=None)


def billed(msp: Msp) -> list[Decimal]:
    """What the invoices have of the one company's months, January first."""
    lines = {line["id"]: month for month in MONTHS for line in msp.lines(ONE, month)}
    seats = dict.fromkeys(MONTHS, Decimal(0))
    for invoice in msp.sandbox.connectwise.invoices():
        for line in invoice["lines"]:
            if line["addition_id"] in lines:
                seats[lines[line["addition_id"]]] += line["quantity"]
    return list(seats.values())


def assert_nothing_is_written(msp: Msp, *months: Month, outcome: str = "unchanged") -> None:
    """A sync of the months gives the one company's last month this outcome, and writes nothing for it."""
    lines = [msp.quantities(ONE, month) for month in MONTHS]
    pushed = msp.sync(*(months or MONTHS))
    assert {pushed.line(ONE).outcome, *(line.outcome for line in pushed.also(ONE))} == {outcome}
    assert [msp.quantities(ONE, month) for month in MONTHS] == lines
