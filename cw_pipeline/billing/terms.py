"""How an agreement is billed: whether a line of one month is billed once and in full on such terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Terms

OF_PARTS_OF_A_MONTH = frozenset({"Weekly", "BiWeekly"})
"""The `billingOptions` with several invoices for a month's line."""
OF_SEVERAL_MONTHS = frozenset({"BiMonthly", "Quarterly", "SemiAnnual", "Yearly"})
"""Those with one invoice for several months."""
NEVER = frozenset({None, "NotRecurring"})
"""Those with no invoice month by month."""


def can_be_billed(terms: Terms) -> bool:
    """Whether an agreement on these terms bills a line of one month once and in full."""
    shared = terms.cycle in OF_SEVERAL_MONTHS or terms.parent_agreement_id is not None
    return terms.cycle not in OF_PARTS_OF_A_MONTH | NEVER and not (shared and terms.prorates)
