"""The sentence for each way in which a write to ConnectWise can fail: what is known of it, and what to do."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import DO_NOT_BILL
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.connectwise.fields import MOST_DIGITS
from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.wording.commands import SYNC_AGAIN, accept_command
from cw_pipeline.wording.hold_reasons import CORRECT_IT, accept_what_was_billed
from cw_pipeline.wording.outcomes import in_a_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.billing.outcomes import Outcome
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.connectwise.errors import ConnectWiseError
    from cw_pipeline.connectwise.models import Addition


def not_tried(error: ConnectWiseError) -> str:
    """Why a write was not sent: it would meet the same `error` as an earlier one."""
    return f"Not tried: {error} {SYNC_AGAIN}"


def nothing_written(error: ConnectWiseError) -> str:
    """Why a write failed, after an error that proves that nothing was written."""
    return f"Nothing was written: {error} {SYNC_AGAIN}"


def refused(error: ConnectWiseError) -> str:
    """Why ConnectWise refused a write, in its words."""
    return f"{error} {SYNC_AGAIN}"


def too_many_digits(write: Write, lines: Sequence[str]) -> str:
    """What to do about a quantity with too many digits to be sent, which comes from these invoiced `lines`."""
    return (
        f"{write.quantity} are still to be billed, and only {MOST_DIGITS} digits can be sent to ConnectWise exactly. "
        f"This comes from the quantity of {' and '.join(lines) or 'an invoiced line'}. In ConnectWise, set it to what "
        f"was billed in fewer digits, and accept that with {accept_command(write.identity)}. {SYNC_AGAIN}"
    )


def answered_otherwise(addition: Addition, known_as: str | None = None) -> str:
    """What ConnectWise answered instead of what was sent; `known_as` is another line's serial number."""
    other = f" The ledger knows line {addition.id} as {known_as}, so it is not the new line." if known_as else ""
    return f"ConnectWise answered, but {_shows(addition)}.{other}"


def made_otherwise(write: Write, addition: Addition) -> str:
    """What to do about a new line that is not as it was sent."""
    is_trial = isinstance(write, CreateLine) and write.trial
    shown, meant = (f" as {addition.bill_customer}", f" as {DO_NOT_BILL}") if is_trial else ("", "")
    return (
        f"ConnectWise made the line, but {_shows(addition)}{shown} instead of {plain(write.quantity)} with the serial "
        f"number {write.identity.serial_number}{meant}. It is known by its id from now on, and no second one is made. "
        f"Set it right in ConnectWise. {SYNC_AGAIN}"
    )


def _shows(addition: Addition) -> str:
    marked = addition.serial_number or "no serial number"
    days = f"from {addition.effective_date} to {addition.cancelled_date}"
    return f"shows {plain(addition.quantity)} {days} with {marked} on line {addition.id}"


def read_back_failed(doubt: str, error: ConnectWiseError) -> str:
    """Why it is unknown whether a doubtful write was carried out: ConnectWise could not be read."""
    return f"{doubt} Reading back failed: {error} {SYNC_AGAIN}"


def not_shown(doubt: str) -> str:
    """Why it is unknown whether a doubtful write was carried out: no line shows it."""
    return f"{doubt} ConnectWise does not show the line as intended. Sync the month again."


def unsettled(write: Write, error: Exception) -> str:
    """Why the write of an earlier push stays open: its agreement cannot be read."""
    return (
        f"It is unknown whether {write.identity.serial_number} was written on agreement {write.agreement_id}: "
        f"{error} {SYNC_AGAIN}"
    )


def invoiced_meanwhile(identity: Identity) -> str:
    """Why it is unknown what a line billed that was invoiced while it was written."""
    return (
        "ConnectWise invoiced the agreement while the line was written, so it is unknown which quantity was billed. "
        f"{accept_what_was_billed(identity)}"
    )


def invoiced_or_not(why: str) -> str:
    """Why a write stays unconfirmed: its agreement could not be read afterwards, for the reason `why`."""
    return (
        f"ConnectWise shows the line as intended, but it is unknown whether it was invoiced meanwhile. {why} "
        f"{CORRECT_IT} {SYNC_AGAIN}"
    )


def failed_lines(lines: Sequence[PreviewLine]) -> str:
    """How many lines of a month failed, and of which organizations, grouped by the reason."""
    of_reason: defaultdict[tuple[Outcome, str], list[str]] = defaultdict(list)
    for line in lines:
        of_reason[line.outcome, line.reason].append(f"{line.organization_name} ({line.organization_id})")
    why = (f"{', '.join(names)}, {in_a_sentence(outcome)}: {reason}" for (outcome, reason), names in of_reason.items())
    return "\n".join((f"{counted(len(lines), 'line')} failed, the others were written. {next(why)}", *why))
