"""Which usage counts: the first reason, in a fixed order, not to bill a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import LicenseType

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Facts, Usage
    from cw_pipeline.vocabulary import Month


def exclusion(row: Usage, month: Month, facts: Facts) -> Outcome | None:
    """Why `row` is not billed; None if it is."""
    mapping = facts.mappings.get(row.organization_id)
    reasons = (
        (Outcome.NOT_MANAGED, not row.managed),
        (Outcome.NFR, row.license_type is LicenseType.NFR),
        (Outcome.TRIAL, row.license_type is LicenseType.TRIAL),
        (Outcome.UNMAPPED, mapping is None),
        (Outcome.BEFORE_BILL_FROM, mapping is not None and month < mapping.bill_from),
        (Outcome.PRODUCT_UNMAPPED, row.plan not in facts.products),
    )
    return next((outcome for outcome, applies in reasons if applies), None)
