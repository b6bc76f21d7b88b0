"""Which periods were perhaps written off, from what was seen of an agreement's invoices."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cw_pipeline.billing.facts import Written
from cw_pipeline.billing.window import Window
from cw_pipeline.billing.written_off import Recap, days_without_invoice, perhaps_written_off
from cw_pipeline_tests.billing.examples import a_line, the_facts

APRIL, MAY, JUNE = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
IN_APRIL, IN_MAY = Window(APRIL, date(2026, 4, 30)), Window(MAY, date(2026, 5, 31))


@pytest.mark.parametrize(
    ("seen", "windows"),
    [
        ([], []),
        ([(APRIL, "7")], []),
        ([(APRIL, "7"), (MAY, "8")], []),
        ([(APRIL, "7"), (APRIL, "8")], []),
        ([(APRIL, "7"), (MAY, "7")], [IN_APRIL]),
        ([(APRIL, "7"), (MAY, "7"), (JUNE, "8")], [IN_APRIL]),
        ([(APRIL, "7"), (JUNE, "7")], [Window(APRIL, IN_MAY.last)]),
        ([(APRIL, "7"), (JUNE, "7"), (MAY, "7")], [IN_APRIL]),
        ([(APRIL, "7"), (MAY, "7"), (APRIL, "7"), (MAY, "8")], []),
        ([(APRIL, "7"), (None, "7"), (MAY, "7")], [IN_APRIL]),
        ([(APRIL, None), (MAY, None)], []),
    ],
    ids=[
        "never seen", "seen once", "invoiced", "another invoice", "written off", "invoiced later", "two at once",
        "one reopened", "reopened and invoiced", "cleared in between", "no invoice was ever named",
    ],
)  # fmt: skip
def test_a_next_invoice_that_moves_on_without_an_invoice_is_noticed(
    seen: list[tuple[date | None, str | None]], windows: list[Window]
) -> None:
    assert perhaps_written_off([Recap(*recap) for recap in seen]) == windows


def test_a_line_is_perhaps_written_off_by_its_first_day_until_accepted() -> None:
    line = a_line(1, 5, effective=date(2026, 4, 15))
    facts, written_off = the_facts(line), {line.agreement_id: [IN_APRIL]}
    assert days_without_invoice(line, facts, written_off) == IN_APRIL
    for other in (
        replace(line, quantity=Decimal(0)),
        replace(line, effective_date=MAY),
        replace(line, effective_date=None),
        replace(line, agreement_id=11),
    ):
        assert days_without_invoice(other, facts, written_off) is None
    written = Written(10, line.serial_number, frozenset({line.quantity}), APRIL, None, accepted=True)
    assert days_without_invoice(line, replace(facts, ledger={1: written}), written_off) is None
