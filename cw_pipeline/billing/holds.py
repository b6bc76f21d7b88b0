"""What is held: what the rule would do but a person has to decide on first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.invoiced import NOTHING, State, is_accepted, leaves_seats_out, may_have_been_invoiced, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.terms import can_be_billed
from cw_pipeline.billing.writes import SetQuantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cw_pipeline.billing.balance import Balance
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Unread, Written
    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.billing.writes import Write


def unread_of(identities: Iterable[Identity], mapping: CompanyMapping | None, facts: Facts) -> list[Unread]:
    """What cannot be read and may be the organization's month: one holds the whole of it.

    That is an agreement that it is mapped to or has seats on, as far as the ledger knows, and a line of its own.
    """
    mapped = {mapping.agreement_id} if mapping else set[int]()
    return [
        one
        for one in facts.unread
        if (one.addition_id is None and one.agreement_id in mapped)
        or (mapping is not None and one.company_id == mapping.company_id)
        or any(may_be_billed_by(identity, one, facts) for identity in identities)
    ]


def may_be_billed_by(identity: Identity, unread: Unread, facts: Facts) -> bool:
    """Whether a line that carries `identity` is, or is where, something cannot be read."""
    if identity.serial_number in unread.serial_numbers:
        return True
    return unread.addition_id is None and any(
        written.agreement_id == unread.agreement_id and written.quantities != NOTHING
        for _, written in facts.accounted(identity.serial_number)
    )


def invoiced_elsewhere(identities: Iterable[Identity], mapping: CompanyMapping, facts: Facts) -> Iterator[Line]:
    """The invoiced lines of the organization's month on another company's agreement: one holds the whole month.

    A line that was invoiced with quantity 0, or wholly credited, billed nobody and does not count.
    """
    for identity in identities:
        for line in facts.lines_of(identity):
            if facts.agreements[line.agreement_id].company_id == mapping.company_id:
                continue
            invoiced = state_of(line, facts, identity.month) is State.INVOICED
            if invoiced and (facts.counted(line) != 0 or is_edited(line, facts)):
                yield line


def edited_lines(plan_balance: Balance, facts: Facts) -> tuple[Line, ...]:
    """The lines that are not as the ledger accounts for though they may have been invoiced."""
    return tuple(line for line in (*plan_balance.invoiced, *plan_balance.unclear) if is_edited(line, facts))


def vanished_lines(identity: Identity, facts: Facts) -> Iterator[int]:
    """The addition ids of lines that ConnectWise no longer shows though they may have been invoiced, or are others now.

    One that was surely not invoiced was deleted by a person, and its seats are simply put on a new line.
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

    It counts if our line carried seats, or if the different line has the serial number of another line of ours.
    """
    stranger = facts.strangers.get(addition_id)
    return stranger is not None and (stranger.shows_another or written.quantities != NOTHING)


def claimed_lines(identity: Identity, facts: Facts) -> Iterator[Line]:
    """The lines that show `identity` and have the id of a line that was written for another one."""
    return (one for one in facts.strangers.values() if one.shown_serial_number == identity.serial_number)


def unclear_lines(plan_balance: Balance, mapping: CompanyMapping, facts: Facts) -> tuple[Line, ...]:
    """The lines for which nothing can be written before a person said what they billed.

    A copy that may have been invoiced is always in the way, since nobody can tell what the plan's lines bill together.
    Any other unclear line is where something has to be written, or where its agreement will not bill it and nobody saw
    that it did.
    """
    unclear = plan_balance.unclear
    in_the_way = plan_balance.copies or plan_balance.writes or plan_balance.stale
    if in_the_way or any(_may_never_be_billed(line, plan_balance.identity, mapping, facts) for line in unclear):
        return (*plan_balance.copies, *unclear)
    return ()


def short_lines(plan_balance: Balance, facts: Facts) -> tuple[Line, ...]:
    """The invoiced lines of which an invoice left seats out, where more or less has to be billed for them."""
    if plan_balance.outcome is not Outcome.CREDIT_DUE and not plan_balance.writes:
        return ()
    return tuple(line for line in plan_balance.invoiced if leaves_seats_out(line) and not is_accepted(line, facts))


def _may_never_be_billed(line: Line, identity: Identity, mapping: CompanyMapping, facts: Facts) -> bool:
    written = facts.ledger.get(line.addition_id)
    if line.quantity == 0 or (written is not None and written.invoiced):
        return False
    return write_hold(SetQuantity.of(line, identity, line.quantity), mapping, facts) is not None


def is_edited(line: Line, facts: Facts) -> bool:
    """Whether `line` is not, in quantity and dates, what the ledger accounts for.

    The dates of a line that was set to 0 tell nothing: on whatever invoice it was, it billed nobody.
    """
    written = facts.ledger.get(line.addition_id)
    if written is None or (line.quantity == 0 and written.quantities == NOTHING):
        return False
    moved = line.effective_date not in (None, written.effective_date)
    stretched = written.cancelled_date is not None and line.cancelled_date != written.cancelled_date
    return line.quantity not in written.quantities or moved or stretched


def write_hold(write: Write, mapping: CompanyMapping, facts: Facts) -> Outcome | None:
    """Why `write` must not be made on its agreement as that is now; None where it may.

    A mapped agreement that ConnectWise now shows under another company than the mapped one would bill a stranger.
    """
    agreement = facts.agreements[write.agreement_id]
    mapped = agreement.id == mapping.agreement_id
    if mapped and agreement.company_id != mapping.company_id:
        return Outcome.MOVED
    if agreement.company_deleted:
        return Outcome.COMPANY_DELETED
    if not agreement.active or agreement.never_invoiced or _ended_before(agreement, write):
        return Outcome.AGREEMENT_INACTIVE
    if mapped and is_changed(agreement, mapping):
        return Outcome.AGREEMENT_CHANGED
    return None


def is_changed(agreement: Agreement, mapping: CompanyMapping) -> bool:
    """Whether the mapped agreement's terms differ from the accepted ones, or are terms on which we never bill."""
    return not can_be_billed(agreement.terms) or mapping.terms not in (None, agreement.terms)


def _ended_before(agreement: Agreement, write: Write) -> bool:
    return agreement.end_date is not None and agreement.end_date < write.effective_date
