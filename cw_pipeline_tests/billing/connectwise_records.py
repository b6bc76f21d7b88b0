"""The records of the model of ConnectWise: additions, invoices, and where billing periods begin."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

ONE_DAY = timedelta(days=1)


@dataclass
class Addition:
    """A line, as ConnectWise has it; both dates are days on which it is billed."""

    id: int
    agreement_id: int
    product_id: int
    serial_number: str
    quantity: Decimal
    effective: date
    cancelled: date
    copy_of: int | None = None


@dataclass(frozen=True)
class Invoice:
    """What one agreement was billed for one period, by addition id; later changes do not alter it."""

    agreement_id: int
    first: date
    last: date
    quantities: dict[int, Decimal]


@dataclass(frozen=True)
class Periods:
    """One way to read where the next period begins: on the same day of the next month, or on the first of it.

    From a month's last day, `billing_day` None goes on as from any other day; a number is the day to return to, for
    which that month was too short.
    """

    billing_day: int | None = None
    calendar: bool = False

    def after(self, first: date) -> date:
        """The first day of the period that follows the one which begins on `first`."""
        year, month = (first.year, first.month + 1) if first.month < 12 else (first.year + 1, 1)
        if self.calendar:
            return date(year, month, 1)
        is_last = first.day == calendar.monthrange(first.year, first.month)[1]
        day = self.billing_day if self.billing_day is not None and is_last else first.day
        return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def days_from(first: date, last: date) -> list[date]:
    return [first + timedelta(days) for days in range((last - first).days + 1)]
