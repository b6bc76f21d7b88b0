"""`organizations`: list the NordPass organizations, and add one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import MAP_ANYWAY, REALLY_GONE, setup_command
from cw_pipeline.cli.options import AsJson, BillFromOption, YesOption, example
from cw_pipeline.cli.output import UsageError
from cw_pipeline.vocabulary import LicenseType, Month, Plan

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from cw_pipeline.setup.organizations import Added, MapTo

app = typer.Typer(help="List and add NordPass organizations.", no_args_is_help=True)


@app.command("list", epilog=example("organizations list"))
def list_(*, yes: YesOption = False, as_json: AsJson = False) -> None:
    """Read the organizations from NordPass and list them, each with the company that is mapped to it.

    Asks before it accepts a list that is empty, or that lacks more than a few of the mapped organizations.
    """
    with setup_command(as_json=as_json) as running:
        nordpass, warehouse = running.nordpass, running.warehouse
        running.done["organizations"] = changes = running.confirm_warnings(
            partial(lazy.organizations.refresh_organizations, nordpass, warehouse),
            on="Reading organizations from NordPass",
            question=REALLY_GONE,
            yes=yes,
        )
        with warehouse.transaction() as session:
            listed = lazy.listings.organizations(session)
        rows = [
            {
                "id": organization.id,
                "name": organization.name,
                "plan": organization.plan,
                "license_type": organization.license_type,
                "status": organization.status,
                "msp_managed": organization.msp_managed,
                "company": {"id": company.id, "name": company.name} if company else None,
            }
            for organization, company in listed
        ]
        running.document({"organizations": rows, "gone": changes.gone})
        running.table(*lazy.cells.organizations(listed))
        running.say("Map one with `cw-pipeline companies map COMPANY --agreement A --organization O`.")


@app.command(
    epilog=example(
        'organizations add --name "Acme Ltd" --plan Business --license-type Standard --contact-email it@acme.example'
    )
)
def add(
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
    as_json: AsJson = False,
) -> None:
    """Add an organization in NordPass and, with --company and --agreement, map it.

    If this is interrupted, run it again with the same options: the organization is not added twice.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - slow, and the help does not need it

    with setup_command(as_json=as_json) as running:
        to_map = _asked_to_map(company, agreement, bill_from)
        try:
            new = lazy.models.NewOrganization(
                name=name, plan=plan, license_type=license_type, contact_email=contact_email, country=country
            )
        except ValidationError as error:
            msg = (
                f"The organization was not added: {'; '.join(map(_fault, error.errors()))}. Correct that and try again."
            )
            raise UsageError(msg) from None

        def add_it(*, accept_warnings: bool) -> Added:
            return lazy.organizations.add_organization(
                running.nordpass,
                running.warehouse,
                new,
                to_map and replace(to_map, accept_warnings=accept_warnings),
                first_month=running.first_month,
            )

        added = running.confirm_warnings(add_it, on="Adding the organization in NordPass", question=MAP_ANYWAY, yes=yes)
        organization, mapped = added.organization, added.mapped
        running.document({**organization.model_dump(mode="json"), "mapped": mapped})
        running.notice(*(mapped.warnings if mapped else ()))
        what_next = (
            lazy.mapping_sentences.mapped_sentence(mapped)
            if mapped
            else f"Map it next: `cw-pipeline companies map COMPANY --agreement A --organization {organization.id}`."
        )
        running.say(f"{organization.name} ({organization.id}) is in NordPass. {what_next}")


def _asked_to_map(company: str | None, agreement: str | None, bill_from: Month | None) -> MapTo | None:
    if company is not None and agreement is not None:
        return lazy.organizations.MapTo(company, agreement, bill_from)
    if company is None and agreement is None and bill_from is None:
        return None
    raise UsageError("To map it as well, give --company and --agreement, with or without --bill-from.")


def _fault(detail: ErrorDetails) -> str:
    option = "--" + str(detail["loc"][0]).replace("_", "-")
    return f"{option}: {'an e-mail address is expected' if option == '--contact-email' else detail['msg']}"
