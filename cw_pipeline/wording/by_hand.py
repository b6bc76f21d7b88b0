"""What people are told of a line that they keep by hand and that bills the same as one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import can_be_ended
from cw_pipeline.vocabulary import day_before
from cw_pipeline.wording.commands import SYNC_AGAIN, by_hand_command
from cw_pipeline.wording.hold_reasons import leave_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Line
    from cw_pipeline.billing.reasons import BilledByHand

_MOST_NAMED = 3


def held(reason: BilledByHand, agreement: Agreement, mapping: CompanyMapping) -> str:
    """Why seats wait: for the same days they would be billed by hand, too."""
    lines, window = reason.lines, reason.window
    it, bills, it_bills = ("it", "bills", "it bills") if len(lines) == 1 else ("them", "bill", "they bill")
    leave = f"f {it_bills} something else, leave {it} with {by_hand_command('leave', lines)}"
    if all(can_be_ended(line, day_before(window.first)) for line in lines):
        ways = f"End {it} the day before with {by_hand_command('end', lines)}; or, i{leave}"
    else:
        ways = f"I{leave}"
    return (
        f"{_in_full(lines)} on agreement {agreement.id} ({agreement.name}), kept by hand, {bills} the same product, so "
        f"that {window.first} to {window.last} would be billed twice. {ways}; or end {it}, or set {it} to 0, in "
        f"ConnectWise{leave_out(reason.identity.month, mapping)}. {SYNC_AGAIN}"
    )


def _in_full(lines: Sequence[Line]) -> str:
    """The lines with their quantities and days; of many, only some."""
    named = [f"Line {line.addition_id} ({line.quantity}, {days(line)})" for line in lines[:_MOST_NAMED]]
    more = len(lines) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def days(line: Line) -> str:
    """From when until when a line bills."""
    return f"{line.effective_date or 'no first day'} to {line.cancelled_date or 'no last day'}"
