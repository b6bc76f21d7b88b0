"""Connecting, disconnecting, and the look at how far the set-up has come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli.environment import YesOption, now, opened_dagster, opened_warehouse, read_settings
from cw_pipeline.cli.output import AsJson, command_output
from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.vocabulary import Month, month_options

if TYPE_CHECKING:
    from cw_pipeline.cli.output import Output
    from cw_pipeline.reports.status import Status


def migrate(*, as_json: AsJson = False) -> None:
    """Bring the warehouse's schema up to date. Every command does so first; this does only that."""
    with command_output(as_json=as_json) as output, opened_warehouse(read_settings()) as warehouse:
        output.document({"revision": warehouse.revision})
        output.say(f"The warehouse is at revision {warehouse.revision}. Go on with `cw-pipeline connect`.")


def connect(*, as_json: AsJson = False) -> None:
    """Check the ConnectWise credentials and the rights of the API member, and remember the company."""
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.connection import connect as connect_company
    from cw_pipeline.setup.opening import open_connectwise
    from cw_pipeline.wording.cells import of_right

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with (
            open_connectwise(settings) as client,
            opened_dagster(settings) as dagster,
            opened_warehouse(settings) as warehouse,
        ):
            connected = connect_company(client, warehouse)
            if connected.refusal is None:
                report_setup(dagster, warehouse)
        output.document(vars(connected))
        output.table(
            ["Right", "Needed", "State"],
            map(of_right, connected.rights),
        )
        if connected.refusal is not None:
            output.notice(connected.refusal)
            raise typer.Exit(USAGE_ERROR)
        output.say(
            f"Connected to {connected.company_name} ({connected.company_id}) at {connected.site_url}. "
            "See what is next with `cw-pipeline status`."
        )


def disconnect(
    *,
    yes: YesOption = False,
    backup: Annotated[
        Path | None, typer.Option(help="A new file for all mappings; by default one in CW_PIPELINE_HOME.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove all mappings, after writing them to a file, and stop syncing. Lines in ConnectWise stay."""
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.connection import disconnect as disconnect_company
    from cw_pipeline.setup.connection import new_backup_file

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        if not yes:
            output.asks(
                "Remove all mappings and stop the syncs?",
                refusal="This removes all mappings and stops the syncs. Add --yes if that is meant.",
            )
        file = backup or new_backup_file(settings.cw_pipeline_home, now())
        with opened_dagster(settings) as dagster, opened_warehouse(settings) as warehouse:
            done = disconnect_company(warehouse, file)
            report_setup(dagster, warehouse)
        output.document(vars(done))
        output.say(
            f"Disconnected from {done.company_id}; {done.company_mappings} company mappings and "
            f"{done.product_mappings} product mappings were removed. "
            f"After connecting again, map and confirm the products anew; `cw-pipeline companies apply "
            f"{done.backup_file}` brings the companies back."
        )


def status(*, as_json: AsJson = False) -> None:
    """How far the set-up has come, what is missing, and which months still have to be synced."""
    from cw_pipeline.reports.status import status as look_at_status
    from cw_pipeline.sync.due import told

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        first_month = Month.parse(settings.cw_pipeline_first_month)
        with opened_warehouse(settings) as warehouse:
            found = look_at_status(warehouse, first_month=first_month, now=now())
        output.document(vars(found))
        output.table(
            ["", ""],
            [
                ("State", found.state.replace("_", " ")),
                ("ConnectWise", f"{found.company_id} at {found.site}" if found.site else None),
                ("Companies", f"{found.mapped} mapped, {found.unmapped_companies} not"),
                ("Organizations", f"{found.mapped_organizations} mapped, {found.unmapped_organizations} not"),
                ("Months to sync", told(found.why_unpushed) or "none"),
                ("Held", ", ".join(f"{month}: {lines} line(s)" for month, lines in found.held.items()) or "none"),
                ("Last sync", f"{found.last_sync:%Y-%m-%d %H:%M} UTC" if found.last_sync else "never"),
                ("Next scheduled", f"{found.next_tick:%Y-%m-%d %H:%M} UTC"),
            ],
        )
        for sentence in (*found.gone, *found.agreement_changed):
            output.notice(sentence)
        for sentence in found.missing or [_next_step(found)]:
            output.say(sentence)
        if found.held:
            _tell_held(output, found)


def _tell_held(output: Output, found: Status) -> None:
    """Say what waits for a person, and what can be done about each kind of it."""
    output.table(
        ["Month", "Organization", "Plan", "Outcome", "Seats", "Reason"],
        [
            (
                line.month,
                f"{line.organization_name} ({line.organization_id})",
                line.plan,
                line.outcome,
                line.seats,
                line.reason,
            )
            for line in found.held_lines
        ],
        right=["Seats"],
    )
    for outcome, what_to_do in sorted({line.outcome: line.what_to_do for line in found.held_lines}.items()):
        output.say(f"{outcome}: {what_to_do}")
    options = month_options(Month.parse(min(found.held)), Month.parse(max(found.held)))
    output.say(f"Then run `cw-pipeline sync {options}`.")


def _next_step(found: Status) -> str:
    if not found.mapped and not found.unmapped_companies:
        return "No company is imported: run `cw-pipeline import --type … --status …`."
    if not found.mapped:
        return "No company is mapped: run `cw-pipeline companies suggest`."
    if found.unpushed_months:
        options = month_options(found.unpushed_months[0], found.unpushed_months[-1])
        return f"Run `cw-pipeline sync {options}`, or leave it to the schedule."
    return "Every closed month is synced."
