"""`migrate`, `connect`, `import`, `rebuild`, `disconnect` and `status`: the setup as a whole, and how far it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, now, setup_command
from cw_pipeline.cli.options import YesOption
from cw_pipeline.cli.output import members
from cw_pipeline.errors import HELD_OR_FAILED, USAGE_ERROR
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.wording.commands import month_options, sync_or_approve
from cw_pipeline.wording.hold_reasons import CORRECT_IT, cannot_be_read
from cw_pipeline.wording.outcomes import in_words

if TYPE_CHECKING:
    from cw_pipeline.reports.status import Status


@command
def migrate(
    cmd: Command,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if the schema is not up to date.")
    ] = False,
) -> None:
    """Update the warehouse's schema. Every command does this first; this one does only that."""
    if not check:
        revision = cmd.warehouse.revision
        cmd.document({"revision": revision})
        cmd.say(f"The warehouse is at revision {revision}. `cw-pipeline status` shows the next step.")
        return
    pending = lazy.database.pending_migrations(cmd.settings.database_url, tenant=cmd.settings.tenant_key)
    cmd.document({"pending": pending})
    if pending:
        cmd.say(f"To be migrated: {', '.join(pending)}. Run `cw-pipeline migrate`.")
        cmd.exit_code = HELD_OR_FAILED
    else:
        cmd.say("The warehouse's schema is up to date.")


@setup_command
def connect(cmd: Command) -> None:
    """Check the ConnectWise credentials and the API member's rights, and store which company they are for."""
    with cmd.working("Checking the rights in ConnectWise"):
        connected = lazy.connection.connect(cmd.connectwise, cmd.warehouse)
    cmd.document(connected)
    cmd.table(*lazy.cells.rights(connected.rights))
    if connected.refusal is not None:
        cmd.notice(connected.refusal)
        raise typer.Exit(USAGE_ERROR)
    cmd.done["connection"] = connected
    cmd.say(
        f"Connected to {connected.company_name} ({connected.company_id}) at {connected.site_url}. "
        "`cw-pipeline status` shows the next step."
    )
    cmd.say(lazy.reconciliation.readable(connected.invoices))


@setup_command
def disconnect(
    cmd: Command,
    *,
    yes: YesOption = False,
    backup: Annotated[
        Path | None, typer.Option(help="A new file to save the mappings to. Default: one in CW_PIPELINE_HOME.")
    ] = None,
) -> None:
    """Save all mappings to a file, remove them, and stop syncing. Lines in ConnectWise stay."""
    cmd.confirm(
        "Remove all mappings and stop the syncs?",
        refusal="This removes all mappings and stops the syncs. Add --yes if that is meant.",
        yes=yes,
    )
    file = backup or lazy.connection.new_backup_file(cmd.settings.own_folder, now())
    disconnected = lazy.connection.disconnect(cmd.warehouse, file)
    cmd.document(disconnected)
    cmd.say(
        f"Disconnected from {disconnected.company_id}: {disconnected.company_mappings} company mappings and "
        f"{disconnected.product_mappings} product mappings were removed. To undo this, connect again, map and confirm "
        f"the products, and run `cw-pipeline companies apply {disconnected.backup_file}`."
    )


@command
def status(cmd: Command) -> None:
    """Show how far the setup is, what is missing, and which months still have to be synced."""
    settings = cmd.settings
    state = lazy.status.status(
        cmd.warehouse,
        first_month=cmd.first_month,
        now=now(),
        schedule=settings.schedule,
        approval=settings.approval_required,
    )
    cmd.document(state)
    held = ", ".join(f"{month}: {counted(lines, 'line')}" for month, lines in state.held.items())
    rows = {
        "State": state.state.replace("_", " "),
        "ConnectWise": f"{state.company_id} at {state.site}" if state.site else None,
        "Companies": f"{state.mapped} mapped, {state.unmapped_companies} unmapped",
        "Organizations": f"{state.mapped_organizations} mapped, {state.unmapped_organizations} unmapped",
        "Months to sync": lazy.cells.of_unpushed_months(state.why_unpushed) or "none",
        "Held": held or "none",
        "Last sync": f"{state.last_sync:%Y-%m-%d %H:%M} UTC" if state.last_sync else "never",
        "Next scheduled": f"{state.next_tick:%Y-%m-%d %H:%M} UTC",
    }
    cmd.table(["", ""], rows.items())
    cmd.notice(*state.gone, *state.agreement_changed, *state.trial_months)
    for sentence in state.missing or [_next_step(state, approval=settings.approval_required)]:
        cmd.say(sentence)
    if state.held:
        _print_held(cmd, state)


def _print_held(cmd: Command, state: Status) -> None:
    """Print the held lines, and what to do about each kind."""
    cmd.table(
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
            for line in state.held_lines
        ],
    )
    for outcome, what_to_do in sorted({line.outcome: line.what_to_do for line in state.held_lines}.items()):
        cmd.say(f"{in_words(outcome)}: {what_to_do}")
    options = month_options(Month.parse(min(state.held)), Month.parse(max(state.held)))
    cmd.say(f"Then run `cw-pipeline sync {options}`.")


def _next_step(state: Status, *, approval: bool) -> str:
    if not state.mapped and not state.unmapped_companies:
        return "No company is imported: run `cw-pipeline import --type … --status …`."
    if not state.mapped:
        return "No company is mapped: run `cw-pipeline companies suggest`."
    if state.unpushed_months:
        what_to_do = sync_or_approve(state.why_unpushed, state.to_approve, approval=approval)
        return what_to_do if approval else f"{what_to_do.removesuffix('.')}, or wait for the schedule."
    return "Every closed month is synced."


@setup_command
def import_(
    cmd: Command,
    types: Annotated[list[str] | None, typer.Option("--type", help="A company type; can be repeated.")] = None,
    statuses: Annotated[list[str] | None, typer.Option("--status", help="A company status; can be repeated.")] = None,
    *,
    yes: YesOption = False,
) -> None:
    """Import companies of these types and statuses, their agreements, and the NordPass organizations.

    Without options, the types and statuses of the last import are used. Mappings are kept. Asks before it accepts a
    list that is empty, or that lacks more than a few of the mapped records.
    """
    client, warehouse = cmd.connectwise, cmd.warehouse
    nordpass = cmd.nordpass  # opened first: nothing is imported where a setting is missing
    companies = cmd.read_list(
        "imported_companies",
        partial(lazy.imports.import_companies, client, warehouse, types or None, statuses or None),
        source="companies from ConnectWise",
        yes=yes,
    )
    agreements = cmd.read_list(
        "agreements",
        partial(lazy.imports.import_agreements, client, warehouse),
        source="agreements from ConnectWise",
        yes=yes,
    )
    organizations = cmd.read_list(
        "organizations",
        partial(lazy.organizations.refresh_organizations, nordpass, warehouse),
        source="organizations from NordPass",
        yes=yes,
    )
    with warehouse.transaction() as session:
        gone = tuple(lazy.listings.gone_mappings(session))
    imported = {"companies": companies, "agreements": agreements, "organizations": organizations}
    cmd.document({"chosen": members(companies, "types", "statuses"), **imported})
    cmd.table(
        ["", "Total", "New", "Changed", "Gone"],
        [(name, *changes.numbers.values()) for name, changes in imported.items()],
    )
    unreadable = (*companies.unreadable, *agreements.unreadable)
    cmd.notice(*gone, *agreements.agreement_changed, *unreadable)
    cmd.say("Next, map the new companies: see `cw-pipeline companies suggest`.")
    if unreadable:
        cmd.exit_code = HELD_OR_FAILED


@setup_command
def rebuild(cmd: Command) -> None:
    """Search every agreement of every mapped company for our lines, and enter them in the ledger.

    For a new warehouse, or one restored from a backup, once the companies are mapped as they are billed. Writes nothing
    to ConnectWise.
    """
    run = cmd.sync_run("rebuild")
    with cmd.working("Searching the agreements in ConnectWise"):
        rebuilt = lazy.rebuild.rebuild(run)
    unreadable = [f"{cannot_be_read(unread)} {CORRECT_IT}" for unread in rebuilt.unread]
    found = [
        {
            **members(identity, "month", "organization_id", "plan"),
            **members(line, "agreement_id", "addition_id", "quantity"),
            "invoiced": line.addition_id in rebuilt.invoiced,
        }
        for identity, line in rebuilt.found
    ]
    cmd.document(
        {
            **members(rebuilt, "companies", "agreements"),
            "found": found,
            "invoiced": len(rebuilt.invoiced),
            "unreadable": unreadable,
        }
    )
    cmd.table(["Month", "Lines", "Seats", "Invoiced"], rebuilt.by_month)
    cmd.say(
        f"Searched {counted(rebuilt.agreements, 'agreement')} of "
        f"{counted(rebuilt.companies, 'company', 'companies')}. New to this warehouse: "
        f"{counted(len(found), 'line')}; now known to be invoiced: {len(rebuilt.invoiced)}. "
        "Next, run `cw-pipeline preview`."
    )
    cmd.notice(*unreadable)
    if unreadable:
        cmd.exit_code = HELD_OR_FAILED
