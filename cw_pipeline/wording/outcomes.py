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


def with_also(line: PreviewLine[Any, Any]) -> str:
    """A line's outcome, and whether it is beside the usage row's."""
    return f"{line.outcome} (also)" if line.also else line.outcome
