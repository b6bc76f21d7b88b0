"""What is wrong with lines although their quantity is right, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import BILLABLE
from cw_pipeline.billing.invoiced import State, is_short, state_of
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.commands import accept_command

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Facts, Line
    from cw_pipeline.billing.identity import Identity

WRITTEN_ELSEWHERE = (
    "If the warehouse is new, or was restored from a backup that is older than this line, leave it: a sync counts it. "
    "Otherwise another warehouse writes to this ConnectWise: stop one of the two."
)
"""What to do about a line of ours that the ledger does not know."""


def of_nobody(identity: Identity) -> str:
    """What to do about a line of an organization that is not billed for the line's month."""
    return (
        f"Nobody is billed for {identity.organization_id} in {identity.month}. If its company is to be mapped, leave "
        "the line: a sync counts it then. Otherwise set it to 0 before it is invoiced."
    )


def line_warning(identity: Identity, line: Line, facts: Facts) -> str:
    """What is wrong with a line, and what to do about it."""
    if line.shown_serial_number not in (None, line.serial_number):
        shown = f"the serial number {line.shown_serial_number}" if line.shown_serial_number else "no serial number"
        return (
            f"Line {line.addition_id} has {shown}, so a new warehouse could not find it. Set its serial number to "
            f"{line.serial_number} in ConnectWise."
        )
    if is_short(line, facts):
        return left_out(identity, line, facts)
    return (
        f"Line {line.addition_id} is on agreement {line.agreement_id}, which has no next invoice date, so that "
        "ConnectWise may never invoice it. Give the agreement its next invoice date."
    )


def left_out(identity: Identity, line: Line, facts: Facts) -> str:
    """Which seats of a line no invoice has, and what to do about it."""
    if line.bill_customer != BILLABLE:
        are = "is" if line.quantity == 1 else "are"
        fault = f"is {line.bill_customer}: its {counted(line.quantity, 'seat')} {are} not billed"
        correction = "Set it to Billable"
    else:
        seats = f"{max(line.quantity - line.less_included, 0)} of its {counted(line.quantity, 'seat')}"
        fault = f"bills {seats}: {line.less_included} count as included in the agreement"
        correction = "Set its included quantity to 0"
    if state_of(line, facts, identity.month) is State.OPEN:
        return f"Line {line.addition_id} {fault}. {correction} in ConnectWise before it is invoiced."
    return (
        f"Line {line.addition_id} {fault}, and it was invoiced. Bill the rest by hand, and accept that with "
        f"{accept_command(identity)}."
    )


def perhaps_written_off(identity: Identity, addition_id: int) -> str:
    """What to do about a line that seems to be invoiced, but that no invoice seems to have."""
    return (
        "See Agreement Invoicing in ConnectWise. If the period was written off and is to be billed, set line "
        f"{addition_id} to 0, accept that with {accept_command(identity)}, and sync the month again: its seats are "
        "billed in the next period. If it was invoiced, or is not to be, accept the line as it is with the same "
        "command."
    )
