"""The sentence that a preview gives for each outcome: what is so, and for a hold what a person can do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.billing.balance import Balance, Write
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Line, Usage, Written
    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.billing.months import Month


SYNC_AGAIN = "Then sync the month again."
"""What to do after a failure, once its cause is gone."""

WAYS_OUT = {
    Outcome.AGREEMENT_INACTIVE: (
        "Renew the agreement or give it a next invoice date in ConnectWise, or set what is on its lines to 0 there and "
        "map the company to another agreement, as the reason says."
    ),
    Outcome.AGREEMENT_CHANGED: (
        "Set the agreement's billing in ConnectWise back to what it was, or import it and map the company again to "
        "accept it as it is now, with the commands in the reason."
    ),
    Outcome.COMPANY_DELETED: (
        "Restore the company in ConnectWise, or set what is on its lines to 0 there and map the organization to another"
        " company, as the reason says."
    ),
    Outcome.MOVED: (
        "Credit the company that was invoiced and record it, or map the organization to the company that is to be "
        "billed, with the commands in the reason."
    ),
    Outcome.CREDIT_DUE: "Issue the credit in ConnectWise, and record it with the command in the reason.",
    Outcome.INVOICE_UNCLEAR: (
        "See the invoice, set the line in ConnectWise to what it billed, and accept that with the command in the "
        "reason."
    ),
    Outcome.UNUSUAL: (
        "See the month in the NordPass panel, and sync it again once its report has the organization, or accept with "
        "the command in the reason that nothing was used."
    ),
}
"""What a person can do about each kind of hold; the reason of a line says it with its ids and commands."""


def accept_command(month: Month, organization_id: str, *, credited: Decimal | int | None = None) -> str:
    """The command that takes a person's word about an organization's invoiced lines, as it can be pasted."""
    seats = "" if credited is None else f" --credited {credited}"
    whose = f"--month {month} --organization {shlex.quote(organization_id)}"
    return f"`cw-pipeline lines accept {whose}{seats}`"


def map_command(company_id: int, agreement_id: int, organization_id: str, bill_from: Month) -> str:
    """The command that maps an organization to a company and its agreement, as it can be pasted."""
    return (
        f"`cw-pipeline companies map {company_id} --agreement {agreement_id} "
        f"--organization {shlex.quote(organization_id)} --bill-from {bill_from}`"
    )


def unmap_command(company_id: int) -> str:
    """The command that removes a company's mapping, as it can be pasted."""
    return f"`cw-pipeline companies unmap {company_id}`"


def accept_what_was_billed(month: Month, organization_id: str) -> str:
    """What to do about an invoiced line of which nobody knows what was billed."""
    accept = accept_command(month, organization_id)
    return f"See the invoice, set the line to what it billed, and accept that with {accept}."


def invoiced_meanwhile(identity: Identity) -> str:
    """Why it is not known what a line billed that was invoiced while it was written."""
    return (
        "ConnectWise invoiced the agreement while the line was written, so that nobody knows which quantity was "
        f"billed. {accept_what_was_billed(identity.month, identity.organization_id)}"
    )


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
            f"{accept_command(result.identity.month, result.identity.organization_id, credited=-result.target)}."
            + (f" {writes}." if writes else "")
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


def moved(identity: Identity, line: Line, agreement: Agreement, mapping: CompanyMapping, seats: Decimal | int) -> str:
    """Why an organization's whole month is held after it was moved: ``seats`` were invoiced to another company."""
    month, organization_id = identity.month, identity.organization_id
    record = accept_command(month, organization_id, credited=seats)
    map_back = map_command(agreement.company_id, agreement.id, organization_id, mapping.bill_from)
    leave_out = map_command(mapping.company_id, mapping.agreement_id, organization_id, month.plus(1))
    return (
        f"Line {line.addition_id} of {line.quantity} was invoiced to company {agreement.company_id} "
        f"({agreement.company_name}) on agreement {agreement.id}, and the organization is now mapped to company "
        f"{mapping.company_id}. Credit that company in ConnectWise and record it with {record}; or map the "
        f"organization back with {unmap_command(mapping.company_id)} and {map_back}; or settle the month by hand and "
        f"leave it out with {leave_out}. {SYNC_AGAIN}"
    )


def invoice_unclear(identity: Identity, line: Line, written: Written) -> str:
    """Why a plan is held whose invoiced line was edited."""
    return (
        f"Line {line.addition_id} on agreement {line.agreement_id} was invoiced, and now is {line.quantity} from "
        f"{line.effective_date} to {line.cancelled_date} where {_as_written(written)} was written, so that nobody "
        f"knows what was billed. {accept_what_was_billed(identity.month, identity.organization_id)}"
    )


def vanished(identity: Identity, addition_id: int, written: Written) -> str:
    """Why a plan is held one of whose lines is gone."""
    return (
        f"Line {addition_id} on agreement {written.agreement_id}, {_as_written(written)}, may have been invoiced and "
        "is no longer shown by ConnectWise: it was deleted, or the API member's role no longer shows it. "
        f"{accept_what_is_gone(identity.month, identity.organization_id, written.serial_number)}"
    )


def accept_what_is_gone(month: Month, organization_id: str, serial_number: str) -> str:
    """What to do about a line that is no longer shown; made again as Do Not Bill it counts, and no invoice has it."""
    return (
        "Let the role show it, or see the invoice. If it billed, make it again in ConnectWise with the same quantity, "
        f"days and serial number ({serial_number}), as Do Not Bill. Then, or if it billed nothing, accept that with "
        f"{accept_command(month, organization_id)}."
    )


def _as_written(written: Written) -> str:
    quantity = " or ".join(str(quantity) for quantity in sorted(written.quantities)) or "an uncertain quantity"
    until = f" to {written.cancelled_date}" if written.cancelled_date else ""
    return f"{quantity} from {written.effective_date}{until}"


def write_held(outcome: Outcome, write: Write, agreement: Agreement, mapping: CompanyMapping) -> str:
    """Why a write is held because of the agreement that it would go to."""
    what = "A new line" if write.addition_id is None else f"Line {write.addition_id}"
    where = f"{what} needs {write.quantity} on agreement {agreement.id} ({agreement.name})"
    if outcome is Outcome.AGREEMENT_INACTIVE and agreement.never_invoiced:
        return f"{where}, whose next invoice is never. {settle_never_invoiced(write.addition_id)} {SYNC_AGAIN}"
    elsewhere = to_another_company(mapping)
    return {
        Outcome.MOVED: (
            f"{where}, which now belongs to company {agreement.company_id} ({agreement.company_name}), not to the "
            f"mapped one. {bill_the_new_owner(agreement, mapping)} {SYNC_AGAIN}"
        ),
        Outcome.COMPANY_DELETED: (
            f"{where}, but company {agreement.company_id} ({agreement.company_name}) is deleted in ConnectWise. "
            f"Restore it, or {_without_the_agreement(write, f'{elsewhere} with --bill-from {write.identity.month}')}. "
            f"{SYNC_AGAIN}"
        ),
        Outcome.AGREEMENT_INACTIVE: (
            f"{where}, which is not active then. Renew it in ConnectWise, or "
            f"{_without_the_agreement(write, 'map the company to another agreement')}. {SYNC_AGAIN}"
        ),
    }[outcome]


def _without_the_agreement(write: Write, elsewhere: str) -> str:
    """The way out for people who bill on another agreement: seats on an open line here are in the way of that."""
    to_zero = f"set line {write.addition_id} to 0 in ConnectWise"
    if write.quantity == 0:
        return to_zero
    return f"{to_zero} and {elsewhere}" if write.before else elsewhere


def to_another_company(mapping: CompanyMapping) -> str:
    """How an organization comes to another company."""
    return f"run {unmap_command(mapping.company_id)} and map the organization to another company"


def bill_the_new_owner(agreement: Agreement, mapping: CompanyMapping) -> str:
    """What to do where the mapped agreement belongs to another company by now."""
    now_mapped = map_command(agreement.company_id, agreement.id, mapping.organization_id, mapping.bill_from)
    return (
        "Give it back in ConnectWise; or, if the company that has it now is billed for no other organization, run "
        f"`cw-pipeline import` so that it is among the companies, {unmap_command(mapping.company_id)} and {now_mapped}."
    )


def settle_never_invoiced(addition_id: int | None) -> str:
    """What to do about an agreement whose next invoice date no longer tells whether the line on it was invoiced."""
    doubt = "" if addition_id is None else f"Whether line {addition_id} was invoiced cannot be told from that. "
    return f"{doubt}Set its next invoice date to the first day that is not invoiced yet."


def waiting(reason: str) -> str:
    """Why seats are not added while others, for ``reason``, cannot be taken away."""
    return f"Waits, so that no seat is billed twice, until this is settled: {reason}"
