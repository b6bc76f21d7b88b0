"""How an agreement is billed, for a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Terms


def in_words(terms: Terms) -> str:
    """How an agreement is billed, for a sentence."""
    parts = [f"billed {terms.cycle}" if terms.cycle else "without a billing cycle"]
    parts += [f"for the period {terms.period_type}"] if terms.period_type else []
    parts += [f"with its parent {terms.parent_agreement_id}"] if terms.parent_agreement_id else []
    return ", ".join([*parts, "prorated" if terms.prorates else "not prorated"])
