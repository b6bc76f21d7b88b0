"""`compare`, `drift`, `history`, `reconcile` and `report`: what people look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, now
from cw_pipeline.cli.months import chosen_months
from cw_pipeline.cli.options import FromOption, MonthOption, ToOption
from cw_pipeline.cli.output import UsageError, members
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.wording.changes import changes
from cw_pipeline.wording.undo import short_run

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.reports.changes import Change
    from cw_pipeline.warehouse.names import Named
    from cw_pipeline.warehouse.previews import StoredPreview

_HELP = "A month, such as 2026-03, or the id of a preview."


@command
def compare(
    cmd: Command,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=_HELP)],
    after: Annotated[str, typer.Argument(metavar="AFTER", help=_HELP)],
) -> None:
    """Show what differs between two months, or two previews, line by line.

    A month stands for its last sync or, if it has none, for its last preview.
    """
    with cmd.warehouse.transaction() as session:
        comparison = lazy.changes.compare(session, before, after)
    old, new = comparison.before, comparison.after
    cmd.document({"before": _version(old), "after": _version(new), "lines": [*map(_change, comparison.changes)]})
    headings, rows = changes(comparison.changes, *comparison.names)
    cmd.table([heading.rstrip(":") for heading in headings], rows)
    cmd.say(f"{old} and {new}: {counted(len(rows), 'line differs', 'lines differ')}.")


def _version(version: StoredPreview) -> dict[str, object]:
    return {"month": version.preview.month, "preview_id": version.id, **members(version, "made_at", "pushed")}


def _change(change: Change) -> dict[str, object]:
    return {
        **members(change.line, "organization_id", "organization_name", "also"),
        "before": change.before and _line(change.before, change.agreement_before),
        "after": change.after and _line(change.after, change.agreement),
        **members(change, "seats", "worth"),
    }


def _line(line: PreviewLine, agreement: Named | None) -> dict[str, object]:
    return {
        **members(line, "plan", "company_id", "agreement_id"),
        "agreement_name": agreement and agreement.name,
        **members(line, "outcome", "seats"),
    }


@command
def drift(cmd: Command) -> None:
    """Find what was edited, deleted, duplicated or cancelled by hand in ConnectWise. Changes nothing there."""
    run = cmd.sync_run("drift")
    with cmd.working("Comparing with ConnectWise"):
        findings = lazy.find_drift.find_drift(run, now().date())
    cmd.document({"drift": findings})
    if not findings:
        cmd.say("No drift: lines, companies and agreements are as they were written, imported and mapped.")
        return
    cmd.table(*lazy.cells.drift(findings))
    cmd.say(f"{counted(len(findings), 'thing')} drifted. Do what each row says. Then run this again.")
    cmd.exit_code = HELD_OR_FAILED


_ENTRY = (
    "id", "at", "run_id", "kind", "intent_id", "month", "organization_id", "plan", "serial_number", "agreement_id",
    "product_id", "addition_id", "before", "quantity", "effective_date", "cancelled_date", "note",
)  # fmt: skip


@command
def history(
    cmd: Command,
    month: MonthOption = None,
    organization: Annotated[str | None, typer.Option(help="Id or exact name of one organization.")] = None,
    *,
    acts: Annotated[bool, typer.Option("--acts", help="Show the audit log instead: who changed what.")] = False,
) -> None:
    """Show the ledger: every write to ConnectWise, with an entry before the request and one for its result."""
    if not acts:
        _print_ledger(cmd, month, organization)
    elif month is None and organization is None:
        _print_audit_log(cmd)
    else:
        raise UsageError("--acts goes with neither --month nor --organization.")


def _print_ledger(cmd: Command, month: Month | None, organization: str | None) -> None:
    with cmd.warehouse.transaction() as session:
        ids = None if organization is None else lazy.lookup.organization_ids(session, organization)
        entries = lazy.listings.ledger_entries(session, month=month, organizations=ids)
    cmd.document({"entries": [members(entry, *_ENTRY) | {"organization_name": name} for entry, name in entries]})
    if not entries:
        cmd.say("The ledger has no such entry. `cw-pipeline sync` makes them.")
        return
    cmd.table(
        ["Id", "At", "Run", "Month", "Organization", "Plan", "Agreement", "Line", "Kind", "Quantity", "Note"],
        [
            (
                entry.id,
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                short_run(entry.run_id),
                entry.month,
                f"{name} ({entry.organization_id})" if name else entry.organization_id,
                entry.plan,
                entry.agreement_id,
                entry.addition_id,
                entry.kind,
                f"{entry.before} → {entry.quantity}",
                entry.note,
            )
            for entry, name in entries
        ],
    )
    cmd.say(f"Entries: {len(entries)}. `cw-pipeline preview` shows what a sync would write now.")


def _print_audit_log(cmd: Command) -> None:
    with cmd.warehouse.transaction() as session:
        entries = lazy.audit.audit_log(session)
    names = ("id", "at", "who", "subject", "before", "after")
    cmd.document({"acts": [members(entry, *names) | {"act": entry.action} for entry in entries]})
    cmd.table(*lazy.cells.audit_log(entries))
    cmd.say(f"Entries: {len(entries)}. `cw-pipeline history` shows what was written to ConnectWise.")


@command
def reconcile(cmd: Command, month: MonthOption = None, first: FromOption = None, last: ToOption = None) -> None:
    """Compare our invoiced lines with ConnectWise's invoices. Changes nothing. Default: the last twelve closed months.

    The API member needs a right to read invoices that nothing else needs; `connect` shows whether it has one.
    """
    if month or first or last:
        months = chosen_months(month, first, last, earliest=cmd.first_month, now=now())
    else:
        months = lazy.reconcile.last_months(now())
    run = cmd.sync_run("reconcile")
    with cmd.working("Comparing with invoices"):
        reconciled = lazy.reconcile.reconcile(run, months)
    wording = lazy.reconciliation
    lines = [
        {
            **members(line, "month", "company", "agreement", "organization", "plan", "addition_id"),
            "invoices": [members(invoice, "number", "date", "seats") for invoice in line.invoices],
            **members(line, "seats", "invoiced_seats", "difference", "worth", "reason", "noted_invoice"),
            "what_to_do": wording.what_to_do(line),
        }
        for line in reconciled.lines
    ]
    cmd.document({**members(reconciled, "source", "by_quantity", "unreadable"), "lines": lines})
    cmd.notice(*reconciled.unreadable, *([wording.BY_QUANTITY] if reconciled.by_quantity else []))
    cmd.table(*wording.by_month(reconciled))
    cmd.table(*wording.differences(reconciled))
    cmd.say(wording.summary(reconciled))
    if reconciled.differing:
        cmd.exit_code = HELD_OR_FAILED


@command
def report(
    cmd: Command,
    month: MonthOption = None,
    file_format: Annotated[
        Literal["html", "xlsx", "csv"],
        typer.Option("--format", help="A page to read and print, a workbook, or a table of organizations."),
    ] = "html",
    output: Annotated[
        Path | None, typer.Option(help="The file to write; an existing one is replaced. Default: in CW_PIPELINE_HOME.")
    ] = None,
) -> None:
    """Write a synced month's report: what each customer owes and is billed, and what is not. Default: the last month.

    Reads only the warehouse. The page is self-contained, so that it can be sent and kept.
    """
    settings, month = cmd.settings, month or Month.last_closed(now())
    with cmd.warehouse.transaction() as session:
        made = lazy.month_report.month_report(session, month)
    file = (output or lazy.report_files.usual_file(settings.own_folder, month, file_format)).absolute()
    lazy.report_files.write_report(made, file, file_format, tenant=settings.tenant_key)
    seats = made.seats
    cmd.document(
        {
            "month": month,
            "file": file,
            "format": file_format,
            **members(made, "pushed_at", "run_id"),
            "seats": members(seats, "used", "billed", "waiting", "not_billed"),
            "worth": made.worth,
        }
    )
    cmd.say(
        f"{file} has the report of {month}: {seats.used:,} seats used, {seats.billed:,} billed, "
        f"{seats.waiting:,} waiting, {seats.not_billed:,} not billed."
    )
