"""The outcomes' names, for a reader who does not know the codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome

if TYPE_CHECKING:
    from typing import Any

    from cw_pipeline.billing.preview import PreviewLine

LABELS = {
    Outcome.CREATED: "New line",
    Outcome.UPDATED: "Changed",
    Outcome.ZEROED: "Set to 0",
    Outcome.UNCHANGED: "Right already",
    Outcome.NOT_MANAGED: "Not managed by us",
    Outcome.NFR: "Not for resale",
    Outcome.TRIAL: "On trial",
    Outcome.UNMAPPED: "Not mapped to a company",
    Outcome.BEFORE_BILL_FROM: "Before the first month that is billed",
    Outcome.PRODUCT_UNMAPPED: "No product for the plan",
    Outcome.ZERO_USAGE: "No seats used",
    Outcome.AGREEMENT_INACTIVE: "Agreement is not active",
    Outcome.AGREEMENT_CHANGED: "Agreement is billed in another way now",
    Outcome.COMPANY_DELETED: "Company is deleted",
    Outcome.MOVED: "Invoiced to another company",
    Outcome.CREDIT_DUE: "Invoiced too much",
    Outcome.INVOICE_UNCLEAR: "Unclear what was invoiced",
    Outcome.UNUSUAL: "Unusual usage",
    Outcome.BILLED_BY_HAND: "Also billed by hand",
    Outcome.REJECTED: "Refused by ConnectWise",
    Outcome.UNCONFIRMED: "Unknown whether it was written",
}


def in_words(outcome: Outcome, *, also: bool = False) -> str:
    """The outcome's name; `also` is for lines beside those of the usage rows."""
    return f"{LABELS[outcome]} (also)" if also else LABELS[outcome]


def with_also(line: PreviewLine[Any, Any]) -> str:
    """The name of a line's outcome, and whether the line is beside that of the usage row."""
    return in_words(line.outcome, also=line.also)


def in_a_sentence(outcome: Outcome) -> str:
    """The outcome's name in the middle of a sentence."""
    return f"{LABELS[outcome][0].lower()}{LABELS[outcome][1:]}"
