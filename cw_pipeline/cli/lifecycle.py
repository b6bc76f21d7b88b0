"""`migrate`, `connect`, `disconnect` and `status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, now, setup_command
from cw_pipeline.cli.options import AsJson, YesOption
from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.vocabulary import Month, counted, month_options
from cw_pipeline.wording.outcomes import in_words

if TYPE_CHECKING:
    from cw_pipeline.cli.output import Output
    from cw_pipeline.reports.status import Status


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if the schema is not up to date.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Update the warehouse's schema. Every command does this first; this one does only that."""
    with command(as_json=as_json) as running:
        if check:
            settings = running.settings
            pending = lazy.database.pending_migrations(settings.database_url, tenant=settings.tenant_key)
            running.document({"pending": pending})
            if pending:
                running.say(f"To be migrated: {', '.join(pending)}. Run `cw-pipeline migrate`.")
                raise typer.Exit(1)
            running.say("The warehouse's schema is up to date.")
            return
        revision = running.warehouse.revision
        running.document({"revision": revision})
        running.say(f"The warehouse is at revision {revision}. `cw-pipeline status` shows the next step.")


def connect(*, as_json: AsJson = False) -> None:
    """Check the ConnectWise credentials and the API member's rights, and store which company they are for."""
    with setup_command(as_json=as_json) as running:
        with running.working("Checking the rights in ConnectWise"):
            connected = lazy.connection.connect(running.connectwise, running.warehouse)
        if connected.refusal is None:
            running.done["connection"] = connected
        running.document(vars(connected))
        running.table(*lazy.cells.rights(connected.rights))
        if connected.refusal is not None:
            running.notice(connected.refusal)
            raise typer.Exit(USAGE_ERROR)
        running.say(
            f"Connected to {connected.company_name} ({connected.company_id}) at {connected.site_url}. "
            "`cw-pipeline status` shows the next step."
        )
        running.say(lazy.reconciliation.readable(connected.invoices))


def disconnect(
    *,
    yes: YesOption = False,
    backup: Annotated[
        Path | None, typer.Option(help="A new file to save the mappings to. Default: one in CW_PIPELINE_HOME.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save all mappings to a file, remove them, and stop syncing. Lines in ConnectWise stay."""
    with setup_command(as_json=as_json) as running:
        if not yes:
            running.confirm(
                "Remove all mappings and stop the syncs?",
                refusal="This removes all mappings and stops the syncs. Add --yes if that is meant.",
            )
        file = backup or lazy.connection.new_backup_file(running.settings.own_folder, now())
        done = lazy.connection.disconnect(running.warehouse, file)
        running.document(vars(done))
        running.say(
            f"Disconnected from {done.company_id}: {done.company_mappings} company mappings and "
            f"{done.product_mappings} product mappings were removed. To undo this, connect again, map and confirm the "
            f"products, and run `cw-pipeline companies apply {done.backup_file}`."
        )


def status(*, as_json: AsJson = False) -> None:
    """Show how far the setup is, what is missing, and which months still have to be synced."""
    with command(as_json=as_json) as running:
        settings = running.settings
        found = lazy.status.status(
            running.warehouse,
            first_month=running.first_month,
            now=now(),
            schedule=settings.schedule,
            approval=settings.approval_required,
        )
        running.document(vars(found))
        running.table(
            ["", ""],
            [
                ("State", found.state.replace("_", " ")),
                ("ConnectWise", f"{found.company_id} at {found.site}" if found.site else None),
                ("Companies", f"{found.mapped} mapped, {found.unmapped_companies} unmapped"),
                ("Organizations", f"{found.mapped_organizations} mapped, {found.unmapped_organizations} unmapped"),
                ("Months to sync", lazy.cells.of_unpushed_months(found.why_unpushed) or "none"),
                (
                    "Held",
                    ", ".join(f"{month}: {counted(lines, 'line')}" for month, lines in found.held.items()) or "none",
                ),
                ("Last sync", f"{found.last_sync:%Y-%m-%d %H:%M} UTC" if found.last_sync else "never"),
                ("Next scheduled", f"{found.next_tick:%Y-%m-%d %H:%M} UTC"),
            ],
        )
        running.notice(*found.gone, *found.agreement_changed, *found.trial_months)
        for sentence in found.missing or [_next_step(found, approval=settings.approval_required)]:
            running.say(sentence)
        if found.held:
            _print_held(running, found)


def _print_held(output: Output, found: Status) -> None:
    """Print the held lines, and what to do about each kind."""
    output.table(
        ["Month", "Organization", "Plan", "Outcome", "Seats", "Reason"],
        [
            (
                line.month,
                f"{line.organization_name} ({line.organization_id})",
                line.plan,
                in_words(line.outcome),
                line.seats,
                line.reason,
            )
            for line in found.held_lines
        ],
    )
    for outcome, what_to_do in sorted({line.outcome: line.what_to_do for line in found.held_lines}.items()):
        output.say(f"{in_words(outcome)}: {what_to_do}")
    options = month_options(Month.parse(min(found.held)), Month.parse(max(found.held)))
    output.say(f"Then run `cw-pipeline sync {options}`.")


def _next_step(found: Status, *, approval: bool) -> str:
    if not found.mapped and not found.unmapped_companies:
        return "No company is imported: run `cw-pipeline import --type … --status …`."
    if not found.mapped:
        return "No company is mapped: run `cw-pipeline companies suggest`."
    if found.unpushed_months:
        what_to_do = lazy.commands.sync_or_approve(found.why_unpushed, found.to_approve, approval=approval)
        return what_to_do if approval else f"{what_to_do.removesuffix('.')}, or wait for the schedule."
    return "Every closed month is synced."
