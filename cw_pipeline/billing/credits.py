"""What a person has to credit in ConnectWise: seats invoiced too much, or to another company."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cw_pipeline.billing.facts import Line
from cw_pipeline.billing.holds import invoiced_elsewhere
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import State, bills_nobody, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.billing.facts import Facts
    from cw_pipeline.billing.preview import Preview


@dataclass(frozen=True)
class Credit:
    """How many seats of an invoiced line are to be credited."""

    identity: Identity
    line: Line
    seats: Decimal


def credits_due(organization_id: str, preview: Preview[Any, Any], facts: Facts) -> tuple[Credit, ...]:
    """The credits that would resolve the organization's `moved` or `credit_due` in `preview`, made from `facts`."""
    identities = [Identity(preview.month, plan, organization_id) for plan in Plan]
    lines = [line for line in preview.lines if line.organization_id == organization_id]
    if any(line.outcome is Outcome.MOVED for line in lines):
        return tuple(
            Credit(identity, line, facts.counted(line))
            for identity in identities
            for line in invoiced_elsewhere([identity], facts.mappings[organization_id], facts)
        )
    used = {line.plan: Decimal(0) if line.also else line.seats for line in lines if line.outcome is Outcome.CREDIT_DUE}
    return tuple(
        credit
        for identity in identities
        if identity.plan in used
        for credit in _too_much(identity, used[identity.plan], facts)
    )


def _too_much(identity: Identity, used: Decimal, facts: Facts) -> Iterator[Credit]:
    """What the invoiced lines count for beyond the seats `used`, taken from the latest lines first."""
    invoiced = [line for line in facts.lines_of(identity) if state_of(line, facts, identity.month) is State.INVOICED]
    left = facts.counted(*invoiced) - used
    for line in reversed([line for line in invoiced if not bills_nobody(line, facts)]):
        seats = min(left, facts.counted(line))
        if seats > 0:
            yield Credit(identity, line, seats)
            left -= seats
