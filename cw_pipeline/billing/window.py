"""Which period of its agreement a line is billed in, and whether that period has been invoiced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cw_pipeline.billing.months import add_months, day_before

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Agreement, Line
    from cw_pipeline.billing.months import Month


@dataclass(frozen=True)
class Window:
    """A billing period, both days included: a line's ``effectiveDate`` and ``cancelledDate``."""

    first: date
    last: date


def new_line_window(agreement: Agreement, month: Month) -> Window:
    """The period that a new line for usage of ``month`` covers.

    An agreement's periods begin at its ``nextInvoiceDate`` (if absent its ``billStartDate``, if absent the first day of
    the usage month) and every month after that. The line covers the first of them that begins on or after both the
    first day of the usage month and ``billStartDate``: ConnectWise has not invoiced it yet, bills the line there once
    and in full, and has no reason to refuse it. A period that begins on the 29th to 31st begins on the last day of a
    month that is shorter.
    """
    anchor = agreement.next_invoice_date or agreement.bill_start_date or month.first_day
    not_before = max(month.first_day, agreement.bill_start_date or month.first_day)
    period = max(0, (not_before.year - anchor.year) * 12 + not_before.month - anchor.month)
    if add_months(anchor, period) < not_before:
        period += 1
    return Window(add_months(anchor, period), day_before(add_months(anchor, period + 1)))


def is_invoiced(line: Line, agreement: Agreement, month: Month) -> bool:
    """Whether ConnectWise has invoiced the period that ``line`` lies in.

    A line without an ``effectiveDate`` (a person may have cleared it) is taken to begin with its usage month.
    """
    effective = line.effective_date or month.first_day
    return agreement.next_invoice_date is not None and agreement.next_invoice_date > effective
