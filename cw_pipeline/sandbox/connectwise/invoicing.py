"""What an agreement's invoice of one period says.

A line takes part in the period from P0 to P1, both inclusive, when it is effective on or before P1 and not cancelled
before P0. Its amount is (quantity - included) x unit price, in full, unless the agreement prorates and the line covers
only part of the period: then the amount, not the quantity, is cut to the covered days' share.
"""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TypedDict

from cw_pipeline.sandbox.wire import Record

_CENT = Decimal("0.01")


class InvoiceLine(TypedDict):
    """One billed addition."""

    addition_id: int
    serial_number: str | None
    product_id: int
    product_identifier: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal


class Invoice(TypedDict):
    """One agreement's invoice of one period; days as `YYYY-MM-DD`, both inclusive."""

    number: int
    made_on: str
    agreement_id: int
    period_start: str
    period_end: str
    lines: list[InvoiceLine]


def next_period_start(start: date) -> date:
    """The same day of the next month, or that month's last day."""
    first = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(start.day, last.day))


def billed_lines(
    agreement: Record, additions: list[Record], start: date, end: date, catalog: dict[int, Record]
) -> list[InvoiceLine]:
    """What the invoice of the period from `start` to `end`, both inclusive, bills."""
    lines: list[InvoiceLine] = []
    for addition in sorted(additions, key=lambda record: record["id"]):
        days = covered_days(addition, start, end)
        if days == 0 or addition["billCustomer"] == "DoNotBill":
            continue
        share = Decimal(days) / ((end - start).days + 1) if agreement["prorateFlag"] else Decimal(1)
        quantity = billed_quantity(addition)
        price = Decimal(0) if addition["billCustomer"] == "NoCharge" else Decimal(addition["unitPrice"])
        product_id: int = addition["product"]["id"]
        lines.append(
            {
                "addition_id": addition["id"],
                "serial_number": addition.get("serialNumber"),
                "product_id": product_id,
                "product_identifier": catalog[product_id]["identifier"],
                "quantity": quantity,
                "unit_price": price,
                "amount": (quantity * price * share).quantize(_CENT, ROUND_HALF_UP),
            }
        )
    return lines


def billed_quantity(addition: Record) -> Decimal:
    """The quantity less the part that is included in the agreement's price."""
    return Decimal(addition["quantity"]) - Decimal(addition.get("lessIncluded", 0))


def covered_days(addition: Record, start: date, end: date) -> int:
    """On how many days from `start` to `end`, both inclusive, the addition is active."""
    first = max(start, date.fromisoformat(addition["effectiveDate"][:10]))
    cancelled = addition.get("cancelledDate")
    last = min(end, date.fromisoformat(cancelled[:10])) if cancelled else end
    return max(0, (last - first).days + 1)
