"""What a person can do about each kind of hold or failure, in a sentence without ids."""

from __future__ import annotations

from cw_pipeline.billing.outcomes import Outcome

WAYS_OUT = {
    Outcome.AGREEMENT_INACTIVE: (
        "Renew the agreement or give it a next invoice date in ConnectWise; or set the open line that the reason "
        "names, if any, to 0 there and map the company to another agreement (what was invoiced counts, and is not "
        "billed again); or leave the month out, as the reason says."
    ),
    Outcome.AGREEMENT_CHANGED: (
        "Set the agreement's billing in ConnectWise back to what it was, or accept it or map the company to another "
        "agreement, as the reason says."
    ),
    Outcome.COMPANY_DELETED: (
        "Restore the company in ConnectWise; or set the open line that the reason names, if any, to 0 there and map "
        "the organization to another company; or leave the month out, as the reason says."
    ),
    Outcome.MOVED: (
        "Credit the company that was invoiced and record it, or map the organization to the company that is to be "
        "billed, as the reason says."
    ),
    Outcome.CREDIT_DUE: "Issue the credit in ConnectWise, and record it as the reason says.",
    Outcome.INVOICE_UNCLEAR: (
        "Correct in ConnectWise what cannot be read; or see the invoice, set the line in ConnectWise to what it billed,"
        " and accept that, as the reason says."
    ),
    Outcome.UNUSUAL: (
        "See the month in the NordPass panel, and sync it again once a wrong report is corrected, or release usage "
        "that is right, or leave the month as it is, as the reason says."
    ),
    Outcome.BILLED_BY_HAND: (
        "End the line that people keep by hand, leave it if it bills something else, or end it in ConnectWise, as the "
        "reason says."
    ),
    Outcome.REJECTED: "Correct what ConnectWise refuses, as the reason says, and sync the month again.",
    Outcome.UNCONFIRMED: (
        "Do what the reason says, and sync the month again: a sync first finds out what was written."
    ),
}
"""What a person can do about each kind of hold or failure; the reason of a line says it with its ids and commands."""
