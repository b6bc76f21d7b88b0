"""A preview as people are shown it: the rule's reasons and warnings in sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from cw_pipeline.billing.balance import Balance
from cw_pipeline.billing.facts import Usage
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.preview import Preview, PreviewLine
from cw_pipeline.billing.reasons import (
    BilledByHand,
    CannotBeRead,
    InvoiceUnclear,
    LineWarnings,
    Moved,
    Reason,
    Waiting,
)
from cw_pipeline.billing.unusual import Unusual
from cw_pipeline.billing.writes import CreateLine, SetQuantity
from cw_pipeline.wording import by_hand, hold_reasons, outcome_reasons, unusual_usage
from cw_pipeline.wording.line_warnings import left_out, line_warning

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Facts
    from cw_pipeline.vocabulary import Month


def preview_in_words(preview: Preview[Reason, LineWarnings], facts: Facts) -> Preview:
    """`preview`, which was made from `facts`, with a sentence for each reason and warning."""
    lines = (_line_in_words(line, preview.month, facts) for line in preview.lines)
    return Preview(preview.month, preview.usage_seats, tuple(lines))


def _line_in_words(line: PreviewLine[Reason, LineWarnings], month: Month, facts: Facts) -> PreviewLine:
    reason = _reason_in_words(line.reason, line.outcome, month, facts)
    warnings = [line_warning(line.warning.identity, one, facts) for one in line.warning.lines] if line.warning else []
    if line.warning and line.warning.unusual:
        warnings.append(unusual_usage.warned(line.warning.unusual))
    return replace(cast("PreviewLine[Any, Any]", line), reason=reason, warning=" ".join(warnings) or None)


def _reason_in_words(  # noqa: C901, PLR0911 - a case for each kind
    reason: Reason, outcome: Outcome, month: Month, facts: Facts
) -> str:
    """Why a line of the preview of `month` came to its `outcome`, and what a person can do about it."""
    match reason:
        case Usage():
            return outcome_reasons.excluded(outcome, reason, month, facts)
        case Balance():
            return outcome_reasons.balanced(reason, facts)
        case SetQuantity() if outcome is Outcome.ZEROED:
            return outcome_reasons.stale(reason, facts)
        case SetQuantity() if outcome is Outcome.PRODUCT_UNMAPPED:
            return outcome_reasons.without_product(reason)
        case CreateLine() | SetQuantity():
            mapping = facts.mappings[reason.identity.organization_id]
            return hold_reasons.write_held(outcome, reason, facts.agreements[reason.agreement_id], mapping)
        case CannotBeRead(organization_id, records):
            return hold_reasons.unread(month, records, facts.mappings[organization_id])
        case Moved():
            return hold_reasons.moved(reason, facts)
        case InvoiceUnclear():
            return _invoice_unclear(reason, facts)
        case Unusual():
            return unusual_usage.held(reason, facts.mappings[reason.organization_id])
        case BilledByHand():
            return by_hand.held(reason, facts)
        case Waiting(on):
            return outcome_reasons.waiting(_reason_in_words(on, outcome, month, facts))


def _invoice_unclear(reason: InvoiceUnclear, facts: Facts) -> str:
    """Each of the lines in turn."""
    identity, ledger = reason.identity, facts.ledger
    sentences = [
        *(hold_reasons.edited(identity, line, ledger[line.addition_id]) for line in reason.edited),
        *(hold_reasons.vanished(identity, addition_id, facts) for addition_id in reason.vanished),
        *(hold_reasons.claimed(identity, line, facts) for line in reason.claimed),
        *(left_out(identity, line, facts) for line in reason.short),
    ]
    if reason.copies or reason.unclear:
        sentences.append(hold_reasons.unclear(identity, facts, reason.copies, reason.unclear))
    return " ".join(sentences)
