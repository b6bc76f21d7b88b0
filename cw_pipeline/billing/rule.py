"""The rule itself: from a month's usage and the facts to its preview.

Each organization's month goes through four steps: propose what its balance asks for, hold the month, hold the line,
and block additions while seats cannot be taken away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.billing.balance import Balance, balance
from cw_pipeline.billing.exclusions import exclusion
from cw_pipeline.billing.facts import Line
from cw_pipeline.billing.holds import (
    claimed_lines,
    edited_lines,
    invoiced_elsewhere,
    may_be_billed_by,
    short_lines,
    unclear_lines,
    unread_of,
    vanished_lines,
    write_hold,
)
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.billing.reasons import (
    Absent,
    Balanced,
    CannotBeRead,
    Excluded,
    InvoiceUnclear,
    Moved,
    OddLines,
    Reason,
    Stale,
    Waiting,
    WithoutProduct,
    WriteHeld,
)
from cw_pipeline.billing.writes import SetQuantity, Write, takes_away
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import CompanyMapping, Facts, Usage
    from cw_pipeline.vocabulary import Month

_Line: TypeAlias = PreviewLine[Reason, OddLines]
_NOTHING_TO_REPORT = frozenset({Outcome.UNCHANGED, Outcome.ZERO_USAGE})


def preview_month(month: Month, usage: Sequence[Usage], facts: Facts) -> Preview[Reason, OddLines]:
    """What a push would do for `month`: a line for each row of `usage`, each followed by what also happens.

    `usage` has at most one row an organization. Mapped organizations without a row count as usage 0, but what takes
    seats away for that reason is held as unusual until a person accepts it.
    """
    lines = [line for row in usage for line in _preview_row(row, month, facts)]
    missing = facts.mappings.keys() - {row.organization_id for row in usage}
    for organization_id in sorted(missing):
        unusual = (month, organization_id) not in facts.absences
        lines.extend(_preview_organization(None, facts.mappings[organization_id], month, facts, unusual=unusual))
    return Preview(month, sum(row.seats for row in usage), tuple(lines))


def _preview_row(row: Usage, month: Month, facts: Facts) -> list[_Line]:
    mapping = facts.mappings.get(row.organization_id)
    excluded = exclusion(row, month, facts)
    if excluded is None and mapping is not None:
        return _preview_organization(row, mapping, month, facts)
    outcome = excluded or Outcome.UNMAPPED
    row_line = _Line(
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        plan=row.plan,
        company_id=mapping.company_id if mapping else None,
        agreement_id=mapping.agreement_id if mapping else None,
        also=False,
        outcome=outcome,
        seats=Decimal(row.seats),
        reason=Excluded(outcome, row),
    )
    return [row_line, *(_preview_organization(None, mapping, month, facts) if mapping else ())]


def _preview_organization(
    row: Usage | None, mapping: CompanyMapping, month: Month, facts: Facts, *, unusual: bool = False
) -> list[_Line]:
    """One mapped organization's month: its lines brought to the usage of `row`, or to 0 where there is none.

    Where that is `unusual`, no seats are taken away.
    """
    if month < mapping.bill_from:
        return []
    identities = [Identity(month, plan, mapping.organization_id) for plan in Plan]
    billed = [identity for identity in identities if identity.plan in facts.products]
    proposals = [proposal for identity in billed for proposal in _propose(identity, row, mapping, facts)]
    held = _hold_month(proposals, identities, mapping, facts)
    if held is None:
        held = [_apply_holds(proposal, mapping, facts, unusual=unusual) for proposal in proposals]
        for identity in identities:
            if identity not in billed:
                held += _lines_without_product(identity, row, mapping, facts)
        held = _block_additions(held)
    lines = [proposal.line for proposal in held if proposal.is_reported]
    return sorted(lines, key=lambda line: line.also)


@dataclass(frozen=True)
class _Proposal:
    """What one plan's balance asks for, or that one stale line of it be set to 0."""

    line: _Line
    balance: Balance
    writes: tuple[Write, ...]
    """What was proposed; of a held line, what is not done."""
    kept: tuple[Line, ...] = ()
    """Open lines that carry seats and stay as they are."""

    @property
    def takes_away(self) -> bool:
        return any(takes_away(write) for write in self.writes)

    @property
    def adds(self) -> bool:
        return any(not takes_away(write) for write in self.writes)

    @property
    def is_reported(self) -> bool:
        """Whether it becomes a line of the preview: a plan that is not the row's does where there is news of it."""
        return not self.line.also or self.line.outcome not in _NOTHING_TO_REPORT or self.line.warning is not None

    def held(self, outcome: Outcome, reason: Reason) -> _Proposal:
        return replace(self, line=replace(self.line, outcome=outcome, reason=reason, writes=(), to_credit=None))


def _propose(identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts) -> list[_Proposal]:
    """What the balance of one plan asks for: its own line first, then each stale line."""
    is_rows_plan = row is not None and row.plan is identity.plan
    usage = row.seats if row is not None and is_rows_plan else 0
    result = balance(identity, usage, mapping, facts)
    main = _Line(
        organization_id=mapping.organization_id,
        organization_name=row.organization_name if row else mapping.organization_name,
        plan=identity.plan,
        company_id=mapping.company_id,
        agreement_id=mapping.agreement_id,
        also=not is_rows_plan,
        outcome=result.outcome,
        seats=Decimal(usage) if is_rows_plan else _seats_lost(result),
        reason=Balanced(result),
        warning=OddLines(identity, result.odd) if result.odd else None,
        writes=result.writes,
        to_credit=-result.target if result.outcome is Outcome.CREDIT_DUE else None,
    )
    stale = [
        replace(
            main,
            company_id=facts.agreements[write.agreement_id].company_id,
            agreement_id=write.agreement_id,
            also=True,
            outcome=Outcome.ZEROED,
            seats=write.before,
            reason=Stale(write),
            warning=None,
            writes=(write,),
            to_credit=None,
        )
        for write in result.stale
    ]
    return [
        _Proposal(main, result, result.writes, result.kept),
        *(_Proposal(line, result, line.writes) for line in stale),
    ]


def _seats_lost(result: Balance) -> Decimal:
    """The quantity that the lines of a plan that should carry nothing lose, or that was invoiced too much."""
    if result.outcome is Outcome.CREDIT_DUE:
        return -result.target
    return sum((write.before - write.quantity for write in result.writes), Decimal(0))


def _hold_month(
    proposals: Sequence[_Proposal], identities: Sequence[Identity], mapping: CompanyMapping, facts: Facts
) -> list[_Proposal] | None:
    """Hold all that is reported of an organization's month, and every plan that the hold is about; None: no hold."""
    unread = unread_of(identities, mapping, facts)
    elsewhere = list(invoiced_elsewhere(identities, mapping, facts))
    if unread:
        outcome = Outcome.UNCONFIRMED if all(one.passes for one in unread) else Outcome.INVOICE_UNCLEAR
        reason = CannotBeRead(mapping.organization_id, identities[0].month, tuple(unread))
        about = {one for one in identities if any(may_be_billed_by(one, what, facts) for what in unread)}
    elif elsewhere:
        outcome = Outcome.MOVED
        seats = sum((facts.counted(line) for line in elsewhere), Decimal(0))
        reason = Moved(identities[0], elsewhere[0], seats)
        about = {one for one in identities if any(line.serial_number == one.serial_number for line in elsewhere)}
    else:
        return None
    return [one.held(outcome, reason) if one.is_reported or one.balance.identity in about else one for one in proposals]


def _apply_holds(proposal: _Proposal, mapping: CompanyMapping, facts: Facts, *, unusual: bool) -> _Proposal:
    """Hold one line, for the first reason that applies."""
    unclear = _invoice_unclear(proposal.balance, mapping, facts)
    if unclear is not None:
        return proposal.held(Outcome.INVOICE_UNCLEAR, unclear)
    identity = proposal.balance.identity
    if unusual and (proposal.takes_away or proposal.line.outcome is Outcome.CREDIT_DUE):
        return proposal.held(Outcome.UNUSUAL, Absent(identity))
    for write in (*proposal.writes, *(SetQuantity.of(line, identity, line.quantity) for line in proposal.kept)):
        hold = write_hold(write, mapping, facts)
        if hold is not None:
            return proposal.held(hold, WriteHeld(hold, write))
    for line in proposal.balance.unclear:  # right as they are, but not where another company is billed for them
        as_it_is = SetQuantity.of(line, identity, line.quantity)
        if line.quantity and write_hold(as_it_is, mapping, facts) is Outcome.MOVED:
            return proposal.held(Outcome.MOVED, WriteHeld(Outcome.MOVED, as_it_is))
    return proposal


def _invoice_unclear(result: Balance, mapping: CompanyMapping, facts: Facts) -> InvoiceUnclear | None:
    """The lines of a plan of which nobody knows what they billed; None where it is known, or does not matter."""
    identity = result.identity
    edited = edited_lines(result, facts)
    vanished = tuple(vanished_lines(identity, facts))
    claimed = tuple(claimed_lines(identity, facts))
    short = short_lines(result, facts)
    others = tuple(line for line in result.unclear if line not in edited)
    in_the_way = edited or vanished or claimed or short or unclear_lines(result, mapping, facts)
    unclear = others if result.copies or in_the_way else ()
    if not (edited or vanished or claimed or short or result.copies or unclear):
        return None
    return InvoiceUnclear(identity, edited, vanished, claimed, short, result.copies, unclear)


def _lines_without_product(
    identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts
) -> list[_Proposal]:
    """The lines of a plan without a product: not touched, and so the seats on open ones are not added elsewhere."""
    proposals = _propose(identity, row, mapping, facts)
    credit_due = [one for one in proposals if row is not None and one.line.outcome is Outcome.CREDIT_DUE]
    return credit_due + [
        proposal.held(Outcome.PRODUCT_UNMAPPED, WithoutProduct(write))
        for proposal in proposals
        for write in proposal.writes[:1]
        if proposal.line.outcome is Outcome.ZEROED and isinstance(write, SetQuantity)
    ]


def _block_additions(proposals: list[_Proposal]) -> list[_Proposal]:
    """Where seats cannot be taken away from one line, none are added to another: a seat is never on two lines."""
    stuck = next((one for one in proposals if one.takes_away and not one.line.writes), None)
    if stuck is None:
        return proposals
    reason = Waiting(stuck.line.reason)
    return [one.held(stuck.line.outcome, reason) if one.adds and one.line.writes else one for one in proposals]
