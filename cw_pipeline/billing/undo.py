"""Undoing a run: which of its lines get the quantity back that they had before, and why the others are left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.billing.holds import is_edited, unread_of, write_hold
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import State, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import SetQuantity, takes_away
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cw_pipeline.billing.facts import Facts, Line
    from cw_pipeline.vocabulary import Month

WhoseMonth: TypeAlias = "tuple[Month, str]"
"""An organization's month, by its id."""


@dataclass(frozen=True)
class Wrote:
    """What a run wrote on a line.

    Attributes:
        identity: Whose seats of which month the line carries.
        addition_id: The line.
        agreement_id: The agreement that it was written on.
        before: Its quantity before the run; 0 if the run created it.
        quantity: The one that the run gave it.
    """

    identity: Identity
    addition_id: int
    agreement_id: int
    before: Decimal
    quantity: Decimal

    @property
    def whose(self) -> WhoseMonth:
        """The organization's month."""
        return self.identity.month, self.identity.organization_id


class Kept(StrEnum):
    """Why a line is left as it is."""

    UNSETTLED = "unsettled"
    """What became of an earlier write for the organization's month is not known."""
    UNREAD = "unread"
    """ConnectWise shows something of the organization that cannot be read."""
    CHANGED = "changed"
    """Another run gave lines of the organization's month other quantities since, or a person accepted them."""
    GONE = "gone"
    """ConnectWise does not show it any more."""
    INVOICED = "invoiced"
    UNCLEAR = "unclear"
    """It is unknown whether it was invoiced."""
    EDITED = "edited"
    """Its quantity or days were changed by hand."""
    NOT_MAPPED = "not_mapped"
    """It would get seats, and the organization is not billed to its agreement's company for the month."""
    BY_HAND = "by_hand"
    """It would get seats, and people bill the same product by hand on its agreement."""
    HELD = "held"
    """Its agreement cannot bill it."""
    WAITING = "waiting"
    """It would get seats, which another line keeps."""


@dataclass(frozen=True)
class UndoLine:
    """What becomes of a line that a run wrote: a write, or the reason for which it is left.

    Attributes:
        wrote: What the run wrote.
        now: Its quantity in ConnectWise; None if it is not shown.
        write: What gives it back the quantity that it had before.
        kept: Why it is left.
        hold: Of `HELD`, why.
        changed_by: Of `CHANGED`, the run that did it.
    """

    wrote: Wrote
    now: Decimal | None
    write: SetQuantity | None = None
    kept: Kept | None = None
    hold: Outcome | None = None
    changed_by: str | None = None


def plan_undo(
    wrote: Sequence[Wrote], facts: Facts, *, changed: Mapping[WhoseMonth, str], unsettled: Collection[WhoseMonth]
) -> list[UndoLine]:
    """What becomes of each line that a run wrote; lines that have the quantity from before the run are left out.

    Seats are added to a line only if all that the run wrote for the organization's month is undone, and no other line
    that may be open carries seats, such as the one of which the line is a copy: else they could be on two lines.

    Args:
        wrote: What the run wrote, a line once.
        facts: What ConnectWise, the mappings and the ledger show now.
        changed: What was changed since, with the run that did it.
        unsettled: Where it is unknown what became of an earlier write.
    """
    plan: list[UndoLine] = []
    for one in wrote:
        lines = facts.lines_of(one.identity)
        shown = next((line for line in lines if line.addition_id == one.addition_id), None)
        if shown is None or shown.quantity != one.before:
            plan.append(_undo(one, shown, facts, changed.get(one.whose), unsettled=one.whose in unsettled))
    stuck = {line.wrote.whose for line in plan if line.kept}
    written = {one.addition_id for one in wrote}
    stuck |= {one.whose for one in wrote if _others_carry_seats(one, written, facts)}
    return [
        replace(line, write=None, kept=Kept.WAITING)
        if line.write and line.wrote.whose in stuck and not takes_away(line.write)
        else line
        for line in plan
    ]


def _others_carry_seats(wrote: Wrote, written: Collection[int], facts: Facts) -> bool:
    """Whether the organization's month has a line with seats that is not among the `written` ones, nor invoiced."""
    month, organization_id = wrote.whose
    return any(
        line.quantity and line.addition_id not in written and state_of(line, facts, month) is not State.INVOICED
        for plan in Plan
        for line in facts.lines_of(Identity(month, plan, organization_id))
    )


def _undo(  # noqa: PLR0911 - a reason each
    wrote: Wrote,
    shown: Line | None,
    facts: Facts,
    changed_by: str | None,
    *,
    unsettled: bool,
) -> UndoLine:
    """The write that undoes a line, or the first reason for which it is left."""
    line, identity = UndoLine(wrote, shown and shown.quantity), wrote.identity
    mapping = facts.mappings.get(identity.organization_id)
    if unsettled:
        return replace(line, kept=Kept.UNSETTLED)
    if changed_by is not None:
        return replace(line, kept=Kept.CHANGED, changed_by=changed_by)
    if unread_of([identity], mapping, facts):
        return replace(line, kept=Kept.UNREAD)
    if shown is None:
        return replace(line, kept=Kept.GONE)
    state = state_of(shown, facts, identity.month)
    if state is not State.OPEN:
        return replace(line, kept=Kept.INVOICED if state is State.INVOICED else Kept.UNCLEAR)
    if is_edited(shown, facts):
        return replace(line, kept=Kept.EDITED)
    write, agreement = SetQuantity.of(shown, identity, wrote.before), facts.agreements[shown.agreement_id]
    if not takes_away(write):
        if mapping is None or mapping.bill_from > identity.month or mapping.company_id != agreement.company_id:
            return replace(line, kept=Kept.NOT_MAPPED)
        if facts.by_hand.get((shown.agreement_id, shown.product_id)):
            return replace(line, kept=Kept.BY_HAND)
    hold = write_hold(write, mapping, facts)
    return replace(line, kept=Kept.HELD, hold=hold) if hold else replace(line, write=write)
