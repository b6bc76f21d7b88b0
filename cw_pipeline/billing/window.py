"""Which period of its agreement a line is billed in, and whether that period has been invoiced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, date
from typing import TYPE_CHECKING

from cw_pipeline.billing.months import add_months, day_before, last_day_of_month

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Agreement, Facts, Line
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
    and in full, and has no reason to refuse it.

    On which day later periods begin after a month that is too short for it is not documented: they may keep the earlier
    day or return to the later one. Such a line begins and ends so that it lies in one period either way.
    """
    anchor = agreement.next_invoice_date or agreement.bill_start_date or month.first_day
    not_before = max(month.first_day, agreement.bill_start_date or month.first_day)
    periods = max(0, (not_before.year - anchor.year) * 12 + not_before.month - anchor.month)
    if add_months(anchor, periods) < not_before:
        periods += 1
    first = add_months(anchor, periods)
    if periods > 0 and anchor == last_day_of_month(anchor):
        first = last_day_of_month(first)
    next_period = anchor
    for _ in range(periods + 1):
        next_period = add_months(next_period, 1)
    return Window(first, day_before(next_period))


def lies_in_one_period(line: Line, agreement: Agreement) -> bool:
    """Whether an open line would be billed by exactly one invoice, as its dates and its agreement's are now.

    It is not after a person cleared or stretched its dates, put it off for good (the calendar ends with the year 9999),
    or moved the agreement's billing day across it.
    """
    if line.effective_date is None or line.cancelled_date is None or line.cancelled_date < line.effective_date:
        return False
    if line.effective_date.year == MAXYEAR:
        return False
    effective = line.effective_date
    anchor = agreement.next_invoice_date or agreement.bill_start_date or effective.replace(day=1)
    periods = (effective.year - anchor.year) * 12 + effective.month - anchor.month
    if add_months(anchor, periods) > effective:
        periods -= 1
    return line.cancelled_date < add_months(anchor, periods + 1)


def is_invoiced(line: Line, facts: Facts, month: Month) -> bool:
    """Whether ConnectWise has invoiced the period that ``line`` lies in, or lay in when we wrote it.

    A line without an ``effectiveDate`` (a person may have cleared it) is taken to begin with its usage month.
    """
    agreement = facts.agreements[line.agreement_id]
    written = facts.ledger.get(line.addition_id)
    return is_past(line.effective_date or month.first_day, agreement) or (
        written is not None and is_past(written.effective_date, agreement)
    )


def is_past(day: date, agreement: Agreement) -> bool:
    """Whether ``day`` lies in a period that ConnectWise has invoiced."""
    return agreement.next_invoice_date is not None and agreement.next_invoice_date > day


def may_be_past(day: date, agreement: Agreement | None) -> bool:
    """Whether ``day`` may lie in an invoiced period: nobody can tell where the agreement is gone or never invoiced."""
    return agreement is None or agreement.never_invoiced or is_past(day, agreement)
