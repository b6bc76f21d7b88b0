"""`companies`: which organizations each company has, and on which agreement it is billed for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli.accepting import MAP_IT, accepting_warnings
from cw_pipeline.cli.environment import BillFromOption, YesOption, now, opened_dagster, opened_warehouse, read_settings
from cw_pipeline.cli.output import AsJson, Output, command_output
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from cw_pipeline.setup.mapping import Mapped

app = typer.Typer(help="Which organization each company and agreement is billed for.", no_args_is_help=True)

_File = Annotated[Path, typer.Argument(help="A mapping file (CSV).")]
_Company = Annotated[str, typer.Argument(help="The company's id or exact name.")]


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """The imported companies with their active agreements, and what they are mapped to."""
    from cw_pipeline.reports.listings import companies
    from cw_pipeline.wording.cells import of_company

    with command_output(as_json=as_json) as output:
        with opened_warehouse(read_settings()) as warehouse, warehouse.transaction() as session:
            listed = companies(session)
        output.document({"companies": listed})
        output.table(
            ["Company", "State", "Active agreements", "Mapped agreement", "Organization", "Bill from"],
            map(of_company, listed),
        )
        unmapped, there = sum(one.state == "unmapped" for one in listed), len({one.id for one in listed})
        if not listed:
            output.say("No company is imported: run `cw-pipeline import --type … --status …`.")
        elif unmapped:
            output.say(f"{unmapped} of {there} are not mapped: see `cw-pipeline companies suggest`.")
        else:
            output.say("Every imported company is mapped.")


@app.command("map")
def map_(
    company: _Company,
    agreement: Annotated[str, typer.Option(help="Id or exact name of one of the company's agreements.")],
    organization: Annotated[str, typer.Option(help="Id or exact name of the NordPass organization.")],
    bill_from: BillFromOption = None,
    *,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> None:
    """Map a company and its agreement to an organization; one that the company has is mapped anew.

    Asks before a company with other organizations, which stay, gets this one as well; before it takes an agreement that
    is billed for several months, is the child of another, or is billed otherwise than was accepted; and whether earlier
    usage is to be billed, too.
    """
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.mapping import map_company

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_dagster(settings) as dagster, opened_warehouse(settings) as warehouse:

            def do(accepted: bool, first: Month | None = bill_from) -> Mapped:  # noqa: FBT001 - as it is asked
                return map_company(
                    warehouse,
                    company,
                    agreement,
                    organization,
                    bill_from=first,
                    accept_warnings=accepted,
                    first_month=Month.parse(settings.cw_pipeline_first_month),
                    now=now(),
                )

            mapped = accepting_warnings(output, do, question=MAP_IT, yes=yes)
            if mapped.left_out and not mapped.bill_from_chosen and output.can_ask and not yes:
                mapped = do(True, _chosen_month(output, mapped))  # noqa: FBT003 - they were accepted
            report_setup(dagster, warehouse)
        output.document(vars(mapped))
        for warning in mapped.warnings:
            output.notice(warning)
        output.say(
            f"{mapped.company_name} ({mapped.company_id}) with agreement {mapped.agreement_name} "
            f"({mapped.agreement_id}) {'is now' if mapped.changed else 'was already'} mapped to "
            f"{mapped.organization_name} ({mapped.organization_id}), billed from {mapped.bill_from} on. "
            "See what a sync would write with `cw-pipeline preview`."
        )


@app.command()
def unmap(
    company: _Company,
    organization: Annotated[
        str | None, typer.Option(help="Which of its organizations, by id or exact name, where it has several.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Remove a company's mapping to an organization; its lines in ConnectWise stay as they are."""
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.mapping import unmap_company

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_dagster(settings) as dagster, opened_warehouse(settings) as warehouse:
            unmapped = unmap_company(warehouse, company, organization)
            report_setup(dagster, warehouse)
        output.document(vars(unmapped))
        if unmapped.left_behind:
            output.notice(unmapped.left_behind)
        output.say(
            f"{unmapped.company_name} ({unmapped.company_id}) is no longer mapped to {unmapped.organization_name} "
            f"({unmapped.organization_id}). That one's lines in ConnectWise stay; its seats are no longer billed."
        )


@app.command()
def suggest(
    file: Annotated[
        Path | None, typer.Option(help="Also write a mapping file in which what is certain is filled in.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Suggest organizations for the companies that are not mapped; nothing is mapped."""
    from cw_pipeline.setup.mapping_file import export_mappings
    from cw_pipeline.setup.suggest import suggest_mappings
    from cw_pipeline.wording.cells import of_suggestion

    with command_output(as_json=as_json) as output:
        with opened_warehouse(read_settings()) as warehouse:
            suggestions = suggest_mappings(warehouse)
            exported = export_mappings(warehouse, file, suggestions=suggestions) if file else None
        output.document({"suggestions": suggestions, "file": exported})
        output.table(
            ["Company", "Agreement", "Organization", "Score", "Certain", "Reason"],
            map(of_suggestion, suggestions),
            right=["Score"],
        )
        if exported:
            output.say(
                f"{exported.suggested} certain suggestions are filled in in {exported.file}, {exported.unmapped} "
                f"companies are left open. Complete it and run `cw-pipeline companies apply {exported.file}`."
            )
        elif suggestions:
            output.say(
                "Nothing is mapped yet: `cw-pipeline companies suggest --file FILE` writes a file with what is "
                "certain, to complete and apply; `cw-pipeline companies map` maps one."
            )
        else:
            output.say("Nothing to suggest. `cw-pipeline companies list` shows what is mapped.")


@app.command()
def export(file: _File, *, as_json: AsJson = False) -> None:
    """Write every company with what it is mapped to, ready to be completed and applied."""
    from cw_pipeline.setup.mapping_file import export_mappings

    with command_output(as_json=as_json) as output:
        with opened_warehouse(read_settings()) as warehouse:
            exported = export_mappings(warehouse, file)
        output.document(vars(exported))
        output.say(
            f"{exported.mapped} mappings and {exported.unmapped} unmapped companies are in {exported.file}. "
            f"Complete it and run `cw-pipeline companies apply {exported.file}`."
        )


@app.command("apply")
def apply_(file: _File, *, yes: YesOption = False, as_json: AsJson = False) -> None:
    """Do what a mapping file says, all or nothing; companies that are not in it are left alone.

    A company's rows are its whole mapping. Asks before an organization is unmapped because they leave it out, before a
    company gets one beside others, and before it takes agreements that are billed for several months, are the children
    of others, or are billed otherwise than was accepted.
    """
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.mapping_file import apply_mappings

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_dagster(settings) as dagster, opened_warehouse(settings) as warehouse:
            applied = accepting_warnings(
                output,
                lambda accepted: apply_mappings(
                    warehouse,
                    file,
                    now(),
                    accept_warnings=accepted,
                    first_month=Month.parse(settings.cw_pipeline_first_month),
                ),
                question=MAP_IT,
                yes=yes,
            )
            report_setup(dagster, warehouse)
        output.document(vars(applied))
        for warning in applied.warnings:
            output.notice(warning)
        output.say(
            f"{applied.mapped} mapped, {applied.remapped} mapped anew, {applied.unmapped} unmapped, "
            f"{applied.unchanged} as before; new ones are billed from {applied.bill_from} on where the file names no "
            "other month. See what a sync would write with `cw-pipeline preview`."
        )


def _chosen_month(output: Output, mapped: Mapped) -> Month:
    """The first month that is billed, of a mapping that leaves usage out, as the person at the terminal chooses it."""
    seats = ", ".join(f"{number} in {month}" for month, number in mapped.left_out.items())
    earliest = min(mapped.left_out)
    output.notice(
        f"{mapped.organization_name} ({mapped.organization_id}) used seats that were never billed: {seats}. The first "
        f"month that is billed is {mapped.bill_from}."
    )
    return Month.parse(earliest) if output.chooses(f"Bill from {earliest} instead?") else mapped.bill_from
