"""Undoing a run: which of its lines get their earlier quantity back, and why the others are kept as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from cw_pipeline.billing.holds import is_edited, unread_of, write_hold
from cw_pipeline.billing.identity import Identity, OrganizationMonth
from cw_pipeline.billing.invoiced import State, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import SetQuantity, takes_away
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cw_pipeline.billing.facts import Facts, Line


@dataclass(frozen=True)
class Wrote:
    """What a run wrote on a line: its quantity `before` the run, 0 if the run created it, and after."""

    identity: Identity
    addition_id: int
    agreement_id: int
    before: Decimal
    quantity: Decimal


class Kept(StrEnum):
    """Why a line is left as it is."""

    UNSETTLED = "unsettled"
    """The result of an earlier write for the organization's month is unknown."""
    UNREAD = "unread"
    """ConnectWise shows a record of the organization that cannot be read."""
    CHANGED = "changed"
    """Since then another run changed quantities of the organization's month, or a person accepted them."""
    GONE = "gone"
    """ConnectWise no longer shows it."""
    INVOICED = "invoiced"
    UNCLEAR = "unclear"
    """It is unknown whether it was invoiced."""
    EDITED = "edited"
    """Its quantity or days were changed by hand."""
    NOT_MAPPED = "not_mapped"
    """It would get seats, but the organization is not billed to its agreement's company for the month."""
    BY_HAND = "by_hand"
    """It would get seats, but people bill the same product by hand on its agreement."""
    WAITING = "waiting"
    """It would get seats that another line keeps."""


@dataclass(frozen=True)
class UndoLine:
    """What undoing a run does about a line that the run wrote: a write, or the reason to keep the line as it is.

    Attributes:
        now: The line's quantity in ConnectWise; None if it is not shown.
        write: Sets the quantity from before the run.
        kept: Why the line is kept; an outcome if its agreement cannot bill it.
        changed_by: If it is `CHANGED`, the run that did it.
    """

    wrote: Wrote
    now: Decimal | None
    write: SetQuantity | None = None
    kept: Kept | Outcome | None = None
    changed_by: str | None = None


def plan_undo(
    wrote: Sequence[Wrote],
    facts: Facts,
    *,
    changed: Mapping[OrganizationMonth, str],
    unsettled: Collection[OrganizationMonth],
) -> list[UndoLine]:
    """What undoing a run does about each line that it wrote, without those that have the earlier quantity already.

    Seats are added to a line only if everything that the run wrote for the organization's month is undone, and no other
    line that may be open carries seats, such as the original of a copy: otherwise they could be on two lines.

    Args:
        wrote: What the run wrote, each line once.
        facts: What ConnectWise, the mappings and the ledger show now.
        changed: What was changed since, with the run that did it.
        unsettled: Where the result of an earlier write is unknown.
    """
    plan: list[UndoLine] = []
    for entry in wrote:
        identity, month = entry.identity, entry.identity.organization_month
        shown = {line.addition_id: line for line in facts.lines_of(identity)}
        line = shown.get(entry.addition_id)
        if line is not None and line.quantity == entry.before:
            continue
        if month in unsettled:
            kept = Kept.UNSETTLED
        elif month in changed:
            kept = Kept.CHANGED
        else:
            kept = _why_kept(entry, line, facts)
        write = SetQuantity.of(line, identity, entry.before) if line and not kept else None
        plan.append(UndoLine(entry, line and line.quantity, write, kept, changed.get(month)))
    stuck = {line.wrote.identity.organization_month for line in plan if line.kept}
    written = {entry.addition_id for entry in wrote}
    stuck |= {entry.identity.organization_month for entry in wrote if _others_carry_seats(entry, written, facts)}
    return [
        replace(line, write=None, kept=Kept.WAITING)
        if line.write and line.wrote.identity.organization_month in stuck and not takes_away(line.write)
        else line
        for line in plan
    ]


def _others_carry_seats(wrote: Wrote, written: Collection[int], facts: Facts) -> bool:
    """Whether the organization's month has a line with seats that is neither among the `written` ones nor invoiced."""
    month, organization_id = wrote.identity.organization_month
    return any(
        line.quantity and line.addition_id not in written and state_of(line, facts, month) is not State.INVOICED
        for plan in Plan
        for line in facts.lines_of(Identity(month, plan, organization_id))
    )


def _why_kept(wrote: Wrote, line: Line | None, facts: Facts) -> Kept | Outcome | None:  # noqa: PLR0911 - a reason each
    """The first reason, if there is any, to keep `line` as it is now."""
    identity = wrote.identity
    mapping = facts.mappings.get(identity.organization_id)
    if unread_of([identity], mapping, facts):
        return Kept.UNREAD
    if line is None:
        return Kept.GONE
    state = state_of(line, facts, identity.month)
    if state is not State.OPEN:
        return Kept.INVOICED if state is State.INVOICED else Kept.UNCLEAR
    if is_edited(line, facts):
        return Kept.EDITED
    write = SetQuantity.of(line, identity, wrote.before)
    if not takes_away(write):
        company_id = facts.agreements[line.agreement_id].company_id
        if mapping is None or mapping.bill_from > identity.month or mapping.company_id != company_id:
            return Kept.NOT_MAPPED
        if facts.by_hand.get((line.agreement_id, line.product_id)):
            return Kept.BY_HAND
    return write_hold(write, mapping, facts)
