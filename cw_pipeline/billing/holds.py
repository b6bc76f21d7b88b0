"""Holds: what the rule would do, but a person has to decide first.

`hold_month` holds an organization's whole month and `hold_line` one line, each for the first reason that applies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import billed_by_hand
from cw_pipeline.billing.invoiced import NOTHING, State, bills_nobody, is_short, may_have_been_invoiced, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.reasons import CannotBeRead, InvoiceUnclear, Moved
from cw_pipeline.billing.terms import can_be_billed
from cw_pipeline.billing.writes import SetQuantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cw_pipeline.billing.balance import Balance
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Unread, Written
    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.billing.proposals import Proposal
    from cw_pipeline.billing.unusual import Unusual
    from cw_pipeline.billing.writes import Write


def hold_month(
    proposals: Sequence[Proposal], identities: Sequence[Identity], mapping: CompanyMapping, facts: Facts
) -> list[Proposal] | None:
    """Hold whatever is reported of an organization's month, and every plan concerned; None if nothing holds it."""
    unread = unread_of(identities, mapping, facts)
    elsewhere = list(invoiced_elsewhere(identities, mapping, facts))
    if unread:
        outcome = Outcome.UNCONFIRMED if all(record.passes for record in unread) else Outcome.INVOICE_UNCLEAR
        reason = CannotBeRead(mapping.organization_id, tuple(unread))
        concerned = {
            identity for identity in identities if any(_may_be_billed_by(identity, record, facts) for record in unread)
        }
    elif elsewhere:
        outcome = Outcome.MOVED
        reason = Moved(identities[0], elsewhere[0], facts.counted(*elsewhere))
        serial_numbers = {line.serial_number for line in elsewhere}
        concerned = {identity for identity in identities if identity.serial_number in serial_numbers}
    else:
        return None
    return [
        proposal.stopped(outcome, reason)
        if proposal.is_reported or proposal.balance.identity in concerned
        else proposal
        for proposal in proposals
    ]


def hold_line(proposal: Proposal, mapping: CompanyMapping, facts: Facts, unusual: Unusual | None) -> Proposal:
    """Hold one line for the first reason that applies. Unusual usage that is held stops every write, and a credit."""
    if unclear := _invoice_unclear(proposal.balance, mapping, facts):
        return proposal.stopped(Outcome.INVOICE_UNCLEAR, unclear)
    identity = proposal.balance.identity
    if unusual and unusual.held and (proposal.writes or proposal.line.outcome is Outcome.CREDIT_DUE):
        return proposal.stopped(Outcome.UNUSUAL, unusual)
    for write in (*proposal.writes, *(_kept(line, identity) for line in proposal.kept)):
        if hold := write_hold(write, mapping, facts):
            return proposal.stopped(hold, write)
    if by_hand := billed_by_hand(proposal, mapping, facts):
        return proposal.stopped(Outcome.BILLED_BY_HAND, by_hand)
    for line in proposal.balance.unclear:  # right as they are, unless they bill another company
        write = _kept(line, identity)
        if line.quantity and write_hold(write, mapping, facts) is Outcome.MOVED:
            return proposal.stopped(Outcome.MOVED, write)
    return proposal


def _kept(line: Line, identity: Identity) -> SetQuantity:
    """The write that would leave a line as it is, to ask whether it may be billed."""
    return SetQuantity.of(line, identity, line.quantity)


def unread_of(identities: Iterable[Identity], mapping: CompanyMapping | None, facts: Facts) -> list[Unread]:
    """The unreadable records that may bill the organization's month: any one holds the whole month.

    They are agreements that it is mapped to or, by the ledger, has seats on, and lines of its own.
    """
    return [
        record
        for record in facts.unread
        if (mapping and record.addition_id is None and record.agreement_id == mapping.agreement_id)
        or (mapping and record.company_id == mapping.company_id)
        or any(_may_be_billed_by(identity, record, facts) for identity in identities)
    ]


def _may_be_billed_by(identity: Identity, unread: Unread, facts: Facts) -> bool:
    """Whether an unreadable record is a line that carries `identity`, or the agreement of one."""
    if identity.serial_number in unread.serial_numbers:
        return True
    return unread.addition_id is None and any(
        written.agreement_id == unread.agreement_id and written.quantities != NOTHING
        for _, written in facts.accounted(identity.serial_number)
    )


def invoiced_elsewhere(identities: Iterable[Identity], mapping: CompanyMapping, facts: Facts) -> Iterator[Line]:
    """The invoiced lines of the organization's month on other companies' agreements: any one holds the whole month.

    A line that was invoiced with quantity 0, or credited in full, billed nobody and does not count.
    """
    for identity in identities:
        for line in facts.lines_of(identity):
            if facts.agreements[line.agreement_id].company_id == mapping.company_id:
                continue
            invoiced = state_of(line, facts, identity.month) is State.INVOICED and not bills_nobody(line, facts)
            if invoiced and (facts.counted(line) != 0 or is_edited(line, facts)):
                yield line


def _invoice_unclear(result: Balance, mapping: CompanyMapping, facts: Facts) -> InvoiceUnclear | None:
    """The lines of a plan of which it is unknown what they billed; None if it is known, or does not matter.

    A copy that may have been invoiced always matters, because what the plan's lines bill together is unknown. Any
    other unclear line matters if something has to be written, or if its agreement cannot bill it and was never seen to.
    """
    identity = result.identity
    edited = tuple(line for line in (*result.invoiced, *result.unclear) if is_edited(line, facts))
    vanished = tuple(vanished_lines(identity, facts))
    claimed = tuple(line for line in facts.strangers.values() if line.shown_serial_number == identity.serial_number)
    correcting = result.outcome is Outcome.CREDIT_DUE or result.writes
    short = tuple(line for line in result.invoiced if correcting and is_short(line, facts))
    matters = (edited or vanished or claimed or short or result.copies or result.writes or result.stale) or any(
        _may_never_be_billed(line, identity, mapping, facts) for line in result.unclear
    )
    unclear = tuple(line for line in result.unclear if matters and line not in edited)
    if not (edited or vanished or claimed or short or result.copies or unclear):
        return None
    return InvoiceUnclear(identity, edited, vanished, claimed, short, result.copies, unclear)


def vanished_lines(identity: Identity, facts: Facts) -> Iterator[int]:
    """The addition ids of lines that may have been invoiced and are gone, or that belong to other lines now.

    A line that certainly was not invoiced was deleted by a person. Its seats simply go on a new line.
    """
    shown = {line.addition_id for line in facts.lines_of(identity)}
    for addition_id, written in facts.accounted(identity.serial_number):
        if addition_id in shown:
            continue
        agreement = facts.agreements.get(written.agreement_id)
        may_be_billed = written.quantities != NOTHING and may_have_been_invoiced(written, agreement, facts.today)
        if may_be_billed or is_replaced(addition_id, written, facts):
            yield addition_id


def is_replaced(addition_id: int, written: Written, facts: Facts) -> bool:
    """Whether ConnectWise shows a different line under this id now.

    That counts if our line carried seats, or if the different line has the serial number of another line of ours.
    """
    stranger = facts.strangers.get(addition_id)
    return stranger is not None and (stranger.shows_another or written.quantities != NOTHING)


def is_edited(line: Line, facts: Facts) -> bool:
    """Whether a line's quantity or dates differ from what the ledger accounts for.

    The dates of a line that was set to 0 do not matter: whichever invoice has it, it billed nobody.
    """
    written = facts.ledger.get(line.addition_id)
    if written is None or (line.quantity == 0 and written.quantities == NOTHING):
        return False
    moved = line.effective_date not in (None, written.effective_date)
    stretched = written.cancelled_date is not None and line.cancelled_date != written.cancelled_date
    return line.quantity not in written.quantities or moved or stretched


def _may_never_be_billed(line: Line, identity: Identity, mapping: CompanyMapping, facts: Facts) -> bool:
    written = facts.ledger.get(line.addition_id)
    if line.quantity == 0 or (written is not None and written.invoiced):
        return False
    return write_hold(_kept(line, identity), mapping, facts) is not None


def write_hold(write: Write, mapping: CompanyMapping | None, facts: Facts) -> Outcome | None:
    """Why `write` must not be made on its agreement as it is now; None if it may.

    A mapped agreement that ConnectWise now shows under another company would bill that company.
    """
    agreement = facts.agreements[write.agreement_id]
    if mapping is not None and mapping.agreement_id != agreement.id:
        mapping = None
    ended = agreement.end_date is not None and agreement.end_date < write.effective_date
    if mapping and agreement.company_id != mapping.company_id:
        return Outcome.MOVED
    if agreement.company_deleted:
        return Outcome.COMPANY_DELETED
    if not agreement.active or agreement.never_invoiced or ended:
        return Outcome.AGREEMENT_INACTIVE
    return Outcome.AGREEMENT_CHANGED if mapping and is_changed(agreement, mapping) else None


def is_changed(agreement: Agreement, mapping: CompanyMapping) -> bool:
    """Whether the mapped agreement's terms differ from the accepted ones, or are terms that we never bill on."""
    return not can_be_billed(agreement.terms) or mapping.terms not in (None, agreement.terms)
