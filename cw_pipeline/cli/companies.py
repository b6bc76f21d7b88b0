"""`companies`: map companies and their agreements to organizations."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import MAP_ANYWAY, command, now, setup_command
from cw_pipeline.cli.options import AsJson, BillFromOption, TrialMonthsOption, YesOption, example
from cw_pipeline.vocabulary import Month, counted

if TYPE_CHECKING:
    from cw_pipeline.cli.output import Output
    from cw_pipeline.setup.mapping import Mapped

app = typer.Typer(help="Map companies and their agreements to NordPass organizations.", no_args_is_help=True)

_WHAT_NEXT = "`cw-pipeline preview` shows what a sync would write."

_File = Annotated[Path, typer.Argument(help="A mapping file (CSV).")]
_Company = Annotated[str, typer.Argument(help="The company's id or exact name.")]


@app.command("list", epilog=example("companies list"))
def list_(*, as_json: AsJson = False) -> None:
    """List the imported companies with their active agreements and mappings."""
    with command(as_json=as_json) as running:
        with running.warehouse.transaction() as session:
            listed = lazy.listings.companies(session)
        running.document({"companies": listed})
        running.table(*lazy.cells.companies(listed))
        unmapped, there = sum(one.state == "unmapped" for one in listed), len({one.id for one in listed})
        if not listed:
            running.say("No company is imported: run `cw-pipeline import --type … --status …`.")
        elif unmapped:
            running.say(f"{unmapped} of {there} are not mapped: see `cw-pipeline companies suggest`.")
        else:
            running.say("Every imported company is mapped.")


@app.command("map", epilog=example('companies map 101 --agreement 1001 --organization "Acme Ltd"'))
def map_(
    company: _Company,
    agreement: Annotated[str, typer.Option(help="Id or exact name of one of the company's agreements.")],
    organization: Annotated[str, typer.Option(help="Id or exact name of the NordPass organization.")],
    bill_from: BillFromOption = None,
    trial_months: TrialMonthsOption = None,
    *,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> None:
    """Map a company and one of its agreements to an organization; an existing mapping to that organization is replaced.

    Asks before it adds an organization to a company that has others, which stay mapped; before it uses an agreement
    that bills several months at once, is the child of another, or has changed its terms since they were accepted;
    before a later first month leaves lines of earlier ones as they are; and whether to bill earlier usage too.
    """
    with setup_command(as_json=as_json) as running:
        map_it = partial(
            lazy.mapping.map_company,
            running.warehouse,
            company,
            agreement,
            organization,
            trial_months=trial_months,
            first_month=running.first_month,
            now=now(),
        )
        mapped = running.confirm_warnings(
            partial(map_it, bill_from=bill_from), on="Mapping", question=MAP_ANYWAY, yes=yes
        )
        if mapped.left_out and not mapped.bill_from_chosen and running.can_ask and not yes:
            mapped = map_it(bill_from=_chosen_month(running, mapped), accept_warnings=True)
        running.document(vars(mapped))
        running.notice(*mapped.warnings)
        running.say(f"{lazy.mapping_sentences.mapped_sentence(mapped)} {_WHAT_NEXT}")


@app.command(epilog=example("companies unmap 101"))
def unmap(
    company: _Company,
    organization: Annotated[
        str | None, typer.Option(help="Id or exact name of its organization; needed if it has several.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Remove a company's mapping to an organization. Lines in ConnectWise stay."""
    with setup_command(as_json=as_json) as running:
        unmapped = lazy.mapping.unmap_company(running.warehouse, company, organization)
        running.document(vars(unmapped))
        if unmapped.left_behind:
            running.notice(unmapped.left_behind)
        running.say(lazy.mapping_sentences.unmapped_sentence(unmapped))


@app.command(epilog=example("companies suggest --file mappings.csv"))
def suggest(
    file: Annotated[
        Path | None, typer.Option(help="Also write a mapping file with the certain suggestions filled in.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Suggest organizations for unmapped companies. Maps nothing."""
    with command(as_json=as_json) as running:
        warehouse = running.warehouse
        with running.working("Comparing names"):
            suggestions = lazy.suggest.suggest_mappings(warehouse)
        exported = lazy.mapping_file.export_mappings(warehouse, file, suggestions=suggestions) if file else None
        running.document({"suggestions": suggestions, "file": exported})
        running.table(*lazy.cells.suggestions(suggestions))
        if exported:
            running.say(
                f"{exported.file} has {exported.suggested} certain suggestions filled in; {exported.unmapped} "
                f"companies are left for you. Complete it and run `cw-pipeline companies apply {exported.file}`."
            )
        elif suggestions:
            running.say(
                "Nothing is mapped yet. `cw-pipeline companies suggest --file FILE` writes the certain suggestions to "
                "a file to complete and apply; `cw-pipeline companies map` maps one company."
            )
        else:
            running.say("Nothing to suggest. `cw-pipeline companies list` shows what is mapped.")


@app.command(epilog=example("companies export mappings.csv"))
def export(file: _File, *, as_json: AsJson = False) -> None:
    """Write every company and its mappings to a file, to edit and apply."""
    with command(as_json=as_json) as running:
        exported = lazy.mapping_file.export_mappings(running.warehouse, file)
        running.document(vars(exported))
        running.say(
            f"{exported.file} has {counted(exported.mapped, 'mapping')} and "
            f"{counted(exported.unmapped, 'unmapped company', 'unmapped companies')}. "
            f"Edit it and run `cw-pipeline companies apply {exported.file}`."
        )


@app.command("apply", epilog=example("companies apply mappings.csv"))
def apply_(file: _File, *, yes: YesOption = False, as_json: AsJson = False) -> None:
    """Apply a mapping file, all or nothing. Companies that are not in it keep their mappings.

    A company's rows replace all of its mappings. Asks before it unmaps an organization that they leave out, before it
    adds one to a company that has others, before it uses agreements that bill several months at once, are children of
    others, or have changed their terms since they were accepted, and before a later first month leaves lines of earlier
    ones as they are.
    """
    with setup_command(as_json=as_json) as running:
        apply = partial(
            lazy.mapping_file.apply_mappings, running.warehouse, file, now(), first_month=running.first_month
        )
        applied = running.confirm_warnings(apply, on="Applying the file", question=MAP_ANYWAY, yes=yes)
        running.document(vars(applied))
        running.notice(*applied.warnings)
        running.say(f"{lazy.mapping_sentences.applied_sentence(applied)} {_WHAT_NEXT}")


def _chosen_month(output: Output, mapped: Mapped) -> Month:
    """Ask whether to bill earlier usage too, and return the first month to bill."""
    seats = ", ".join(f"{number} in {month}" for month, number in mapped.left_out.items())
    earliest = min(mapped.left_out)
    output.notice(
        f"{mapped.organization_name} ({mapped.organization_id}) used seats that were never billed: {seats}. "
        f"Billing starts with {mapped.bill_from}."
    )
    return Month.parse(earliest) if output.ask(f"Bill from {earliest} instead?") else mapped.bill_from
