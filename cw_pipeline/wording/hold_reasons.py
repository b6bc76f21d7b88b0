"""The sentence that a preview gives for each hold: what is so, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.terms import can_be_billed
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.wording.commands import SYNC_AGAIN, accept_command, map_command, unmap_command
from cw_pipeline.wording.terms import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Unread, Written
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.vocabulary import Month


def accept_what_was_billed(month: Month, organization_id: str) -> str:
    """What to do about an invoiced line whose billed quantity is unknown."""
    accept = accept_command(month, organization_id)
    return f"See the invoice, set the line to what it billed, and accept that with {accept}."


def unread(month: Month, found: Sequence[Unread], mapping: CompanyMapping) -> str:
    """Why an organization's whole month waits: something in ConnectWise cannot be read."""
    what = " ".join(cannot_be_read(one) for one in found)
    correct = f" {CORRECT_IT.rstrip('.')}{leave_out(month, mapping)}." if not all(one.passes for one in found) else ""
    return f"{what}{correct} {SYNC_AGAIN}"


CORRECT_IT = "Correct that in ConnectWise."


def cannot_be_read(one: Unread) -> str:
    """What cannot be read, and what is wrong with it."""
    return f"{one.what} cannot be read, so it is unknown what is billed: {one.why.rstrip('.')}."


def moved(identity: Identity, line: Line, mapping: CompanyMapping, facts: Facts, seats: Decimal | int) -> str:
    """Why an organization's whole month is held after it was moved: `seats` were invoiced to another company.

    It can be mapped back only to a company that can be billed.
    """
    organization_id, agreement = identity.organization_id, facts.agreements[line.agreement_id]
    record = accept_command(identity.month, organization_id, credited=seats)
    went_along = "run `cw-pipeline import` and " if agreement.id == mapping.agreement_id else ""
    map_back = f"; or {went_along}map the organization back with {_from_here_to(agreement, mapping)}"
    return (
        f"{_with_quantity(line)} was invoiced to company {agreement.company_id} ({agreement.company_name}) on "
        f"agreement {agreement.id}, but the organization is now mapped to company {mapping.company_id}. Credit company "
        f"{agreement.company_id} in ConnectWise and record it with {record}"
        f"{map_back if _can_be_mapped(agreement) else ''}{leave_out(identity.month, mapping)}. {SYNC_AGAIN}"
    )


INVOICED_COUNTS = "(what was invoiced counts, and is not billed again)"
"""What becomes of a month's invoiced lines where its seats are billed on another agreement of the company."""


def leave_out(month: Month, mapping: CompanyMapping) -> str:
    """The way out that is always there: a person settles the month, and it is no longer looked at.

    Nor are those before it, which a later first month leaves out, too.
    """
    later = map_command(mapping.company_id, mapping.agreement_id, mapping.organization_id, month.plus(1))
    before = " and the months before it" if month > mapping.bill_from else ""
    return (
        f"; or settle the month by hand and leave it out with {later}: what lines carry for {month}{before} then stays "
        "as it is in ConnectWise, and is no longer compared with usage or corrected"
    )


def edited(identity: Identity, line: Line, written: Written) -> str:
    """Why a plan is held whose invoiced line was edited."""
    return (
        f"Line {line.addition_id} on agreement {line.agreement_id} was written with {_as_written(written)} and "
        f"invoiced, but now has {line.quantity} from {line.effective_date} to {line.cancelled_date}, so it is unknown "
        "what was billed. See the invoice and set the line to what it billed; if that differs from what was written, "
        f"accept it with {accept_command(identity.month, identity.organization_id)}. {SYNC_AGAIN}"
    )


def unclear(identity: Identity, facts: Facts, copies: Sequence[Line], others: Sequence[Line]) -> str:
    """Why it is unknown whether lines of a plan were invoiced, each of them named, and what to do about that."""
    lines = (*copies, *others)
    why = " ".join(_unclear(line, facts, copied=line in copies) for line in lines)
    accept = accept_command(identity.month, identity.organization_id)
    which = "the line" if len(lines) == 1 else "each of these lines"
    see = "See" if copies else "Set the next invoice date to the first day that is not invoiced yet; or see"
    return (
        f"{why} {see} the agreement's invoices, set {which} to what they billed (0 if none has it), and accept that "
        f"with {accept}. {SYNC_AGAIN}"
    )


def _with_quantity(line: Line) -> str:
    return f"Line {line.addition_id} (quantity {line.quantity})"


def _unclear(line: Line, facts: Facts, *, copied: bool) -> str:
    agreement = facts.agreements[line.agreement_id]
    where = f"{_with_quantity(line)} on agreement {agreement.id} ({agreement.name})"
    if copied:
        return (
            f"{where} was not written here and has the serial number of another line: it was copied with its "
            f"agreement, or another warehouse wrote it. It begins before the next invoice ("
            f"{agreement.next_invoice_date}), but may have been made after the invoice for that time."
        )
    if agreement.never_invoiced:
        why = "the agreement's next invoice date means never"
    elif agreement.next_invoice_date is None:
        why = "the agreement has no next invoice date"
    else:
        why = f"the next invoice was moved back to {agreement.next_invoice_date}, so that an invoice may be gone"
    return f"{where} may have been invoiced: {why}."


def vanished(
    identity: Identity, addition_id: int, written: Written, mapping: CompanyMapping, stranger: Line | None
) -> str:
    """Why a plan is held one of whose lines is gone, or has become `stranger`."""
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
    return f"{why.rstrip('.')}{leave_out(identity.month, mapping)}. {SYNC_AGAIN}"


def in_full(line: Line) -> str:
    """What ConnectWise shows of a line, with its serial number."""
    marked = f"the serial number {line.shown_serial_number}" if line.shown_serial_number else "no serial number"
    return f"{line.quantity} of product {line.product_id} with {marked}"


def claimed(identity: Identity, line: Line, facts: Facts) -> str:
    """Why a plan is held whose serial number is on a line that was written with another one."""
    other = Identity.parse(line.serial_number)
    if other is None:  # a line is written and found by a serial number that says whose it is
        return ""
    ids = {as_marked(one): one for one in facts.mappings}
    accept = accept_command(other.month, ids.get(other.organization_id, other.organization_id))
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
    """What to do about a line that is another one now."""
    return (
        f"If it is still this line, set its serial number in ConnectWise back to {identity.serial_number}. If it is "
        f"somebody else's, see the invoice. {_make_again(identity)}"
    )


def _make_again(identity: Identity) -> str:
    """What to do about a line that is gone.

    If it was billed, it is created again as Do Not Bill: its seats count as billed, and no invoice bills them again.
    """
    return (
        "If the missing line was billed, make it again in ConnectWise with the same quantity, days and serial number "
        f"({identity.serial_number}), as Do Not Bill. Then, or if it billed nothing, accept that with "
        f"{accept_command(identity.month, identity.organization_id)}."
    )


def _as_written(written: Written) -> str:
    quantity = " or ".join(str(quantity) for quantity in sorted(written.quantities)) or "an uncertain quantity"
    until = f" to {written.cancelled_date}" if written.cancelled_date else ""
    return f"{quantity} from {written.effective_date}{until}"


def write_held(outcome: Outcome, write: Write, agreement: Agreement, mapping: CompanyMapping) -> str:
    """Why a write is held because of the agreement that it would go to."""
    line = None if isinstance(write, CreateLine) else write.addition_id
    what = "A new line" if line is None else f"Line {line}"
    verb = "carries" if write.quantity == write.before else "is to carry"
    where = f"{what} {verb} {write.quantity} on agreement {agreement.id} ({agreement.name})"
    # Where only a line is in the way of seats, these can still be billed.
    or_leave_out = leave_out(write.identity.month, mapping) if write.quantity else ""
    to_another_agreement = _without_the_agreement(write, f"map the company to another agreement {INVOICED_COUNTS}")
    if outcome is Outcome.MOVED:
        why = (
            f"which now belongs to company {agreement.company_id} ({agreement.company_name}), not to the mapped one. "
            f"{bill_the_new_owner(agreement, mapping).rstrip('.')}{or_leave_out}."
        )
    elif outcome is Outcome.COMPANY_DELETED:
        elsewhere = f"{to_another_company(mapping)} with --bill-from {write.identity.month}"
        why = (
            f"but company {agreement.company_id} ({agreement.company_name}) is deleted in ConnectWise. Restore it, or "
            f"{_without_the_agreement(write, elsewhere)}{or_leave_out}."
        )
    elif outcome is Outcome.AGREEMENT_CHANGED:
        why = f"{_as_changed(agreement, mapping)}; or {to_another_agreement}{or_leave_out}."
        if can_be_billed(agreement.terms):
            again = map_command(mapping.company_id, agreement.id, mapping.organization_id)
            why = (
                f"{_as_changed(agreement, mapping)}; or, if the line is to be billed so, run `cw-pipeline import` and "
                f"{again}."
            )
    elif agreement.never_invoiced:
        why = f"whose next invoice date means never. {settle_never_invoiced(line).rstrip('.')}{or_leave_out}."
    else:
        why = f"which is not active for that period. Renew it in ConnectWise, or {to_another_agreement}{or_leave_out}."
    return f"{where}, {why} {SYNC_AGAIN}"


def _as_changed(agreement: Agreement, mapping: CompanyMapping) -> str:
    before = f" and was {in_words(mapping.terms)} when it was mapped" if mapping.terms else ""
    return f"which is {in_words(agreement.terms)} now{before}. Set that back in ConnectWise"


def accept_terms(agreement: Agreement, mapping: CompanyMapping, elsewhere: str) -> str:
    """What to do about an agreement on other terms; `elsewhere` is how to do without it where they cannot be."""
    if not can_be_billed(agreement.terms):
        return f"Lines of a month cannot be billed so. Set that back in ConnectWise, or {elsewhere}."
    map_again = map_command(mapping.company_id, agreement.id, mapping.organization_id)
    return f"Set that back in ConnectWise; or, if lines are to be billed so, run `cw-pipeline import` and {map_again}."


def _without_the_agreement(write: Write, elsewhere: str) -> str:
    """The way out for people who bill on another agreement: seats on an open line here are in the way of that."""
    if isinstance(write, CreateLine) or (write.quantity and not write.before):
        return elsewhere
    to_zero = f"set line {write.addition_id} to 0 in ConnectWise"
    return f"{to_zero} and {elsewhere}" if write.quantity else to_zero


def to_another_company(mapping: CompanyMapping) -> str:
    """How an organization comes to another company."""
    unmap = unmap_command(mapping.company_id, mapping.organization_id)
    return f"run {unmap} and map the organization to another company"


def bill_the_new_owner(agreement: Agreement, mapping: CompanyMapping) -> str:
    """What to do where the mapped agreement belongs to another company by now."""
    if not _can_be_mapped(agreement):
        return f"Give it back in ConnectWise; or {to_another_company(mapping)}, or to another agreement of that one."
    return (
        "Give it back in ConnectWise; or, if the company that has it now is to be billed, also besides its other "
        "organizations, run `cw-pipeline import` so that it is among the companies, "
        f"{_from_here_to(agreement, mapping)}."
    )


def _can_be_mapped(agreement: Agreement) -> bool:
    return agreement.active and not agreement.company_deleted


def _from_here_to(agreement: Agreement, mapping: CompanyMapping) -> str:
    """The commands that map the organization from its company to the one that has `agreement`."""
    return (
        f"{unmap_command(mapping.company_id, mapping.organization_id)} and "
        f"{map_command(agreement.company_id, agreement.id, mapping.organization_id, mapping.bill_from)}"
    )


def settle_never_invoiced(addition_id: int | None) -> str:
    """What to do about an agreement whose next invoice date means never."""
    doubt = "" if addition_id is None else f"It does not show whether line {addition_id} was invoiced. "
    return f"{doubt}Set its next invoice date to the first day that is not invoiced yet."
