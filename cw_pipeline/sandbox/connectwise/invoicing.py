"""An agreement's billing periods, and the lines of their invoices.

A line is billed in a period if it is effective on or before its last day and not cancelled before its first. Its amount
is (quantity - included) x unit price. If the agreement prorates, the amount, not the quantity, is reduced to the share
of the period's days that the line covers.
"""

import calendar
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple, NotRequired, TypedDict

from cw_pipeline.sandbox.connectwise.seed import months_after
from cw_pipeline.sandbox.wire import Record

Periods = Literal["anniversary", "calendar"]
"""Where a period begins: on the same day of the month as the one before, or on the first of the month."""

_CENT = Decimal("0.01")
_DAYS = {"Weekly": 7, "BiWeekly": 14}
_MONTHS = {"Monthly": 1, "BiMonthly": 2, "Quarterly": 3, "SemiAnnual": 6, "Yearly": 12}


class Period(NamedTuple):
    """The days, both inclusive, that one invoice covers.

    `whole_days` is the length of the whole period: the first by the calendar may begin within a month.
    """

    first: date
    last: date
    whole_days: int

    @property
    def following(self) -> date:
        """The first day of the next period."""
        return self.last + timedelta(days=1)


class InvoiceLine(TypedDict):
    """A billed addition; `share` is the part of the whole period that `amount` is for.

    A state that an older version saved has no `description`.
    """

    addition_id: int
    serial_number: str | None
    description: NotRequired[str | None]
    product_id: int
    product_identifier: str
    quantity: Decimal
    unit_price: Decimal
    share: Decimal
    amount: Decimal


class Invoice(TypedDict):
    """An agreement's invoice of one period; days as `YYYY-MM-DD`, both inclusive. Without a status it is sent."""

    number: int
    made_on: str
    status: NotRequired[str]
    agreement_id: int
    period_start: str
    period_end: str
    lines: list[InvoiceLine]


class WrittenOff(TypedDict):
    """A period that nobody will invoice; its first day as `YYYY-MM-DD`."""

    agreement_id: int
    period_start: str


def period_from(start: date, cycle: str = "Monthly", *, periods: Periods = "anniversary", day: int = 0) -> Period:
    """The period that begins at `start`; for the arguments see `next_period_start`."""
    following = next_period_start(start, cycle, periods=periods, day=day)
    whole = start if periods == "anniversary" or cycle in _DAYS else start.replace(day=1)
    return Period(start, following - timedelta(days=1), (following - whole).days)


def next_period_start(start: date, cycle: str = "Monthly", *, periods: Periods = "anniversary", day: int = 0) -> date:
    """The first day of the period after the one that begins at `start`.

    Args:
        start: The first day of a period.
        cycle: The `billingOptions` of a recurring billing cycle.
        periods: Where periods of whole months begin.
        day: The day of the month on which periods begin after a shorter month; 0: that of `start`.
    """
    if cycle in _DAYS:
        return start + timedelta(days=_DAYS[cycle])
    first = months_after(start, _MONTHS[cycle])
    if periods == "calendar":
        return first
    return first.replace(day=min(day or start.day, calendar.monthrange(first.year, first.month)[1]))


def billed_lines(
    agreement: Record, additions: list[Record], period: Period, catalog: dict[int, Record]
) -> list[InvoiceLine]:
    """What the invoice of the period bills."""
    lines: list[InvoiceLine] = []
    for addition in sorted(additions, key=lambda record: record["id"]):
        days = covered_days(addition, period.first, period.last)
        if days == 0 or addition["billCustomer"] == "DoNotBill":
            continue
        share = Decimal(days) / period.whole_days if agreement["prorateFlag"] else Decimal(1)
        quantity = billed_quantity(addition)
        price = Decimal(0) if addition["billCustomer"] == "NoCharge" else Decimal(addition["unitPrice"])
        product_id: int = addition["product"]["id"]
        lines.append(
            {
                "addition_id": addition["id"],
                "serial_number": addition.get("serialNumber"),
                "description": addition.get("invoiceDescription"),
                "product_id": product_id,
                "product_identifier": catalog[product_id]["identifier"],
                "quantity": quantity,
                "unit_price": price,
                "share": share,
                "amount": (quantity * price * share).quantize(_CENT, ROUND_HALF_UP),
            }
        )
    return lines


def billed_quantity(addition: Record) -> Decimal:
    """The quantity less what the agreement's price includes."""
    return Decimal(addition["quantity"]) - Decimal(addition.get("lessIncluded", 0))


def covered_days(addition: Record, start: date, end: date) -> int:
    """On how many days from `start` to `end`, both inclusive, the addition is active."""
    first = max(start, date.fromisoformat(addition["effectiveDate"][:10]))
    cancelled = addition.get("cancelledDate")
    last = min(end, date.fromisoformat(cancelled[:10])) if cancelled else end
    return max(0, (last - first).days + 1)
