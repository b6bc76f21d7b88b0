"""Which period of its agreement a line is billed in.

ConnectWise does not document where an agreement's next period begins: on the same day of the next month, or on its
first; and, after a month that is too short for that day, on the short month's last day or on the longer day again. The
windows here are right under each of these readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, date
from typing import TYPE_CHECKING

from cw_pipeline.vocabulary import Month, add_months, day_before, last_day_of_month

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Agreement, Line

_FEWEST_DAYS, _MOST_DAYS = 28, 31
"""Of a month, whatever day it begins on."""


@dataclass(frozen=True)
class Window:
    """The days on which a line is billed, both included: its `effectiveDate` and `cancelledDate`."""

    first: date
    last: date


def new_line_window(agreement: Agreement, month: Month) -> Window:
    """The days that a new line for usage of `month` covers.

    An agreement's periods begin at its `nextInvoiceDate` (if absent its `billStartDate`, if absent the first day of
    the usage month). The line begins with the first of them that begins on or after both the first day of the usage
    month and `billStartDate`: ConnectWise has not invoiced it yet and has no reason to refuse it.

    On an agreement that does not prorate, the line ends with the calendar month, before the earliest day on which the
    next period may begin: it lies in one period, which bills it in full. On one that prorates it covers a whole month,
    whose shares on one or two invoices come to about one.
    """
    anchor = agreement.next_invoice_date or agreement.bill_start_date or month.first_day
    not_before = max(month.first_day, agreement.bill_start_date or month.first_day)
    periods = max(0, (not_before.year - anchor.year) * 12 + not_before.month - anchor.month)
    if add_months(anchor, periods) < not_before:
        periods += 1
    first = add_months(anchor, periods)
    if periods > 0 and anchor == last_day_of_month(anchor):
        first = last_day_of_month(first)
    if agreement.terms.prorates:
        return Window(first, day_before(add_months(first, 1)))
    return Window(first, last_day_of_month(first))


def is_billed_once(line: Line, agreement: Agreement) -> bool:
    """Whether future invoices bill an open line once and in full, given its dates and its agreement's now.

    They do not after a person cleared or stretched its dates, postponed it for good (to the year 9999, the calendar's
    last), or moved the agreement's billing day into it.
    """
    first, last = line.effective_date, line.cancelled_date
    if first is None or last is None or last < first or first.year == MAXYEAR:
        return False
    if agreement.terms.prorates:
        return _FEWEST_DAYS <= (last - first).days + 1 <= _MOST_DAYS
    if Month.of(first) != Month.of(last):
        return False
    return not any(first.day < day <= last.day for day in _first_days(agreement, Month.of(first)))


def _first_days(agreement: Agreement, month: Month) -> set[int]:
    """The days of `month` on which a period of the agreement may begin, besides the first."""
    anchor = agreement.next_invoice_date or agreement.bill_start_date or month.first_day
    lengths = [last_day_of_month(each.first_day).day for each in Month.of(anchor).until(month)] or [_MOST_DAYS]
    days = {min(anchor.day, lengths[-1]), min(anchor.day, *lengths)}
    return days | {lengths[-1]} if anchor == last_day_of_month(anchor) else days
