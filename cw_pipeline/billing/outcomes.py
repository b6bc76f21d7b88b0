"""What can become of a usage row: a closed set of codes, so that no seat can vanish without a reason."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a usage row, or of another line of its organization."""

    CREATED = "created"
    UPDATED = "updated"
    ZEROED = "zeroed"
    UNCHANGED = "unchanged"

    NOT_MANAGED = "not_managed"
    NFR = "nfr"
    TRIAL = "trial"
    UNMAPPED = "unmapped"
    BEFORE_BILL_FROM = "before_bill_from"
    PRODUCT_UNMAPPED = "product_unmapped"
    ZERO_USAGE = "zero_usage"

    AGREEMENT_INACTIVE = "agreement_inactive"
    AGREEMENT_CHANGED = "agreement_changed"
    COMPANY_DELETED = "company_deleted"
    MOVED = "moved"
    CREDIT_DUE = "credit_due"
    INVOICE_UNCLEAR = "invoice_unclear"
    UNUSUAL = "unusual"

    REJECTED = "rejected"
    UNCONFIRMED = "unconfirmed"


RIGHT = frozenset({Outcome.CREATED, Outcome.UPDATED, Outcome.ZEROED, Outcome.UNCHANGED})
"""Written, or right already."""

NOT_BILLED = frozenset(
    {
        Outcome.NOT_MANAGED,
        Outcome.NFR,
        Outcome.TRIAL,
        Outcome.UNMAPPED,
        Outcome.BEFORE_BILL_FROM,
        Outcome.PRODUCT_UNMAPPED,
        Outcome.ZERO_USAGE,
    }
)
"""Not billed, by a rule or by a person's choice."""

HELD = frozenset(
    {
        Outcome.AGREEMENT_INACTIVE,
        Outcome.AGREEMENT_CHANGED,
        Outcome.COMPANY_DELETED,
        Outcome.MOVED,
        Outcome.CREDIT_DUE,
        Outcome.INVOICE_UNCLEAR,
        Outcome.UNUSUAL,
    }
)
"""A person has to decide."""

FAILED = frozenset({Outcome.REJECTED, Outcome.UNCONFIRMED})
"""ConnectWise did not do what was asked, or it is unknown whether it did."""
