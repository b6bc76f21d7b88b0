"""The balance of one organization, month and plan: what its lines carry against what they should.

    target = usage - sum of the invoiced lines' quantity (less what was credited of it)

Open lines on another agreement than the mapped one, on another product than the plan's, that more or less than one
invoice would bill, or that bill somebody in a trial month or nobody after it, are *stale* and set to 0. Of the rest,
one line carries the target.
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

    def lines_in(*wanted: State) -> tuple[Line, ...]:
        return tuple(line for line in lines if states[line] in wanted)

    invoiced, not_invoiced = lines_in(State.INVOICED), lines_in(State.OPEN, State.UNCLEAR)
    usable = [line for line in not_invoiced if _may_carry_seats(line, states[line], mapping, facts, identity)]
    counted = facts.counted(*invoiced)
    target = usage - counted
    if target < 0:  # what billed nobody needs no credit
        target = max(target, -facts.counted(*(line for line in invoiced if not bills_nobody(line, facts))))
    outcome, writes = _reach(target, identity, usable, mapping, facts)
    if outcome is Outcome.UNCHANGED and usage == 0 and not lines:
        outcome = Outcome.ZERO_USAGE
    return Balance(
        identity=identity,
        target=target,
        outcome=outcome,
        writes=writes,
        stale=tuple(
            SetQuantity.of(line, identity, _ZERO) for line in not_invoiced if line not in usable and line.quantity != 0
        ),
        invoiced=invoiced,
        unclear=lines_in(State.UNCLEAR),
        copies=tuple(
            line
            for line in lines_in(State.COPY)
            if line.quantity or facts.ledger[line.addition_id].quantities != NOTHING
        ),
        open=tuple(line for line in usable if states[line] is State.OPEN),
        warned=tuple(line for line in lines if needs_warning(line, facts)),
        credited=sum((line.quantity for line in invoiced), _ZERO) - counted,
    )


def _reach(
    target: Decimal, identity: Identity, lines: Sequence[Line], mapping: CompanyMapping, facts: Facts
) -> tuple[Outcome, tuple[Write, ...]]:
    """What it takes for the open `lines`, which are not stale, to carry `target` together.

    The one with the lowest id carries it and the others nothing, unless together they are right already.
    """
    if not lines and target > 0 and identity.plan in facts.products:
        return _create_line(target, identity, mapping, facts)
    if not lines:
        return (Outcome.CREDIT_DUE if target < 0 else Outcome.UNCHANGED), ()
    if sum(line.quantity for line in lines) == target:
        return Outcome.UNCHANGED, ()
    lowest, *others = lines
    intended = [(lowest, max(target, _ZERO)), *((line, _ZERO) for line in others)]
    writes = tuple(SetQuantity.of(line, identity, quantity) for line, quantity in intended if line.quantity != quantity)
    if target < 0:
        return Outcome.CREDIT_DUE, writes
    return (Outcome.UPDATED if target > 0 else Outcome.ZEROED), writes


def _create_line(
    target: Decimal, identity: Identity, mapping: CompanyMapping, facts: Facts
) -> tuple[Outcome, tuple[Write, ...]]:
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


def _may_carry_seats(line: Line, state: State, mapping: CompanyMapping, facts: Facts, identity: Identity) -> bool:
    """Whether a line that is not invoiced is where the seats belong, and will be billed once; else it is stale."""
    if (line.agreement_id, line.product_id) != (mapping.agreement_id, facts.products.get(identity.plan)):
        return False
    if state is State.UNCLEAR:
        return True
    if not _bills_whom_it_should(line, mapping, facts, identity):
        return False
    return is_billed_once(line, facts.agreements[line.agreement_id]) and not is_copy(line, facts)


def _bills_whom_it_should(line: Line, mapping: CompanyMapping, facts: Facts, identity: Identity) -> bool:
    """Whether a line of a trial month bills nobody, and one of another month is not left over from a trial.

    Whatever else a person sets `billCustomer` to, it stays.
    """
    if mapping.is_trial(identity.month):
        return line.bill_customer != BILLABLE
    written = facts.ledger.get(line.addition_id)
    return line.bill_customer != DO_NOT_BILL or written is None or not written.trial
