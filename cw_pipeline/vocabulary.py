"""Words that every package uses: billing months, with all month arithmetic, plans, license types, states."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KEY = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month in UTC, written `2026-03`; the billing month and the partition key."""

    year: int
    number: int

    @classmethod
    def parse(cls, key: str) -> Month:
        """The month written as `YYYY-MM`.

        Raises:
            ValueError: If `key` is not of that form.
        """
        match = _KEY.fullmatch(key)
        if match is None or match[1] == "0000":
            raise ValueError(f"{key!r} is not a month. Write it as YYYY-MM, for example 2026-03.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """The month of `day`; a datetime counts in UTC."""
        if isinstance(day, datetime):
            day = day.astimezone(UTC)
        return cls(day.year, day.month)

    @classmethod
    def last_closed(cls, now: datetime) -> Month:
        """The last month that had ended at `now`."""
        return cls.of(now).plus(-1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def plus(self, months: int) -> Month:
        """The month that is `months` after this one."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)

    @property
    def first_day(self) -> date:
        """The month's first day."""
        return date(self.year, self.number, 1)

    @property
    def closes_at(self) -> datetime:
        """The instant at which the month is over and the next one begins."""
        return datetime.combine(self.plus(1).first_day, time(), UTC)

    @property
    def name(self) -> str:
        """The month as on an invoice: `March 2026`."""
        return f"{calendar.month_name[self.number]} {self.year}"

    def until(self, last: Month) -> Iterator[Month]:
        """Every month from this one to `last`, inclusive."""
        month = self
        while month <= last:
            yield month
            month = month.plus(1)


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or that month's last day if it is shorter."""
    last = last_day_of_month(Month.of(day).plus(months).first_day)
    return last.replace(day=min(day.day, last.day))


def last_day_of_month(day: date) -> date:
    """The last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def day_before(day: date) -> date:
    """The day before `day`."""
    return day - timedelta(days=1)


def plain(number: Decimal) -> Decimal:
    """`number` without trailing zeros: 5 for 5.0, 2.5 for 2.50."""
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def counted(number: Decimal | int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 line`, `2 lines`; without `plural`, an s is added."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


class Plan(StrEnum):
    """A NordPass plan."""

    BUSINESS = "Business"
    ENTERPRISE = "Enterprise"


class LicenseType(StrEnum):
    """A NordPass organization's license: paid, a 14-day trial, or not for resale (the MSP's own team)."""

    STANDARD = "Standard"
    TRIAL = "Trial"
    NFR = "NFR"


class State(StrEnum):
    """How far the set-up has come; a sync needs `ACTIVE`."""

    NOT_CONNECTED = "not_connected"
    CONNECTED = "connected"
    ACTIVE = "active"
    DISCONNECTED = "disconnected"


def at_most(texts: Sequence[str], most: int) -> list[str]:
    """The first `most` texts; if there are others, the last element says how many."""
    return [*texts[:most], *([f"and {len(texts) - most} more"] if len(texts) > most else [])]
