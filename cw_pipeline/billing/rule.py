"""The rule itself: from a month's usage and the facts to its preview."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing import hold_reasons, reasons
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
from cw_pipeline.billing.odd import left_out, odd
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.billing.writes import SetQuantity, Write, takes_away
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import CompanyMapping, Facts, Usage
    from cw_pipeline.vocabulary import Month

_NOTHING_TO_REPORT = frozenset({Outcome.UNCHANGED, Outcome.ZERO_USAGE})


def preview_month(month: Month, usage: Sequence[Usage], facts: Facts) -> Preview:
    """What a push would do for ``month``: a line for each row of ``usage``, each followed by what happens beside it.

    ``usage`` has at most one row an organization. Mapped organizations without a row count as usage 0, but what takes
    seats away for that reason waits for a person's word.
    """
    lines = [line for row in usage for line in _row_lines(row, month, facts)]
    missing = facts.mappings.keys() - {row.organization_id for row in usage}
    for organization_id in sorted(missing):
        unusual = (month, organization_id) not in facts.absences
        lines.extend(_settle(None, facts.mappings[organization_id], month, facts, unusual=unusual))
    return Preview(month, sum(row.seats for row in usage), tuple(lines))


def _row_lines(row: Usage, month: Month, facts: Facts) -> list[PreviewLine]:
    mapping = facts.mappings.get(row.organization_id)
    excluded = exclusion(row, month, facts)
    if excluded is None and mapping is not None:
        return _settle(row, mapping, month, facts)
    outcome = excluded or Outcome.UNMAPPED
    row_line = PreviewLine(
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        plan=row.plan,
        company_id=mapping.company_id if mapping else None,
        agreement_id=mapping.agreement_id if mapping else None,
        beside=False,
        outcome=outcome,
        seats=Decimal(row.seats),
        reason=reasons.excluded(outcome, row, mapping),
    )
    return [row_line, *(_settle(None, mapping, month, facts) if mapping else ())]


@dataclass(frozen=True)
class _Draft:
    """A preview line before holds: one plan's balance, or one stale line of it."""

    line: PreviewLine
    balance: Balance
    writes: tuple[Write, ...]
    kept: tuple[Line, ...] = ()
    """Open lines that carry seats and stay as they are."""

    @property
    def takes_away(self) -> bool:
        return any(takes_away(write) for write in self.writes)

    @property
    def adds(self) -> bool:
        return any(not takes_away(write) for write in self.writes)

    @property
    def matters(self) -> bool:
        return not self.line.beside or self.line.outcome not in _NOTHING_TO_REPORT or self.line.warning is not None

    def held_if(self, concerned: bool, outcome: Outcome, reason: str) -> _Draft:  # noqa: FBT001 - reads as a sentence
        """Held with its whole month, if there is anything to tell of it."""
        return self.held(outcome, reason) if concerned or self.matters else self

    def held(self, outcome: Outcome, reason: str) -> _Draft:
        return replace(self, line=replace(self.line, outcome=outcome, reason=reason, writes=(), to_credit=None))


def _settle(
    row: Usage | None, mapping: CompanyMapping, month: Month, facts: Facts, *, unusual: bool = False
) -> list[PreviewLine]:
    """One mapped organization's month: its lines brought to ``row``'s usage, or to 0 where ``row`` is None.

    Where that is ``unusual``, no seats are taken away.
    """
    if month < mapping.bill_from:
        return []
    identities = [Identity(month, plan, mapping.organization_id) for plan in Plan]
    drafts = [
        draft
        for identity in identities
        if identity.plan in facts.products
        for draft in _drafts(identity, row, mapping, facts)
    ]
    unread = unread_of(identities, mapping, facts)
    elsewhere = list(invoiced_elsewhere(identities, mapping, facts))
    if unread:
        outcome = Outcome.UNCONFIRMED if all(one.passes for one in unread) else Outcome.INVOICE_UNCLEAR
        reason = hold_reasons.unread(month, unread, mapping)
        unclear = [one for one in identities if any(may_be_billed_by(one, what, facts) for what in unread)]
        drafts = [draft.held_if(draft.balance.identity in unclear, outcome, reason) for draft in drafts]
    elif elsewhere:
        seats = sum(facts.counted(line) for line in elsewhere)
        reason = hold_reasons.moved(identities[0], elsewhere[0], mapping, facts, seats)
        drafts = [
            draft.held_if(any(line in draft.balance.invoiced for line in elsewhere), Outcome.MOVED, reason)
            for draft in drafts
        ]
    else:
        drafts = [_held_by_itself(draft, mapping, facts, unusual=unusual) for draft in drafts]
        drafts += [
            draft
            for identity in identities
            if identity.plan not in facts.products
            for draft in _untouchable(identity, row, mapping, facts)
        ]
        drafts = _in_order(drafts)
    lines = [draft.line for draft in drafts if draft.matters]
    return sorted(lines, key=lambda line: line.beside)


def _drafts(identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts) -> list[_Draft]:
    billed = row is not None and row.plan is identity.plan
    result = balance(identity, row.seats if row is not None and billed else 0, mapping, facts)
    main = PreviewLine(
        organization_id=mapping.organization_id,
        organization_name=row.organization_name if row else mapping.organization_name,
        plan=identity.plan,
        company_id=mapping.company_id,
        agreement_id=mapping.agreement_id,
        beside=not billed,
        outcome=result.outcome,
        seats=Decimal(row.seats) if row is not None and billed else _seats_beside(result),
        reason=reasons.balanced(result, mapping),
        warning=odd(identity, result.odd, facts),
        writes=result.writes,
        to_credit=-result.target if result.outcome is Outcome.CREDIT_DUE else None,
    )
    stale = [
        replace(
            main,
            company_id=facts.agreements[write.agreement_id].company_id,
            agreement_id=write.agreement_id,
            beside=True,
            outcome=Outcome.ZEROED,
            seats=write.before,
            reason=reasons.stale(write, mapping, facts),
            warning=None,
            writes=(write,),
            to_credit=None,
        )
        for write in result.stale
    ]
    return [_Draft(main, result, result.writes, result.kept), *(_Draft(line, result, line.writes) for line in stale)]


def _untouchable(identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts) -> list[_Draft]:
    """The lines of a plan without a product: not touched, and so the seats on open ones are not added elsewhere."""
    drafts = _drafts(identity, row, mapping, facts)
    credit_due = [draft for draft in drafts if row is not None and draft.line.outcome is Outcome.CREDIT_DUE]
    return credit_due + [
        draft.held(Outcome.PRODUCT_UNMAPPED, reasons.without_product(write))
        for draft in drafts
        for write in draft.writes[:1]
        if draft.line.outcome is Outcome.ZEROED and isinstance(write, SetQuantity)
    ]


def _seats_beside(result: Balance) -> Decimal:
    """The quantity that the lines of a plan that should carry nothing lose, or that was invoiced too much."""
    if result.outcome is Outcome.CREDIT_DUE:
        return -result.target
    return sum((write.before - write.quantity for write in result.writes), Decimal(0))


def _held_by_itself(draft: _Draft, mapping: CompanyMapping, facts: Facts, *, unusual: bool) -> _Draft:
    unclear = _unclear(draft.balance, mapping, facts)
    if unclear is not None:
        return draft.held(Outcome.INVOICE_UNCLEAR, unclear)
    identity = draft.balance.identity
    if unusual and (draft.takes_away or draft.line.outcome is Outcome.CREDIT_DUE):
        return draft.held(Outcome.UNUSUAL, hold_reasons.absent(identity, mapping))
    for write in (*draft.writes, *(SetQuantity.of(line, identity, line.quantity) for line in draft.kept)):
        hold = write_hold(write, mapping, facts)
        if hold is not None:
            return draft.held(hold, hold_reasons.write_held(hold, write, facts.agreements[write.agreement_id], mapping))
    for line in draft.balance.unclear:  # right as they are, but not where another company is billed for them
        as_it_is, agreement = SetQuantity.of(line, identity, line.quantity), facts.agreements[line.agreement_id]
        if line.quantity and write_hold(as_it_is, mapping, facts) is Outcome.MOVED:
            return draft.held(Outcome.MOVED, hold_reasons.write_held(Outcome.MOVED, as_it_is, agreement, mapping))
    return draft


def _unclear(result: Balance, mapping: CompanyMapping, facts: Facts) -> str | None:
    """Why nobody knows what a plan's lines billed, each of them named; None where it is known, or does not matter."""
    identity, ledger = result.identity, facts.ledger
    edited = edited_lines(result, facts)
    whys = [
        *(hold_reasons.edited(identity, line, ledger[line.addition_id]) for line in edited),
        *(
            hold_reasons.vanished(identity, number, ledger[number], mapping, facts.strangers.get(number))
            for number in vanished_lines(identity, facts)
        ),
        *(hold_reasons.claimed(identity, line, facts) for line in claimed_lines(identity, facts)),
        *(left_out(identity, line, facts) for line in short_lines(result, facts)),
    ]
    unclear = [line for line in result.unclear if line not in edited]
    if result.copies or (unclear and (whys or unclear_lines(result, mapping, facts))):
        whys.append(hold_reasons.unclear(identity, facts, result.copies, unclear))
    return " ".join(whys) or None


def _in_order(drafts: list[_Draft]) -> list[_Draft]:
    """Where seats cannot be taken away from one line, none are added to another: a seat is never on two lines."""
    stuck = next((draft for draft in drafts if draft.takes_away and not draft.line.writes), None)
    if stuck is None:
        return drafts
    reason = reasons.waiting(stuck.line.reason)
    return [draft.held(stuck.line.outcome, reason) if draft.adds and draft.line.writes else draft for draft in drafts]
