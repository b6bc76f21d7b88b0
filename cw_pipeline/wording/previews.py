"""A preview as people are shown it: the rule's reasons and warnings in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from cw_pipeline.wording import hold_reasons, reasons
from cw_pipeline.wording.odd_lines import left_out, odd

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Facts


def preview_in_words(preview: Preview[Reason, OddLines], facts: Facts) -> Preview:
    """`preview`, which was made from `facts`, with a sentence for each reason and warning."""
    return Preview(preview.month, preview.usage_seats, tuple(_line_in_words(line, facts) for line in preview.lines))


def _line_in_words(line: PreviewLine[Reason, OddLines], facts: Facts) -> PreviewLine:
    return PreviewLine(
        organization_id=line.organization_id,
        organization_name=line.organization_name,
        plan=line.plan,
        company_id=line.company_id,
        agreement_id=line.agreement_id,
        also=line.also,
        outcome=line.outcome,
        seats=line.seats,
        reason=reason_in_words(line.reason, facts),
        warning=odd(line.warning.identity, line.warning.lines, facts) if line.warning else None,
        writes=line.writes,
        to_credit=line.to_credit,
    )


def reason_in_words(reason: Reason, facts: Facts) -> str:  # noqa: C901, PLR0911 - a case for each kind
    """Why a line of a preview made from `facts` came to its outcome, and what a person can do about it."""
    match reason:
        case Excluded(outcome, row):
            return reasons.excluded(outcome, row, facts.mappings.get(row.organization_id))
        case Balanced(balance):
            return reasons.balanced(balance, facts.mappings[balance.identity.organization_id])
        case Stale(write):
            return reasons.stale(write, facts.mappings[write.identity.organization_id], facts)
        case WithoutProduct(write):
            return reasons.without_product(write)
        case CannotBeRead(organization_id, month, found):
            return hold_reasons.unread(month, found, facts.mappings[organization_id])
        case Moved(identity, line, seats):
            return hold_reasons.moved(identity, line, facts.mappings[identity.organization_id], facts, seats)
        case InvoiceUnclear():
            return _invoice_unclear(reason, facts)
        case Absent(identity):
            return hold_reasons.absent(identity, facts.mappings[identity.organization_id])
        case WriteHeld(hold, write):
            mapping = facts.mappings[write.identity.organization_id]
            return hold_reasons.write_held(hold, write, facts.agreements[write.agreement_id], mapping)
        case Waiting(on):
            return reasons.waiting(reason_in_words(on, facts))


def _invoice_unclear(reason: InvoiceUnclear, facts: Facts) -> str:
    """Each of the lines in turn."""
    identity, ledger = reason.identity, facts.ledger
    mapping = facts.mappings[identity.organization_id]
    whys = [
        *(hold_reasons.edited(identity, line, ledger[line.addition_id]) for line in reason.edited),
        *(
            hold_reasons.vanished(identity, number, ledger[number], mapping, facts.strangers.get(number))
            for number in reason.vanished
        ),
        *(hold_reasons.claimed(identity, line, facts) for line in reason.claimed),
        *(left_out(identity, line, facts) for line in reason.short),
    ]
    if reason.copies or reason.unclear:
        whys.append(hold_reasons.unclear(identity, facts, reason.copies, reason.unclear))
    return " ".join(whys)
