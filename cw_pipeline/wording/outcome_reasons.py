"""The sentences that a preview gives for outcomes other than holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import BILLABLE
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import bills_nobody, is_copy
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.vocabulary import Plan, counted, plain
from cw_pipeline.wording.commands import SYNC_AGAIN, accept_command
from cw_pipeline.wording.hold_reasons import INVOICED_COUNTS, leave_out

if TYPE_CHECKING:
    from cw_pipeline.billing.balance import Balance
    from cw_pipeline.billing.facts import Facts, Usage
    from cw_pipeline.vocabulary import Month


def excluded(outcome: Outcome, row: Usage, month: Month, facts: Facts) -> str:
    """Why a usage row of `month` is not billed and, if its lines are left alone, what these carry."""
    mapping = facts.mappings.get(row.organization_id)
    bill_from = mapping.bill_from if mapping else None
    sentence = {
        Outcome.NOT_MANAGED: "The organization is not managed by this MSP.",
        Outcome.NFR: "The license is not for resale.",
        Outcome.TRIAL: "The organization is on trial.",
        Outcome.UNMAPPED: "The organization is not mapped to a company. Map it to bill its seats.",
        Outcome.BEFORE_BILL_FROM: f"The organization is billed from {bill_from} on.",
        Outcome.PRODUCT_UNMAPPED: (
            f"No ConnectWise product is confirmed for the plan {row.plan}. Map one and confirm the mapping."
        ),
    }[outcome]
    lines = [line for plan in Plan for line in facts.lines_of(Identity(month, plan, row.organization_id))]
    carried = sum(line.quantity for line in lines if not bills_nobody(line, facts))
    if not carried or outcome not in {Outcome.UNMAPPED, Outcome.BEFORE_BILL_FROM}:
        return sentence
    return (
        f"{sentence} Its lines for {month} carry {counted(plain(carried), 'seat')}, which stay billed as they are in "
        f"ConnectWise. If it is billed from {month} or an earlier month on, they count: only the difference to its "
        "usage is billed."
    )


def balanced(result: Balance, facts: Facts) -> str:
    """What a plan's balance comes to."""
    identity, mapping = result.identity, facts.mappings[result.identity.organization_id]
    is_trial = mapping.is_trial(identity.month)
    writes = ", ".join(
        f"line {write.addition_id}: {write.before} → {write.quantity}"
        for write in result.writes
        if isinstance(write, SetQuantity)
    )
    sentences = [
        {
            Outcome.CREATED: f"A new line of {result.target}.",
            Outcome.UPDATED: f"{writes}.",
            Outcome.ZEROED: f"{writes}.",
            Outcome.UNCHANGED: "Nothing to do.",
            Outcome.ZERO_USAGE: "No seats were used and there is no line.",
            Outcome.CREDIT_DUE: (
                f"Invoiced too much: {counted(-result.target, 'seat')}. Issue the credit in ConnectWise, and record it "
                f"with {accept_command(identity, credited=-result.target)}." + (f" {writes}." if writes else "")
            ),
            Outcome.AGREEMENT_INACTIVE: (
                "The mapped agreement no longer exists in ConnectWise. Map the company to another agreement "
                f"{INVOICED_COUNTS}. {leave_out(identity.month, mapping)} {SYNC_AGAIN}"
            ),
        }[result.outcome]
    ]
    if invoiced := sum(line.quantity for line in result.invoiced):
        to_nobody = sum(line.quantity for line in result.invoiced if bills_nobody(line, facts))
        credited = f", {result.credited} of them credited" if result.credited else ""
        free = f", {to_nobody} of them to nobody, because it was a trial month" if to_nobody and not is_trial else ""
        sentences.append(f"Invoiced already: {counted(invoiced, 'seat')}{credited}{free}.")
    if len(result.open) > 1:
        sentences.append(f"There are {len(result.open)} open lines where one is enough.")
    if is_trial:
        sentences.append("Trial month: billed to nobody.")
    return " ".join(sentences)


def stale(write: SetQuantity, facts: Facts) -> str:
    """Why an open line is set to 0 although its plan may be in use."""
    mapping, month = facts.mappings[write.identity.organization_id], write.identity.month
    line = next(line for line in facts.lines_of(write.identity) if line.addition_id == write.addition_id)
    if is_copy(line, facts):
        return (
            f"Line {write.addition_id} on agreement {write.agreement_id} was not written here and has the serial "
            "number of another line: the agreement was copied, or another warehouse writes to this ConnectWise."
        )
    if write.agreement_id != mapping.agreement_id:
        return f"Line {write.addition_id} is on agreement {write.agreement_id}, no longer the mapped one."
    if write.product_id != facts.products.get(write.identity.plan):
        return f"Line {write.addition_id} is of product {write.product_id}, no longer the plan's."
    if mapping.is_trial(month) and line.bill_customer == BILLABLE:
        return f"Line {write.addition_id} would be billed, but {month} is a trial month."
    if bills_nobody(line, facts):
        return f"Line {write.addition_id} bills nobody, but {month} is no longer a trial month."
    return f"Agreement {write.agreement_id} would not bill line {write.addition_id} once and in full."


def without_product(write: SetQuantity) -> str:
    """Why seats are not moved away from a line whose plan lost its product."""
    return (
        f"Line {write.addition_id} (quantity {write.before}) is for the plan {write.identity.plan}, for which no "
        "ConnectWise product is confirmed. Map one and confirm the mapping."
    )


def waiting(reason: str) -> str:
    """Why seats are not added while others, for `reason`, cannot be taken away."""
    return f"Waits until this is resolved, so that no seat is billed twice: {reason}"
