"""Why seats are held because people bill the same product by hand, and what to do about that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import can_be_ended
from cw_pipeline.vocabulary import day_before
from cw_pipeline.wording.commands import SYNC_AGAIN, by_hand_command
from cw_pipeline.wording.hold_reasons import leave_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from cw_pipeline.billing.facts import Facts, Line
    from cw_pipeline.billing.reasons import BilledByHand

_MOST_NAMED = 3


def held(reason: BilledByHand, facts: Facts) -> str:
    """Why seats are held that would be billed twice, and what to do about each line that is kept by hand."""
    mapping = facts.mappings[reason.identity.organization_id]
    agreement = facts.agreements[mapping.agreement_id]
    lines, window = reason.lines, reason.window
    it, bills, it_bills = ("it", "bills", "it bills") if len(lines) == 1 else ("them", "bill", "they bill")
    end = ""
    if all(can_be_ended(line, day_before(window.first)) for line in lines):
        end = f"End {it} the day before with {by_hand_command('end', lines)}. "
    return (
        f"{_named(lines)} on agreement {agreement.id} ({agreement.name}), kept by hand, {bills} the same product, so "
        f"that {window.first} to {window.last} would be billed twice. {end}If {it_bills} something else, leave {it} "
        f"with {by_hand_command('leave', lines)}; or end {it}, or set {it} to 0, in ConnectWise. "
        f"{leave_out(reason.identity.month, mapping)} {SYNC_AGAIN}"
    )


def _named(lines: Sequence[Line]) -> str:
    """The first lines with their quantities and days, and how many more there are."""
    named = ", ".join(
        f"Line {line.addition_id} ({line.quantity}, {days(line.effective_date, line.cancelled_date)})"
        for line in lines[:_MOST_NAMED]
    )
    return f"{named} and {len(lines) - _MOST_NAMED} more" if len(lines) > _MOST_NAMED else named


def days(first: date | None, last: date | None) -> str:
    """From when until when a line bills."""
    return f"{first or 'no first day'} to {last or 'no last day'}"
