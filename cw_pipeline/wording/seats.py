"""Where the seats of a month go, and what seats are worth, in words."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import tally
from cw_pipeline.wording.outcomes import in_a_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cw_pipeline.billing.preview import PreviewLine, PushedPart


def amounts(money: Mapping[str, Decimal]) -> str:
    """Amounts by currency code, as in `12.50 USD and 3.00 EUR`; `unknown` if there are none."""
    return " and ".join(f"{amount:,.2f} {currency}".rstrip() for currency, amount in money.items()) or "unknown"


def where_seats_go(lines: Iterable[PreviewLine], *, pushed: bool) -> str:
    """How many seats of a month's usage are billed (or to be billed), not billed, held and failed, and why."""
    rows = [line for line in lines if not line.also]
    seats = {outcome: one.seats for outcome, one in tally(rows).items() if one.seats}
    right = sum((number for outcome, number in seats.items() if outcome in RIGHT), Decimal(0))
    to_nobody = sum((line.seats for line in rows if line.bills_nobody), Decimal(0))
    billed = "billed" if pushed else "to be billed"
    parts = [f"{right - to_nobody:,} {billed}"]
    if to_nobody:
        parts.append(f"{to_nobody:,} {billed} to nobody (trial month)")
    for name, members in (("not billed", NOT_BILLED), ("held", HELD), ("failed", FAILED)):
        if found := sorted(seats.keys() & members, key=lambda outcome: (-seats[outcome], outcome)):
            why = ", ".join(f"{in_a_sentence(outcome)}: {seats[outcome]:,}" for outcome in found)
            parts.append(f"{sum(seats[outcome] for outcome in found):,} {name} ({why})")
    return f"{sum(seats.values(), Decimal(0)):,} seats used: {', '.join(parts)}."


def how_much(part: PushedPart) -> str:
    """How much of a month is pushed, as in `3 of 300 organizations, 40 of 1,853 seats`."""
    return (
        f"{part.organizations:,} of {part.of_organizations:,} organizations, {part.seats:,} of {part.of_seats:,} seats"
    )
