"""The sentences that a preview gives for each hold: why, and each way out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.terms import can_be_billed
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.wording.commands import SYNC_AGAIN, accept_command, map_command, unmap_command
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Unread, Written
    from cw_pipeline.billing.reasons import Moved
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.vocabulary import Month

CORRECT_IT = "Correct that in ConnectWise."
INVOICED_COUNTS = "(what was invoiced counts, and is not billed again)"
"""What becomes of a month's invoiced lines if its seats are billed on another agreement of the company."""


def leave_out(month: Month, mapping: CompanyMapping) -> str:
    """The way out that always exists: a person settles the month, and a later first month leaves it out."""
    later = map_command(mapping.company_id, mapping.agreement_id, mapping.organization_id, month.plus(1))
    before = " and the months before it" if month > mapping.bill_from else ""
    return (
        f"Or settle the month by hand and leave it out with {later}: what lines carry for {month}{before} then stays "
        "as it is in ConnectWise, and is no longer compared with usage or corrected."
    )


def accept_what_was_billed(identity: Identity) -> str:
    """What to do about an invoiced line whose billed quantity is unknown."""
    return f"See the invoice, set the line to what it billed, and accept that with {accept_command(identity)}."


def unread(month: Month, records: Sequence[Unread], mapping: CompanyMapping) -> str:
    """Why an organization's whole month waits: something in ConnectWise cannot be read."""
    what = " ".join(map(cannot_be_read, records))
    if all(record.passes for record in records):
        return f"{what} {SYNC_AGAIN}"
    return f"{what} {CORRECT_IT} {leave_out(month, mapping)} {SYNC_AGAIN}"


def cannot_be_read(record: Unread) -> str:
    """What cannot be read, and what is wrong with it."""
    return f"{record.what} cannot be read, so it is unknown what is billed: {record.why.rstrip('.')}."


def moved(reason: Moved, facts: Facts) -> str:
    """Why an organization's whole month is held after it was moved from the company that was invoiced.

    It can be mapped back only to a company that can be billed.
    """
    identity, agreement = reason.identity, facts.agreements[reason.line.agreement_id]
    mapping = facts.mappings[identity.organization_id]
    map_back = ""
    if _can_be_mapped(agreement):
        moved_with_it = "run `cw-pipeline import` and " if agreement.id == mapping.agreement_id else ""
        map_back = f"; or {moved_with_it}map the organization back with {_move_to(agreement, mapping)}"
    return (
        f"{_with_quantity(reason.line)} was invoiced to company {agreement.company_id} ({agreement.company_name}) on "
        f"agreement {agreement.id}, but the organization is now mapped to company {mapping.company_id}. Credit company "
        f"{agreement.company_id} in ConnectWise and record it with {accept_command(identity, credited=reason.seats)}"
        f"{map_back}. {leave_out(identity.month, mapping)} {SYNC_AGAIN}"
    )


def edited(identity: Identity, line: Line, written: Written) -> str:
    """Why a plan is held whose invoiced line was edited."""
    return (
        f"Line {line.addition_id} on agreement {line.agreement_id} was written with {_as_written(written)} and "
        f"invoiced, but now has {line.quantity} from {line.effective_date} to {line.cancelled_date}, so it is unknown "
        "what was billed. See the invoice and set the line to what it billed; if that differs from what was written, "
        f"accept it with {accept_command(identity)}. {SYNC_AGAIN}"
    )


def unclear(identity: Identity, facts: Facts, copies: Sequence[Line], others: Sequence[Line]) -> str:
    """Why it is unknown whether each of these lines of a plan was invoiced, and what to do about that."""
    why = " ".join([*(_copied(line, facts) for line in copies), *(_unclear(line, facts) for line in others)])
    which = "the line" if len(copies) + len(others) == 1 else "each of these lines"
    see = "See" if copies else "Set the next invoice date to the first day that is not invoiced yet; or see"
    return (
        f"{why} {see} the agreement's invoices, set {which} to what they billed (0 if none has it), and accept that "
        f"with {accept_command(identity)}. {SYNC_AGAIN}"
    )


def _copied(line: Line, facts: Facts) -> str:
    agreement = facts.agreements[line.agreement_id]
    return (
        f"{_on_agreement(line, agreement)} was not written here and has the serial number of another line: it was "
        "copied with its agreement, or another warehouse wrote it. It begins before the next invoice "
        f"({agreement.next_invoice_date}), but may have been made after the invoice for that time."
    )


def _unclear(line: Line, facts: Facts) -> str:
    agreement = facts.agreements[line.agreement_id]
    if agreement.never_invoiced:
        why = "the agreement's next invoice date means never"
    elif agreement.next_invoice_date is None:
        why = "the agreement has no next invoice date"
    else:
        why = f"the next invoice was moved back to {agreement.next_invoice_date}, so that an invoice may be gone"
    return f"{_on_agreement(line, agreement)} may have been invoiced: {why}."


def _on_agreement(line: Line, agreement: Agreement) -> str:
    return f"{_with_quantity(line)} on agreement {agreement.id} ({agreement.name})"


def _with_quantity(line: Line) -> str:
    return f"Line {line.addition_id} (quantity {line.quantity})"


def vanished(identity: Identity, addition_id: int, facts: Facts) -> str:
    """Why a plan is held one of whose lines is gone, or is another line now."""
    written, stranger = facts.ledger[addition_id], facts.strangers.get(addition_id)
    line = f"Line {addition_id} on agreement {written.agreement_id}, {_as_written(written)},"
    if stranger is None:
        why = (
            f"{line} may have been invoiced, but ConnectWise no longer shows it: it was deleted, or the API member's "
            f"role does not show it. {accept_what_is_gone(identity)}"
        )
    else:
        why = (
            f"{line} is another line now, {in_full(stranger)} on agreement {stranger.agreement_id}, and is left alone. "
            f"{accept_what_is_replaced(identity)}"
        )
    return f"{why} {leave_out(identity.month, facts.mappings[identity.organization_id])} {SYNC_AGAIN}"


def in_full(line: Line) -> str:
    """What ConnectWise shows of a line, with its serial number."""
    marked = f"the serial number {line.shown_serial_number}" if line.shown_serial_number else "no serial number"
    return f"{line.quantity} of product {line.product_id} with {marked}"


def claimed(identity: Identity, line: Line, facts: Facts) -> str:
    """Why a plan is held whose serial number is on a line that was written with another one."""
    other = Identity.parse(line.serial_number)
    if other is None:  # a line is written and found by a serial number that says whose it is
        return ""
    ids = {as_marked(organization_id): organization_id for organization_id in facts.mappings}
    accept = accept_command(replace(other, organization_id=ids.get(other.organization_id, other.organization_id)))
    return (
        f"Line {line.addition_id} on agreement {line.agreement_id} shows the serial number {identity.serial_number}, "
        f"but was written with {line.serial_number}. It is left alone, since it may be either line. Set its serial "
        f"number back in ConnectWise; or, if it is not the line that was written, accept that with {accept}. "
        f"{SYNC_AGAIN}"
    )


def accept_what_is_gone(identity: Identity) -> str:
    """What to do about a line that is no longer shown."""
    return f"Let the role show it, or see the invoice. {_make_again(identity)}"


def accept_what_is_replaced(identity: Identity) -> str:
    """What to do about a line whose id is another line's now."""
    return (
        f"If it is still this line, set its serial number in ConnectWise back to {identity.serial_number}. If it is "
        f"somebody else's, see the invoice. {_make_again(identity)}"
    )


def _make_again(identity: Identity) -> str:
    """What to do about a line that is gone.

    If it was billed, it is made again as Do Not Bill: its seats count as billed, and no invoice bills them again.
    """
    return (
        "If the missing line was billed, make it again in ConnectWise with the same quantity, days and serial number "
        f"({identity.serial_number}), as Do Not Bill. Then, or if it billed nothing, accept that with "
        f"{accept_command(identity)}."
    )


def _as_written(written: Written) -> str:
    quantity = " or ".join(map(str, sorted(written.quantities))) or "an uncertain quantity"
    until = f" to {written.cancelled_date}" if written.cancelled_date else ""
    return f"{quantity} from {written.effective_date}{until}"


def write_held(outcome: Outcome, write: Write, agreement: Agreement, mapping: CompanyMapping) -> str:
    """Why a write to an agreement is held, with an `outcome` that says what is wrong with the agreement."""
    line = "A new line" if isinstance(write, CreateLine) else f"Line {write.addition_id}"
    carries = "carries" if write.quantity == write.before else "is to carry"
    to_another_agreement = _without_the_agreement(write, f"map the company to another agreement {INVOICED_COUNTS}")
    # Where only a line is in the way of seats, these can still be billed.
    or_leave_out = f" {leave_out(write.identity.month, mapping)}" if write.quantity else ""
    company = f"company {agreement.company_id} ({agreement.company_name})"
    if outcome is Outcome.MOVED:
        why = f"which now belongs to {company}, not to the mapped one"
        way = bill_the_new_owner(agreement, mapping)
    elif outcome is Outcome.COMPANY_DELETED:
        why = f"but {company} is deleted in ConnectWise"
        elsewhere = f"{to_another_company(mapping)} with --bill-from {write.identity.month}"
        way = f"Restore it, or {_without_the_agreement(write, elsewhere)}."
    elif outcome is Outcome.AGREEMENT_CHANGED:
        before = f" and was {in_words(mapping.terms)} when it was mapped" if mapping.terms else ""
        why = f"which is {in_words(agreement.terms)} now{before}"
        way = accept_terms(agreement, mapping, to_another_agreement)
        or_leave_out = "" if can_be_billed(agreement.terms) else or_leave_out
    elif agreement.never_invoiced:
        why = "whose next invoice date means never"
        way = settle_never_invoiced(None if isinstance(write, CreateLine) else write.addition_id)
    else:
        why = "which is not active for that period"
        way = f"Renew it in ConnectWise, or {to_another_agreement}."
    return (
        f"{line} {carries} {write.quantity} on agreement {agreement.id} ({agreement.name}), {why}. {way}{or_leave_out} "
        f"{SYNC_AGAIN}"
    )


def _without_the_agreement(write: Write, elsewhere: str) -> str:
    """How to bill on another agreement: open lines with seats on this one would be in the way."""
    if isinstance(write, CreateLine) or (write.quantity and not write.before):
        return elsewhere
    to_zero = f"set line {write.addition_id} to 0 in ConnectWise"
    return f"{to_zero} and {elsewhere}" if write.quantity else to_zero


def accept_terms(agreement: Agreement, mapping: CompanyMapping, elsewhere: str) -> str:
    """What to do about an agreement with other terms; `elsewhere` is how to bill without it."""
    if not can_be_billed(agreement.terms):
        return f"Lines of a month cannot be billed so. Set that back in ConnectWise, or {elsewhere}."
    map_again = map_command(mapping.company_id, agreement.id, mapping.organization_id)
    return f"Set that back in ConnectWise; or, if lines are to be billed so, run `cw-pipeline import` and {map_again}."


def to_another_company(mapping: CompanyMapping) -> str:
    """How to map an organization to another company."""
    unmap = unmap_command(mapping.company_id, mapping.organization_id)
    return f"run {unmap} and map the organization to another company"


def bill_the_new_owner(agreement: Agreement, mapping: CompanyMapping) -> str:
    """What to do about a mapped agreement that belongs to another company now."""
    if not _can_be_mapped(agreement):
        return f"Give it back in ConnectWise; or {to_another_company(mapping)}, or to another agreement of that one."
    return (
        "Give it back in ConnectWise; or, if the company that has it now is to be billed, also besides its other "
        "organizations, run `cw-pipeline import` so that it is among the companies, "
        f"{_move_to(agreement, mapping)}."
    )


def _can_be_mapped(agreement: Agreement) -> bool:
    return agreement.active and not agreement.company_deleted


def _move_to(agreement: Agreement, mapping: CompanyMapping) -> str:
    """The commands that map the organization from its company to the one that has `agreement`."""
    return (
        f"{unmap_command(mapping.company_id, mapping.organization_id)} and "
        f"{map_command(agreement.company_id, agreement.id, mapping.organization_id, mapping.bill_from)}"
    )


def settle_never_invoiced(addition_id: int | None) -> str:
    """What to do about an agreement whose next invoice date means never."""
    doubt = "" if addition_id is None else f"It does not show whether line {addition_id} was invoiced. "
    return f"{doubt}Set its next invoice date to the first day that is not invoiced yet."
