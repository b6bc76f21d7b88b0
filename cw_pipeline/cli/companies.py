"""`companies`: map companies and their agreements to organizations."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, now, setup_command
from cw_pipeline.cli.options import BillFromOption, TrialMonthsOption, YesOption, example
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.wording.mappings import applied_sentence, mapped_sentence, unmapped_sentence

if TYPE_CHECKING:
    from cw_pipeline.setup.mapping import Mapped

app = typer.Typer(help="Map companies and their agreements to NordPass organizations.", no_args_is_help=True)

_NEXT_STEP = "`cw-pipeline preview` shows what a sync would write."

_File = Annotated[Path, typer.Argument(help="A mapping file (CSV).")]
_Company = Annotated[str, typer.Argument(help="The company's id or exact name.")]


@app.command("list", epilog=example("companies list"))
@command
def list_(cmd: Command) -> None:
    """List the imported companies with their active agreements and mappings."""
    with cmd.warehouse.transaction() as session:
        companies = lazy.listings.companies(session)
    cmd.document({"companies": companies})
    cmd.table(*lazy.cells.companies(companies))
    unmapped = sum(company.state == "unmapped" for company in companies)
    if not companies:
        cmd.say("No company is imported: run `cw-pipeline import --type … --status …`.")
    elif unmapped:
        total = len({company.id for company in companies})
        cmd.say(f"{unmapped} of {total} are not mapped: see `cw-pipeline companies suggest`.")
    else:
        cmd.say("Every imported company is mapped.")


@app.command("map", epilog=example('companies map 101 --agreement 1001 --organization "Acme Ltd"'))
@setup_command
def map_(
    cmd: Command,
    company: _Company,
    agreement: Annotated[str, typer.Option(help="Id or exact name of one of the company's agreements.")],
    organization: Annotated[str, typer.Option(help="Id or exact name of the NordPass organization.")],
    *,
    bill_from: BillFromOption = None,
    trial_months: TrialMonthsOption = None,
    yes: YesOption = False,
) -> None:
    """Map a company and one of its agreements to an organization; an existing mapping to that organization is replaced.

    Asks before it adds an organization to a company that has others, which stay mapped; before it uses an agreement
    that bills several months at once, is the child of another, or has changed its terms since they were accepted;
    before a later first month leaves lines of earlier ones as they are; and whether to bill earlier usage too.
    """
    map_company = partial(
        lazy.mapping.map_company,
        cmd.warehouse,
        company,
        agreement,
        organization,
        trial_months=trial_months,
        first_month=cmd.first_month,
        now=now(),
    )
    mapped = cmd.confirm_warnings(partial(map_company, bill_from=bill_from), on="Mapping", yes=yes)
    if mapped.left_out and not mapped.bill_from_chosen and cmd.can_ask and not yes:
        mapped = map_company(bill_from=_ask_for_first_month(cmd, mapped), accept_warnings=True)
    cmd.document(mapped)
    cmd.notice(*mapped.warnings)
    cmd.say(f"{mapped_sentence(mapped)} {_NEXT_STEP}")


@app.command(epilog=example("companies unmap 101"))
@setup_command
def unmap(
    cmd: Command,
    company: _Company,
    organization: Annotated[
        str | None, typer.Option(help="Id or exact name of its organization; needed if it has several.")
    ] = None,
) -> None:
    """Remove a company's mapping to an organization. Lines in ConnectWise stay."""
    unmapped = lazy.mapping.unmap_company(cmd.warehouse, company, organization)
    cmd.document(unmapped)
    if unmapped.left_behind:
        cmd.notice(unmapped.left_behind)
    cmd.say(unmapped_sentence(unmapped))


@app.command(epilog=example("companies suggest --file mappings.csv"))
@command
def suggest(
    cmd: Command,
    file: Annotated[
        Path | None, typer.Option(help="Also write a mapping file with the certain suggestions filled in.")
    ] = None,
) -> None:
    """Suggest organizations for unmapped companies. Maps nothing."""
    warehouse = cmd.warehouse
    with cmd.working("Comparing names"):
        suggestions = lazy.suggest.suggest_mappings(warehouse)
    exported = lazy.mapping_file.export_mappings(warehouse, file, suggestions=suggestions) if file else None
    cmd.document({"suggestions": suggestions, "file": exported})
    cmd.table(*lazy.cells.suggestions(suggestions))
    if exported:
        cmd.say(
            f"{exported.file} has {exported.suggested} certain suggestions filled in; {exported.unmapped} "
            f"companies are left for you. Complete it and run `cw-pipeline companies apply {exported.file}`."
        )
    elif suggestions:
        cmd.say(
            "Nothing is mapped yet. `cw-pipeline companies suggest --file FILE` writes the certain suggestions to "
            "a file to complete and apply; `cw-pipeline companies map` maps one company."
        )
    else:
        cmd.say("Nothing to suggest. `cw-pipeline companies list` shows what is mapped.")


@app.command(epilog=example("companies export mappings.csv"))
@command
def export(cmd: Command, file: _File) -> None:
    """Write every company and its mappings to a file, to edit and apply."""
    exported = lazy.mapping_file.export_mappings(cmd.warehouse, file)
    cmd.document(exported)
    cmd.say(
        f"{exported.file} has {counted(exported.mapped, 'mapping')} and "
        f"{counted(exported.unmapped, 'unmapped company', 'unmapped companies')}. "
        f"Edit it and run `cw-pipeline companies apply {exported.file}`."
    )


@app.command("apply", epilog=example("companies apply mappings.csv"))
@setup_command
def apply_(cmd: Command, file: _File, *, yes: YesOption = False) -> None:
    """Apply a mapping file, all or nothing. Companies that are not in it keep their mappings.

    A company's rows replace all of its mappings. Asks before it unmaps an organization that they leave out, before it
    adds one to a company that has others, before it uses agreements that bill several months at once, are children of
    others, or have changed their terms since they were accepted, and before a later first month leaves lines of earlier
    ones as they are.
    """
    apply = partial(lazy.mapping_file.apply_mappings, cmd.warehouse, file, now(), first_month=cmd.first_month)
    applied = cmd.confirm_warnings(apply, on="Applying the file", yes=yes)
    cmd.document(applied)
    cmd.notice(*applied.warnings)
    cmd.say(f"{applied_sentence(applied)} {_NEXT_STEP}")


def _ask_for_first_month(cmd: Command, mapped: Mapped) -> Month:
    """Ask whether to bill earlier usage too, and return the first month to bill."""
    seats = ", ".join(f"{number} in {month}" for month, number in mapped.left_out.items())
    earliest = min(mapped.left_out)
    cmd.notice(
        f"{mapped.organization_name} ({mapped.organization_id}) used seats that were never billed: {seats}. "
        f"Billing starts with {mapped.bill_from}."
    )
    # Without a default: neither answer is the safe one.
    bill_earlier = typer.confirm(f"Bill from {earliest} instead?", default=None, err=True)
    return Month.parse(earliest) if bill_earlier else mapped.bill_from
