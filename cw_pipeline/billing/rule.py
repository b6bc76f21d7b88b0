"""The rule itself: from a month's usage and the facts to its preview.

Each organization's month goes through four steps: propose what its balance asks for, hold the month, hold single
lines, and block additions while seats cannot be taken away.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.exclusions import exclusion
from cw_pipeline.billing.holds import hold_line, hold_month
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview
from cw_pipeline.billing.proposals import Proposal, ReasonedLine, propose
from cw_pipeline.billing.reasons import LineWarnings, Reason, Waiting, WithoutProduct
from cw_pipeline.billing.unusual import Before, Unusual, unusual_usage, vanished
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import CompanyMapping, Facts, Usage
    from cw_pipeline.vocabulary import Month


def preview_month(
    month: Month, usage: Sequence[Usage], facts: Facts, before: Before | None = None
) -> Preview[Reason, LineWarnings]:
    """What a push would do for `month`: a line for each row of `usage`, each followed by what also happens.

    `usage` has at most one row an organization. Mapped organizations without a row count as usage 0, but what takes
    seats away for that reason is held as unusual until a person releases it. So is, or has a warning, usage that is
    unusual after what there was `before`.
    """
    before = before or Before()
    lines = [line for row in usage for line in _preview_row(row, month, facts, before)]
    missing = facts.mappings.keys() - {row.organization_id for row in usage}
    for organization_id in sorted(missing):
        unusual = vanished(organization_id, month, before)
        lines.extend(_preview_organization(None, facts.mappings[organization_id], month, facts, unusual))
    return Preview(month, sum(row.seats for row in usage), tuple(lines))


def _preview_row(row: Usage, month: Month, facts: Facts, before: Before) -> list[ReasonedLine]:
    mapping = facts.mappings.get(row.organization_id)
    excluded = exclusion(row, month, facts)
    if excluded is None and mapping is not None:
        return _preview_organization(row, mapping, month, facts, unusual_usage(row, month, before))
    row_line = ReasonedLine(
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        plan=row.plan,
        company_id=mapping.company_id if mapping else None,
        agreement_id=mapping.agreement_id if mapping else None,
        also=False,
        outcome=excluded or Outcome.UNMAPPED,
        seats=Decimal(row.seats),
        reason=row,
    )
    return [row_line, *(_preview_organization(None, mapping, month, facts, None) if mapping else ())]


def _preview_organization(
    row: Usage | None, mapping: CompanyMapping, month: Month, facts: Facts, unusual: Unusual | None
) -> list[ReasonedLine]:
    """One mapped organization's month: its lines brought to the usage of `row`, or to 0 where there is none.

    Where that is `unusual` and not released, it is held, or the row's line has a warning.
    """
    if (month, mapping.organization_id) in facts.released:
        unusual = None
    if month < mapping.bill_from:
        return []
    identities = [Identity(month, plan, mapping.organization_id) for plan in Plan]
    billed = [identity for identity in identities if identity.plan in facts.products]
    proposals = [proposal for identity in billed for proposal in propose(identity, row, mapping, facts)]
    decided = hold_month(proposals, identities, mapping, facts)
    if decided is None:
        decided = [hold_line(proposal, mapping, facts, unusual) for proposal in proposals]
        for identity in identities:
            if identity not in billed:
                decided += _lines_without_product(identity, row, mapping, facts)
        decided = _block_additions(decided)
    if unusual is not None and not any(one.line.outcome is Outcome.UNUSUAL for one in decided):
        decided = [one if one.line.also else one.warned(unusual) for one in decided]
    lines = [proposal.line for proposal in decided if proposal.is_reported]
    return sorted(lines, key=lambda line: line.also)


def _lines_without_product(
    identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts
) -> list[Proposal]:
    """The lines of a plan without a product: not touched, and so the seats on open ones are not added elsewhere."""
    proposals = propose(identity, row, mapping, facts)
    credit_due = [one for one in proposals if row is not None and one.line.outcome is Outcome.CREDIT_DUE]
    return credit_due + [
        proposal.stopped(Outcome.PRODUCT_UNMAPPED, WithoutProduct(write))
        for proposal in proposals
        for write in proposal.writes[:1]
        if proposal.line.outcome is Outcome.ZEROED and isinstance(write, SetQuantity)
    ]


def _block_additions(proposals: list[Proposal]) -> list[Proposal]:
    """Where seats cannot be taken away from one line, none are added to another: a seat is never on two lines."""
    stuck = next((one for one in proposals if one.takes_away and not one.line.writes), None)
    if stuck is None:
        return proposals
    reason = Waiting(stuck.line.reason)
    return [one.stopped(stuck.line.outcome, reason) if one.adds and one.line.writes else one for one in proposals]
