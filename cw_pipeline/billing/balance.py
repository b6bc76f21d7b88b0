"""The balance of one organization, month and plan: what its lines carry against what they should.

    target = usage - sum of the invoiced lines' quantity (less what was credited of it)

Open lines on another agreement than the mapped one, on another product than the plan's, that more or less than one
invoice would bill, or that bill somebody in a trial month or nobody after it, are set to 0 (they are *stale*). Of the
rest, one line carries the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import BILLABLE, DO_NOT_BILL, Line
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import NOTHING, State, bills_nobody, is_copy, needs_warning, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.window import is_billed_once, new_line_window
from cw_pipeline.billing.writes import CreateLine, SetQuantity, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import CompanyMapping, Facts

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Balance:
    """What is to be done for one identity so that invoiced and open lines together carry its usage."""

    identity: Identity
    target: Decimal
    outcome: Outcome
    writes: tuple[Write, ...]
    stale: tuple[SetQuantity, ...]
    """One write for each stale line that still carries seats."""
    invoiced: tuple[Line, ...]
    unclear: tuple[Line, ...]
    """Lines that count as open although they may be invoiced: nothing may be written while there is one."""
    copies: tuple[Line, ...]
    """Copies that carry seats, or did when they were found, and that may have been invoiced."""
    open: tuple[Line, ...]
    """The lines that are certainly open and not stale."""
    warned: tuple[Line, ...]
    """Lines with which something is wrong although their quantity is right."""
    credited: Decimal
    """How much of the invoiced lines was credited."""

    @property
    def kept(self) -> tuple[Line, ...]:
        """The open lines that carry seats and stay as they are."""
        written = {write.addition_id for write in self.writes if isinstance(write, SetQuantity)}
        return tuple(line for line in self.open if line.quantity and line.addition_id not in written)


def balance(identity: Identity, usage: int, mapping: CompanyMapping, facts: Facts) -> Balance:
    """What `usage` seats ask of the lines that carry `identity`.

    `facts.products` must have the identity's plan if `usage` is not 0.
    """
    lines = facts.lines_of(identity)
    states = {line: state_of(line, facts, identity.month) for line in lines}
    invoiced, unclear, copies = (
        tuple(line for line in lines if states[line] is state) for state in (State.INVOICED, State.UNCLEAR, State.COPY)
    )
    still_open = [line for line in lines if states[line] in {State.OPEN, State.UNCLEAR}]
    rest = [line for line in still_open if _may_carry_seats(line, states[line], mapping, facts, identity)]
    stale = [line for line in still_open if line not in rest]
    counted = facts.counted(*invoiced)
    target = usage - counted
    if target < 0:  # what billed nobody needs no credit
        target = max(target, -facts.counted(*(line for line in invoiced if not bills_nobody(line, facts))))
    if rest:
        outcome, writes = _balance_open_lines(identity, rest, target)
    else:
        outcome, writes = _balance_without_open_line(identity, target, mapping, facts)
        if outcome is Outcome.UNCHANGED and not lines and usage == 0:
            outcome = Outcome.ZERO_USAGE
    return Balance(
        identity=identity,
        target=target,
        outcome=outcome,
        writes=writes,
        stale=tuple(SetQuantity.of(line, identity, _ZERO) for line in stale if line.quantity != 0),
        invoiced=invoiced,
        unclear=unclear,
        copies=tuple(line for line in copies if line.quantity or facts.ledger[line.addition_id].quantities != NOTHING),
        open=tuple(line for line in rest if states[line] is State.OPEN),
        warned=tuple(line for line in lines if needs_warning(line, facts)),
        credited=sum((line.quantity for line in invoiced), _ZERO) - counted,
    )


def _may_carry_seats(line: Line, state: State, mapping: CompanyMapping, facts: Facts, identity: Identity) -> bool:
    """Whether a line that is not invoiced is where the seats belong, and will be billed once; else it is stale."""
    if (line.agreement_id, line.product_id) != (mapping.agreement_id, facts.products.get(identity.plan)):
        return False
    if state is State.UNCLEAR:
        return True
    if not _is_billed_to_whom_it_should(line, mapping, facts, identity):
        return False
    return is_billed_once(line, facts.agreements[line.agreement_id]) and not is_copy(line, facts)


def _is_billed_to_whom_it_should(line: Line, mapping: CompanyMapping, facts: Facts, identity: Identity) -> bool:
    """Whether a line of a trial month bills nobody, and one of another month is not left over from a trial.

    What else a person sets a line to, it stays.
    """
    if mapping.is_trial(identity.month):
        return line.bill_customer != BILLABLE
    written = facts.ledger.get(line.addition_id)
    return line.bill_customer != DO_NOT_BILL or written is None or not written.trial


def _balance_without_open_line(
    identity: Identity, target: Decimal, mapping: CompanyMapping, facts: Facts
) -> tuple[Outcome, tuple[Write, ...]]:
    if target == 0:
        return Outcome.UNCHANGED, ()
    if target < 0:
        return Outcome.CREDIT_DUE, ()
    agreement = facts.agreements.get(mapping.agreement_id)
    if agreement is None:  # deleted in ConnectWise: there is nothing to write to
        return Outcome.AGREEMENT_INACTIVE, ()
    window = new_line_window(agreement, identity.month)
    create = CreateLine(
        identity=identity,
        agreement_id=agreement.id,
        product_id=facts.products[identity.plan],
        quantity=target,
        effective_date=window.first,
        cancelled_date=window.last,
        trial=mapping.is_trial(identity.month),
    )
    return Outcome.CREATED, (create,)


def _balance_open_lines(
    identity: Identity, lines: Sequence[Line], target: Decimal
) -> tuple[Outcome, tuple[Write, ...]]:
    """The line with the lowest id carries the target and the others nothing, unless together they are right already."""
    carried = sum((line.quantity for line in lines), _ZERO)
    if carried == target:
        return Outcome.UNCHANGED, ()
    first, *others = lines
    intended = [(first, max(target, _ZERO)), *((line, _ZERO) for line in others)]
    writes = tuple(SetQuantity.of(line, identity, quantity) for line, quantity in intended if line.quantity != quantity)
    if target < 0:
        return Outcome.CREDIT_DUE, writes
    return (Outcome.ZEROED if target == 0 else Outcome.UPDATED), writes
