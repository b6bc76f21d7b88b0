"""Outcomes: a closed set of codes, so that no seat can vanish without a reason."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a usage row, or of another line of its organization."""

    CREATED = "created"
    """A new line has the seats."""
    UPDATED = "updated"
    """An open line's quantity was set to the seats."""
    ZEROED = "zeroed"
    """An open line was set to 0: the seats are no longer used, or are on another line."""
    UNCHANGED = "unchanged"
    """The lines are right already."""

    NOT_MANAGED = "not_managed"
    """The organization is not managed by this MSP."""
    NFR = "nfr"
    """Its license type is NFR (not for resale)."""
    TRIAL = "trial"
    """Its license type is Trial."""
    UNMAPPED = "unmapped"
    """The organization is not mapped to a company."""
    BEFORE_BILL_FROM = "before_bill_from"
    """The month is before the mapping's `bill_from`."""
    PRODUCT_UNMAPPED = "product_unmapped"
    """No product is confirmed for its plan."""
    ZERO_USAGE = "zero_usage"
    """No seats were used, and there is no line."""

    AGREEMENT_INACTIVE = "agreement_inactive"
    """The agreement is not active, has ended, is gone, or will never be invoiced."""
    AGREEMENT_CHANGED = "agreement_changed"
    """The agreement's billing (cycle, period, parent, prorating) is not what was accepted when it was mapped."""
    COMPANY_DELETED = "company_deleted"
    """The company was deleted in ConnectWise."""
    MOVED = "moved"
    """The month was invoiced on another company's agreement."""
    CREDIT_DUE = "credit_due"
    """More was invoiced than used."""
    INVOICE_UNCLEAR = "invoice_unclear"
    """It is unknown what was billed: a line was edited, is gone, cannot be read, or is a copy."""
    UNUSUAL = "unusual"
    """The month's usage is unusual: the report lacks the organization, or has far more or fewer seats of it."""
    BILLED_BY_HAND = "billed_by_hand"
    """A line kept by hand bills the same product for the same days."""

    REJECTED = "rejected"
    """ConnectWise refused the write; the reason quotes it."""
    UNCONFIRMED = "unconfirmed"
    """It is unknown whether the line was written; the next sync finds out."""


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
"""Not billed, by rule or by a person's choice."""

NOT_OWED = frozenset({Outcome.NOT_MANAGED, Outcome.NFR, Outcome.TRIAL, Outcome.BEFORE_BILL_FROM})
"""Not billed, and worth nothing: nobody has to pay for the seats."""

HELD = frozenset(
    {
        Outcome.AGREEMENT_INACTIVE,
        Outcome.AGREEMENT_CHANGED,
        Outcome.COMPANY_DELETED,
        Outcome.MOVED,
        Outcome.CREDIT_DUE,
        Outcome.INVOICE_UNCLEAR,
        Outcome.UNUSUAL,
        Outcome.BILLED_BY_HAND,
    }
)
"""A person has to decide."""

FAILED = frozenset({Outcome.REJECTED, Outcome.UNCONFIRMED})
"""ConnectWise did not do what was asked, or it is unknown whether it did."""
