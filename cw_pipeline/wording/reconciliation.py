"""What reconciling found, for the console and Dagster's UI: a summary, tables, and what to do."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity
from cw_pipeline.reports.reconcile.lines import Reason
from cw_pipeline.reports.reconcile.read import InvoicesNotReadable, Source
from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.wording.commands import accept_command
from cw_pipeline.wording.line_warnings import perhaps_written_off
from cw_pipeline.wording.seats import amounts

if TYPE_CHECKING:
    from cw_pipeline.reports.reconcile.reconcile import ReconciledLine, Reconciliation
    from cw_pipeline.wording.markdown import Table

BY_QUANTITY = (
    "No invoice has a serial number or a description of ours, so lines are told apart by their agreement, product and "
    "quantity alone."
)


def readable(source: Source | None) -> str:
    """What `reconcile` can read or, if the API member may read no invoices, how to allow it."""
    match source:
        case Source.INVOICES:
            return "`cw-pipeline reconcile` can read the invoices and the products on them."
        case Source.REPORT:
            return "`cw-pipeline reconcile` can read the report Product, which does not show that an invoice is void."
        case None:
            return f"`cw-pipeline reconcile` cannot be run. {InvoicesNotReadable()}"


def summary(reconciled: Reconciliation) -> str:
    """How many lines differ from the invoices, by how many seats, and what these are worth."""
    lines, differing = reconciled.lines, reconciled.differing
    if not lines:
        return "No line of these months is invoiced yet."
    if not differing:
        return f"{'The one line is' if len(lines) == 1 else f'All {len(lines)} lines are'} billed as pushed."
    worth = f", worth {amounts(reconciled.worth)}" if reconciled.worth else ""
    seats = sum((abs(line.difference) for line in differing if line.difference is not None), Decimal(0))
    return (
        f"{len(differing)} of {counted(len(lines), 'line')} {'differs' if len(differing) == 1 else 'differ'} "
        f"from the invoices, by {counted(plain(seats), 'seat')}{worth}."
    )


def by_month(reconciled: Reconciliation) -> Table:
    """The seats of each month, by the ledger and by the invoices."""
    return ("Month", "Lines", "Seats in the ledger", "Seats on invoices", "Differing"), [
        (
            month,
            len(lines),
            plain(sum((line.invoiced_seats if line.seats is None else line.seats for line in lines), Decimal(0))),
            plain(sum((line.invoiced_seats for line in lines), Decimal(0))),
            sum(line.reason is not None for line in lines),
        )
        for month in reconciled.months
        if (lines := [line for line in reconciled.lines if line.month == month])
    ]


def differences(reconciled: Reconciliation) -> Table:
    """The lines that differ, and what to do about each."""
    columns = ("Month", "Customer", "Agreement", "Line", "Plan", "Invoice", "Ledger", "Invoiced", "Difference", "Worth")
    return (*columns, "Reason", "What to do"), [
        (
            line.month,
            line.company and name_and_id(line.company),
            name_and_id(line.agreement),
            line.addition_id,
            line.plan,
            invoices(line),
            line.seats if line.seats is None else plain(line.seats),
            plain(line.invoiced_seats),
            line.difference if line.difference is None else plain(line.difference),
            amounts(line.worth) if line.worth else None,
            line.reason and line.reason.in_words,
            what_to_do(line),
        )
        for line in reconciled.differing
    ]


def invoices(line: ReconciledLine) -> str:
    """The invoices that have a line, with their dates."""
    return ", ".join(f"{bill.number} of {bill.date}" if bill.date else bill.number for bill in line.invoices)


def what_to_do(line: ReconciledLine) -> str | None:
    """What a person can do about a line that differs."""
    identity = Identity(line.month, line.plan, str(line.organization.id))
    numbers = " and ".join(invoice.number for invoice in line.invoices)
    seats = f"{_seats(line.invoiced_seats)} for {_seats(line.seats)}"
    accept = accept_command(identity)
    match line.reason:
        case None:
            return None
        case Reason.NOT_INVOICED:
            return f"No invoice has line {line.addition_id}. {perhaps_written_off(identity, line.addition_id)}"
        case Reason.INVOICE_GONE:
            gone = f"Invoice {numbers} is" if numbers else f"Invoice {line.noted_invoice}, made for its period, is"
            return (
                f"{gone} deleted or void, or no longer has line {line.addition_id}. If the period is not invoiced "
                f"again: {perhaps_written_off(identity, line.addition_id)}"
            )
        case Reason.QUANTITY_DIFFERS:
            return (
                f"Invoice {numbers} bills {seats}. Correct the invoice. Or, to keep it, set line {line.addition_id} to "
                f"what it billed, accept that with {accept}, and sync the month: it bills the rest, or holds what is "
                "to be credited."
            )
        case Reason.BILLED_TWICE:
            return (
                f"Invoices {numbers} bill {seats}. Take the line off one of them. Or, to credit it, set line "
                f"{line.addition_id} to {plain(line.invoiced_seats)}, accept that with {accept}, and sync the month: "
                "it then says what is to be credited."
            )


def _seats(seats: Decimal | None) -> str:
    return "an unknown number of seats" if seats is None else counted(plain(seats), "seat")
