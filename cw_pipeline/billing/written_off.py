"""Periods that were perhaps written off: an agreement's next invoice moved on while its last invoice stayed the same.

A line in such a period looks invoiced but may never have been billed. A person who sets the date forward leaves the
same trace, so this is only reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from cw_pipeline.billing.invoiced import is_accepted
from cw_pipeline.billing.window import Window
from cw_pipeline.vocabulary import day_before

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cw_pipeline.billing.facts import Facts, Line


@dataclass(frozen=True)
class Recap:
    """What ConnectWise's invoice recap showed for an agreement at some moment."""

    next_invoice_date: date | None
    last_invoice_number: str | None


def perhaps_written_off(recaps: Sequence[Recap]) -> list[Window]:
    """The days that no invoice seems to bill, from the recaps of one agreement, oldest first.

    There are none if no recap names an invoice. Days that the next invoice was moved back to are yet to be invoiced.
    """
    dated = [
        (recap.next_invoice_date, recap.last_invoice_number) for recap in recaps if recap.next_invoice_date is not None
    ]
    windows: list[Window] = []
    for (next_invoice, last_number), (later, later_number) in pairwise(dated):
        end = day_before(later)
        if later < next_invoice:
            windows = [Window(window.first, min(window.last, end)) for window in windows if window.first < later]
        elif later > next_invoice and last_number is not None and last_number == later_number:
            windows.append(Window(next_invoice, end))
    return windows


def days_without_invoice(line: Line, facts: Facts, written_off: Mapping[int, Sequence[Window]]) -> Window | None:
    """The period in which a line with seats was perhaps `written_off` (by agreement), unless a person accepted it."""
    first = line.effective_date
    if first is None or line.quantity == 0 or is_accepted(line, facts):
        return None
    windows = written_off.get(line.agreement_id, ())
    return next((window for window in windows if window.first <= first <= window.last), None)
