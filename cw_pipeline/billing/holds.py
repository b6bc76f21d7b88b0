"""What is held: writes that the rule would make but a person has to decide on first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.window import is_invoiced, may_be_past

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cw_pipeline.billing.balance import Balance, Write
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line
    from cw_pipeline.billing.identity import Identity


_NOTHING = frozenset({Decimal(0)})


def invoiced_elsewhere(identities: Iterable[Identity], mapping: CompanyMapping, facts: Facts) -> Iterator[Line]:
    """The invoiced lines of the organization's month on another company's agreement: one holds the whole month.

    A line that was invoiced with quantity 0, or wholly credited, billed nobody and does not count.
    """
    for identity in identities:
        for line in facts.lines_of(identity):
            agreement = facts.agreements[line.agreement_id]
            elsewhere = agreement.company_id != mapping.company_id and is_invoiced(line, facts, identity.month)
            if elsewhere and (facts.counted(line) != 0 or is_edited(line, facts)):
                yield line


def edited_after_invoicing(plan_balance: Balance, facts: Facts) -> Line | None:
    """An invoiced line that is not as the ledger accounts for: nobody knows what was billed.

    A line that the ledger does not know is taken as it is.
    """
    return next((line for line in plan_balance.invoiced if is_edited(line, facts)), None)


def vanished_after_invoicing(identity: Identity, facts: Facts) -> Iterator[int]:
    """The addition ids of lines that ConnectWise no longer shows though they may have been invoiced.

    One that was surely not invoiced was deleted by a person, and its seats are simply put on a new line.
    """
    shown = {line.addition_id for line in facts.lines_of(identity)}
    for addition_id, written in facts.ledger.items():
        if written.serial_number != identity.serial_number or addition_id in shown or written.quantities == _NOTHING:
            continue
        if may_be_past(written.effective_date, facts.agreements.get(written.agreement_id)):
            yield addition_id


def is_edited(line: Line, facts: Facts) -> bool:
    """Whether ``line`` is not, in quantity and dates, what the ledger accounts for."""
    written = facts.ledger.get(line.addition_id)
    if written is None:
        return False
    moved = line.effective_date not in (None, written.effective_date)
    stretched = written.cancelled_date is not None and line.cancelled_date != written.cancelled_date
    return line.quantity not in written.quantities or moved or stretched


def write_hold(write: Write, mapping: CompanyMapping, facts: Facts) -> Outcome | None:
    """Why ``write`` must not be made on its agreement as that is now; None where it may.

    A mapped agreement that ConnectWise now shows under another company than the mapped one would bill a stranger.
    """
    agreement = facts.agreements[write.agreement_id]
    if agreement.id == mapping.agreement_id and agreement.company_id != mapping.company_id:
        return Outcome.MOVED
    if agreement.company_deleted:
        return Outcome.COMPANY_DELETED
    if not agreement.active or agreement.never_invoiced or _ended_before(agreement, write):
        return Outcome.AGREEMENT_INACTIVE
    return None


def _ended_before(agreement: Agreement, write: Write) -> bool:
    return agreement.end_date is not None and agreement.end_date < write.effective_date
