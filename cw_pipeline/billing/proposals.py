"""What the balance of one plan asks for, before holds: preview lines with the writes that they need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.billing.balance import Balance, balance
from cw_pipeline.billing.by_hand import seats_by_hand
from cw_pipeline.billing.facts import Line
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import PreviewLine
from cw_pipeline.billing.reasons import LineWarnings, Reason
from cw_pipeline.billing.writes import Write, takes_away

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import CompanyMapping, Facts, Usage
    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.billing.unusual import Unusual

ReasonedLine: TypeAlias = PreviewLine[Reason, LineWarnings]
_NOTHING_TO_REPORT = frozenset({Outcome.UNCHANGED, Outcome.ZERO_USAGE})


@dataclass(frozen=True)
class Proposal:
    """A preview line as the balance of its plan asks for it, or as it was stopped.

    Attributes:
        writes: What was proposed, even if the line is stopped.
        kept: The open lines that carry seats and stay as they are.
    """

    line: ReasonedLine
    balance: Balance
    writes: tuple[Write, ...]
    kept: tuple[Line, ...] = ()

    @property
    def takes_away(self) -> bool:
        """Whether a line was to lose seats."""
        return any(takes_away(write) for write in self.writes)

    @property
    def adds(self) -> bool:
        """Whether a line was to get seats."""
        return any(not takes_away(write) for write in self.writes)

    @property
    def is_reported(self) -> bool:
        """Whether it becomes a line of the preview: a plan other than the row's does if there is news of it."""
        return not self.line.also or self.line.outcome not in _NOTHING_TO_REPORT or self.line.warning is not None

    def stopped(self, outcome: Outcome, reason: Reason) -> Proposal:
        """The same line with this outcome, and nothing to write."""
        return replace(self, line=replace(self.line, outcome=outcome, reason=reason, writes=(), to_credit=None))

    def warned(self, unusual: Unusual) -> Proposal:
        """The same line, with the warning that its usage is unusual."""
        warnings = self.line.warning or LineWarnings(self.balance.identity)
        return replace(self, line=replace(self.line, warning=replace(warnings, unusual=unusual)))


def propose(identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts) -> list[Proposal]:
    """What the balance of one plan asks for: its own line first, then each stale line.

    `row` is the organization's usage row, of whichever plan; None if it has none, or an excluded one.
    """
    is_rows_plan = row is not None and row.plan is identity.plan
    usage = row.seats if row is not None and is_rows_plan else 0
    result = balance(identity, usage, mapping, facts)
    main = ReasonedLine(
        organization_id=mapping.organization_id,
        organization_name=row.organization_name if row else mapping.organization_name,
        plan=identity.plan,
        company_id=mapping.company_id,
        agreement_id=mapping.agreement_id,
        also=not is_rows_plan,
        outcome=result.outcome,
        seats=Decimal(usage) if is_rows_plan else _seats_lost(result),
        reason=result,
        warning=LineWarnings(identity, result.warned) if result.warned else None,
        writes=result.writes,
        to_credit=-result.target if result.outcome is Outcome.CREDIT_DUE else None,
        by_hand=seats_by_hand(result, mapping, facts),
    )
    stale = [
        replace(
            main,
            company_id=facts.agreements[write.agreement_id].company_id,
            agreement_id=write.agreement_id,
            also=True,
            outcome=Outcome.ZEROED,
            seats=write.before,
            reason=write,
            warning=None,
            writes=(write,),
            to_credit=None,
            by_hand=None,
        )
        for write in result.stale
    ]
    return [
        Proposal(main, result, result.writes, result.kept),
        *(Proposal(line, result, line.writes) for line in stale),
    ]


def _seats_lost(result: Balance) -> Decimal:
    """What a plan without usage loses: what was invoiced too much, or else what its open lines lose."""
    if result.outcome is Outcome.CREDIT_DUE:
        return -result.target
    return sum((write.before - write.quantity for write in result.writes), Decimal(0))
