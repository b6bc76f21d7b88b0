"""The sentence that a preview gives for each outcome: what is so, and for a hold what a person can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.billing.balance import Balance, Write
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Line, Usage, Written


INVOICED_MEANWHILE = (
    "ConnectWise invoiced the agreement while the line was written, so that nobody knows which quantity was billed. "
    "See the invoice, set the line to what it billed, and accept that with `cw-pipeline lines accept`."
)


SYNC_AGAIN = "Then sync the month again."
"""What to do after a failure, once its cause is gone."""


def excluded(outcome: Outcome, row: Usage, mapping: CompanyMapping | None) -> str:
    """Why a usage row is not billed."""
    bill_from = mapping.bill_from if mapping else None
    return {
        Outcome.NOT_MANAGED: "The organization is not managed by this MSP.",
        Outcome.NFR: "The license is not for resale.",
        Outcome.TRIAL: "The organization is on trial.",
        Outcome.UNMAPPED: "The organization is mapped to no company. Map it to bill its seats.",
        Outcome.BEFORE_BILL_FROM: f"The organization is billed from {bill_from} on.",
        Outcome.PRODUCT_UNMAPPED: (
            f"No ConnectWise product is confirmed for the plan {row.plan}. Map one and confirm the mapping."
        ),
    }[outcome]


def balanced(result: Balance) -> str:
    """What a plan's balance comes to."""
    invoiced = sum(line.quantity for line in result.invoiced)
    credited = f", and {result.credited} of them credited" if result.credited else ""
    already = f" {invoiced} were invoiced already{credited}." if result.invoiced else ""
    several = f" There are {result.open_lines} open lines where one is enough." if result.open_lines > 1 else ""
    writes = ", ".join(
        f"line {write.addition_id}: {write.before} → {write.quantity}"
        for write in result.writes
        if write.addition_id is not None
    )
    sentence = {
        Outcome.CREATED: f"A new line of {result.target}.",
        Outcome.UPDATED: f"{writes}.",
        Outcome.ZEROED: f"{writes}.",
        Outcome.UNCHANGED: "Nothing to do.",
        Outcome.ZERO_USAGE: "No seats were used and there is no line.",
        Outcome.CREDIT_DUE: (
            f"{-result.target} more than were used. Issue the credit in ConnectWise, and record it with "
            f"`cw-pipeline lines accept --credited {-result.target}`." + (f" {writes}." if writes else "")
        ),
        Outcome.AGREEMENT_INACTIVE: (
            "The mapped agreement no longer exists in ConnectWise. Map the company to another agreement."
        ),
    }[result.outcome]
    return (sentence + already + several).strip()


def stale(write: Write, mapping: CompanyMapping, product_id: int | None) -> str:
    """Why an open line is set to 0 although its plan may be in use."""
    if write.agreement_id != mapping.agreement_id:
        return f"Line {write.addition_id} is on agreement {write.agreement_id}, no longer the mapped one."
    if write.product_id != product_id:
        return f"Line {write.addition_id} is of product {write.product_id}, no longer the plan's."
    return f"Line {write.addition_id} does not lie in one billing period of agreement {write.agreement_id} any more."


def without_product(write: Write) -> str:
    """Why seats are not moved away from a line whose plan lost its product."""
    return (
        f"Line {write.addition_id} of {write.before} is of the plan {write.identity.plan}, for which no ConnectWise "
        "product is confirmed. Map one and confirm the mapping."
    )


def moved(line: Line, agreement: Agreement, mapping: CompanyMapping, seats: Decimal | int) -> str:
    """Why an organization's whole month is held after it was moved: ``seats`` were invoiced to another company."""
    return (
        f"Line {line.addition_id} of {line.quantity} was invoiced to company {agreement.company_id} "
        f"({agreement.company_name}) on agreement {agreement.id}, and the organization is now mapped to company "
        f"{mapping.company_id}. Credit that company in ConnectWise and record it with `cw-pipeline lines accept "
        f"--credited {seats}`, or map the organization back, or map it with a later --bill-from."
    )


def invoiced_edited(line: Line, written: Written) -> str:
    """Why a plan is held whose invoiced line was edited."""
    return (
        f"Line {line.addition_id} on agreement {line.agreement_id} was invoiced, and now is {line.quantity} from "
        f"{line.effective_date} to {line.cancelled_date} where {_as_written(written)} was written, so that nobody "
        "knows what was billed. See the invoice, set the line to what it billed, and accept that with "
        "`cw-pipeline lines accept`."
    )


def vanished(addition_id: int, written: Written) -> str:
    """Why a plan is held one of whose lines is gone."""
    return (
        f"Line {addition_id} on agreement {written.agreement_id}, {_as_written(written)}, may have been invoiced and "
        "is no longer shown by ConnectWise: it was deleted, or the API member's role no longer shows it. Let the role "
        "show it, or, if it billed nothing, accept that with `cw-pipeline lines accept`; then sync again."
    )


def _as_written(written: Written) -> str:
    quantity = " or ".join(str(quantity) for quantity in sorted(written.quantities)) or "an uncertain quantity"
    until = f" to {written.cancelled_date}" if written.cancelled_date else ""
    return f"{quantity} from {written.effective_date}{until}"


def write_held(outcome: Outcome, write: Write, agreement: Agreement) -> str:
    """Why a write is held because of the agreement that it would go to."""
    what = "A new line" if write.addition_id is None else f"Line {write.addition_id}"
    where = f"{what} needs {write.quantity} on agreement {agreement.id} ({agreement.name})"
    return {
        Outcome.MOVED: (
            f"{where}, which now belongs to company {agreement.company_id} ({agreement.company_name}), not to the "
            "mapped one. Map the organization again."
        ),
        Outcome.COMPANY_DELETED: (
            f"{where}, but company {agreement.company_id} ({agreement.company_name}) is deleted in ConnectWise. "
            "Restore it, or map the organization to another company."
        ),
        Outcome.AGREEMENT_INACTIVE: (
            f"{where}, which is not active then. Renew it in ConnectWise, or map the company to another agreement."
        ),
    }[outcome]


def waiting(reason: str) -> str:
    """Why seats are not added while others, for ``reason``, cannot be taken away."""
    return f"Waits, so that no seat is billed twice, until this is settled: {reason}"
