"""The rule itself: from a month's usage and the facts to its preview.

Each organization's month goes through four steps: propose what the balance of each plan asks for, hold the month, hold
single lines, and block additions while seats cannot be taken away.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.holds import hold_line, hold_month
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview
from cw_pipeline.billing.proposals import Proposal, ReasonedLine, propose
from cw_pipeline.billing.reasons import LineWarnings, Reason, Waiting
from cw_pipeline.billing.unusual import Baseline, Unusual, unusual_usage, vanished
from cw_pipeline.vocabulary import LicenseType, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.facts import CompanyMapping, Facts, Usage
    from cw_pipeline.vocabulary import Month


def preview_month(
    month: Month, usage: Sequence[Usage], facts: Facts, baseline: Baseline | None = None
) -> Preview[Reason, LineWarnings]:
    """What a push of `month` would do: a line for each row of `usage`, each followed by what also happens.

    `usage` has at most one row per organization. A mapped organization without a row counts as usage 0, but its seats
    are held until a person releases that. Usage that is unusual beside the `baseline` has a warning, or is held.
    """
    baseline = baseline or Baseline()
    lines = [line for row in usage for line in _preview_row(row, month, facts, baseline)]
    for organization_id in sorted(facts.mappings.keys() - {row.organization_id for row in usage}):
        unusual = vanished(organization_id, month, baseline)
        lines += _preview_organization(None, facts.mappings[organization_id], month, facts, unusual)
    return Preview(month, sum(row.seats for row in usage), tuple(lines))


def _preview_row(row: Usage, month: Month, facts: Facts, baseline: Baseline) -> list[ReasonedLine]:
    mapping = facts.mappings.get(row.organization_id)
    excluded = _exclusion(row, mapping, month, facts)
    if excluded is None and mapping is not None:
        return _preview_organization(row, mapping, month, facts, unusual_usage(row, month, baseline))
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


def _exclusion(row: Usage, mapping: CompanyMapping | None, month: Month, facts: Facts) -> Outcome | None:
    """The first reason not to bill `row`; None if it is billed."""
    reasons = (
        (Outcome.NOT_MANAGED, not row.managed),
        (Outcome.NFR, row.license_type is LicenseType.NFR),
        (Outcome.TRIAL, row.license_type is LicenseType.TRIAL),
        (Outcome.UNMAPPED, mapping is None),
        (Outcome.BEFORE_BILL_FROM, mapping is not None and month < mapping.bill_from),
        (Outcome.PRODUCT_UNMAPPED, row.plan not in facts.products),
    )
    return next((outcome for outcome, applies in reasons if applies), None)


def _preview_organization(
    row: Usage | None, mapping: CompanyMapping, month: Month, facts: Facts, unusual: Unusual | None
) -> list[ReasonedLine]:
    """A mapped organization's month: its lines brought to the usage of `row`, or to 0 without one.

    What is `unusual` and not released holds the organization, or its row's line has a warning.
    """
    if month < mapping.bill_from:
        return []
    if (month, mapping.organization_id) in facts.released:
        unusual = None
    identities = [Identity(month, plan, mapping.organization_id) for plan in Plan]
    proposals: list[Proposal] = []
    untouched: list[Proposal] = []
    for identity in identities:
        if identity.plan in facts.products:
            proposals += propose(identity, row, mapping, facts)
        else:
            untouched += _lines_without_product(identity, row, mapping, facts)
    decided = hold_month(proposals, identities, mapping, facts)
    if decided is None:
        held = [hold_line(proposal, mapping, facts, unusual) for proposal in proposals]
        decided = _block_additions(held + untouched)
    if unusual is not None and not any(proposal.line.outcome is Outcome.UNUSUAL for proposal in decided):
        decided = [proposal if proposal.line.also else proposal.warned(unusual) for proposal in decided]
    lines = [proposal.line for proposal in decided if proposal.is_reported]
    return sorted(lines, key=lambda line: line.also)


def _lines_without_product(
    identity: Identity, row: Usage | None, mapping: CompanyMapping, facts: Facts
) -> list[Proposal]:
    """The lines of a plan without a product: they are not touched, so their seats are not added elsewhere either."""
    reported: list[Proposal] = []
    for proposal in propose(identity, row, mapping, facts):
        if proposal.line.outcome is Outcome.ZEROED:
            reported.append(proposal.stopped(Outcome.PRODUCT_UNMAPPED, proposal.writes[0]))
        elif proposal.line.outcome is Outcome.CREDIT_DUE and row is not None:
            reported.append(proposal)
    return reported


def _block_additions(proposals: list[Proposal]) -> list[Proposal]:
    """Where seats cannot be taken away from one line, none are added to another: a seat is never on two lines."""
    stuck = next((proposal for proposal in proposals if proposal.takes_away and not proposal.line.writes), None)
    if stuck is None:
        return proposals
    outcome, reason = stuck.line.outcome, Waiting(stuck.line.reason)
    return [
        proposal.stopped(outcome, reason) if proposal.adds and proposal.line.writes else proposal
        for proposal in proposals
    ]
