"""`organizations`: list the NordPass organizations, and add one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, setup_command
from cw_pipeline.cli.options import BillFromOption, YesOption, example
from cw_pipeline.cli.output import UsageError, members
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline.wording.mappings import mapped_sentence

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from cw_pipeline.setup.organizations import Added

app = typer.Typer(help="List and add NordPass organizations.", no_args_is_help=True)

_COLUMNS = ("id", "name", "plan", "license_type", "status", "msp_managed")


@app.command("list", epilog=example("organizations list"))
@setup_command
def list_(cmd: Command, *, yes: YesOption = False) -> None:
    """Read the organizations from NordPass and list them, each with the company that is mapped to it.

    Asks before it accepts a list that is empty, or that lacks more than a few of the mapped organizations.
    """
    changes = cmd.read_list(
        "organizations",
        partial(lazy.organizations.refresh_organizations, cmd.nordpass, cmd.warehouse),
        source="organizations from NordPass",
        yes=yes,
    )
    with cmd.warehouse.transaction() as session:
        organizations = lazy.listings.organizations(session)
    rows = [
        {**members(organization, *_COLUMNS), "company": company and members(company, "id", "name")}
        for organization, company in organizations
    ]
    cmd.document({"organizations": rows, "gone": changes.gone})
    cmd.table(*lazy.cells.organizations(organizations))
    cmd.say("Map one with `cw-pipeline companies map COMPANY --agreement A --organization O`.")


@app.command(
    epilog=example(
        'organizations add --name "Acme Ltd" --plan Business --license-type Standard --contact-email it@acme.example'
    )
)
@setup_command
def add(
    cmd: Command,
    name: Annotated[str, typer.Option(help="The organization's name.")],
    plan: Annotated[Plan, typer.Option(help="Its NordPass plan.", case_sensitive=False)],
    license_type: Annotated[LicenseType, typer.Option(help="Only Standard is billed.", case_sensitive=False)],
    contact_email: Annotated[str, typer.Option(help="The address that NordPass writes to.")],
    *,
    country: Annotated[str | None, typer.Option(help="Its country.")] = None,
    company: Annotated[str | None, typer.Option(help="Also map it to this company, by id or exact name.")] = None,
    agreement: Annotated[
        str | None, typer.Option(help="The company's agreement, by id or exact name; needs --company.")
    ] = None,
    bill_from: BillFromOption = None,
    yes: YesOption = False,
) -> None:
    """Add an organization in NordPass and, with --company and --agreement, map it.

    If this is interrupted, run it again with the same options: the organization is not added twice.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - slow, and the help does not need it

    if company is not None and agreement is not None:
        map_to = lazy.organizations.MapTo(company, agreement, bill_from)
    elif company is None and agreement is None and bill_from is None:
        map_to = None
    else:
        raise UsageError("To map it as well, give --company and --agreement, with or without --bill-from.")
    try:
        new = lazy.models.NewOrganization(
            name=name, plan=plan, license_type=license_type, contact_email=contact_email, country=country
        )
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors()))
        raise UsageError(f"The organization was not added: {problems}. Correct that and try again.") from None

    def add_organization(*, accept_warnings: bool) -> Added:
        return lazy.organizations.add_organization(
            cmd.nordpass,
            cmd.warehouse,
            new,
            map_to and replace(map_to, accept_warnings=accept_warnings),
            first_month=cmd.first_month,
        )

    added = cmd.confirm_warnings(add_organization, on="Adding the organization in NordPass", yes=yes)
    organization, mapped = added.organization, added.mapped
    cmd.document({**organization.model_dump(mode="json"), "mapped": mapped})
    if mapped:
        cmd.notice(*mapped.warnings)
        next_step = mapped_sentence(mapped)
    else:
        map_it = f"`cw-pipeline companies map COMPANY --agreement A --organization {organization.id}`"
        next_step = f"Map it next: {map_it}."
    cmd.say(f"{organization.name} ({organization.id}) is in NordPass. {next_step}")


def _problem(detail: ErrorDetails) -> str:
    option = "--" + str(detail["loc"][0]).replace("_", "-")
    return f"{option}: {'an e-mail address is expected' if option == '--contact-email' else detail['msg']}"
