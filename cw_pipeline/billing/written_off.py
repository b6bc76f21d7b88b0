"""Periods that were perhaps written off: an agreement's next invoice moved on, and its last invoice stayed the same.

A line in such a period looks invoiced, but may never have been billed. A person who set the date forward leaves the
same traces, so it is only reported.
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
    """What ConnectWise's invoice recap showed of an agreement at some moment."""

    next_invoice_date: date | None
    last_invoice_number: str | None


def perhaps_written_off(recaps: Sequence[Recap]) -> list[Window]:
    """The days that no invoice seems to have, from the recaps of one agreement, oldest first.

    Where no recap names an invoice, there are none. Days to which the next invoice was moved back are yet to be
    invoiced.
    """
    dated = [(one.next_invoice_date, one.last_invoice_number) for one in recaps if one.next_invoice_date is not None]
    windows: list[Window] = []
    for (first, number), (following, number_then) in pairwise(dated):
        if following < first:
            before = day_before(following)
            windows = [Window(one.first, min(one.last, before)) for one in windows if one.first < following]
        elif following > first and number is not None and number == number_then:
            windows.append(Window(first, day_before(following)))
    return windows


def days_without_invoice(line: Line, facts: Facts, written_off: Mapping[int, Sequence[Window]]) -> Window | None:
    """The period of a line with seats that was perhaps `written_off` (by agreement), and that no person accepted."""
    first = line.effective_date
    if first is None or line.quantity == 0 or is_accepted(line, facts):
        return None
    windows = written_off.get(line.agreement_id, ())
    return next((window for window in windows if window.first <= first <= window.last), None)
