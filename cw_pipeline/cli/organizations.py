"""`organizations`: the NordPass organizations, and adding one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli.accepting import BELIEVE_IT, MAP_IT, accepting_warnings
from cw_pipeline.cli.environment import BillFromOption, YesOption, opened_dagster, opened_warehouse, read_settings
from cw_pipeline.cli.output import AsJson, UsageError, command_output
from cw_pipeline.vocabulary import LicenseType, Month, Plan

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from cw_pipeline.setup.organizations import MapTo

app = typer.Typer(help="The NordPass organizations.", no_args_is_help=True)


@app.command("list")
def list_(*, yes: YesOption = False, as_json: AsJson = False) -> None:
    """Read the organizations from NordPass and list them, with the companies that are mapped to them.

    Asks before it believes a list that is empty, or lacks more than a few of what is mapped.
    """
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.reports.listings import organizations
    from cw_pipeline.setup.opening import open_nordpass
    from cw_pipeline.setup.organizations import refresh_organizations
    from cw_pipeline.wording.cells import of_organization

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with (
            open_nordpass(settings) as nordpass,
            opened_dagster(settings) as dagster,
            opened_warehouse(settings) as warehouse,
        ):
            changes = accepting_warnings(
                output,
                lambda accepted: refresh_organizations(nordpass, warehouse, accept_warnings=accepted),
                question=BELIEVE_IT,
                yes=yes,
            )
            report_setup(dagster, warehouse, {"organizations": changes})
            with warehouse.transaction() as session:
                listed = organizations(session)
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
        output.document({"organizations": rows, "gone": changes.gone})
        output.table(
            ["Organization", "Plan", "License", "Status", "Managed", "Company"],
            (of_organization(organization, company) for organization, company in listed),
        )
        output.say("Map one with `cw-pipeline companies map COMPANY --agreement A --organization O`.")


@app.command()
def add(
    name: Annotated[str, typer.Option(help="The organization's name.")],
    plan: Annotated[Plan, typer.Option(help="Its NordPass plan.", case_sensitive=False)],
    license_type: Annotated[LicenseType, typer.Option(help="Only Standard is billed.", case_sensitive=False)],
    contact_email: Annotated[str, typer.Option(help="Whom NordPass writes to.")],
    *,
    country: Annotated[str | None, typer.Option(help="Its country, if it is to be stated.")] = None,
    company: Annotated[str | None, typer.Option(help="Map it at once to this company, by id or exact name.")] = None,
    agreement: Annotated[str | None, typer.Option(help="With --company: one of its agreements.")] = None,
    bill_from: BillFromOption = None,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> None:
    """Add an organization in NordPass and, if a company is given, map it.

    If that was interrupted, run it again as it was: nothing is added twice.
    """
    from pydantic import ValidationError

    from cw_pipeline.nordpass.models import NewOrganization
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.opening import open_nordpass
    from cw_pipeline.setup.organizations import add_organization

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        to_map = _asked_to_map(company, agreement, bill_from)
        try:
            new = NewOrganization(
                name=name,
                plan=plan,
                license_type=license_type,
                contact_email=contact_email,
                country=country,
            )
        except ValidationError as error:
            msg = (
                f"The organization was not added: {'; '.join(map(_fault, error.errors()))}. Correct that and try again."
            )
            raise UsageError(msg) from None
        with (
            open_nordpass(settings) as nordpass,
            opened_dagster(settings) as dagster,
            opened_warehouse(settings) as warehouse,
        ):
            added = accepting_warnings(
                output,
                lambda accepted: add_organization(
                    nordpass,
                    warehouse,
                    new,
                    to_map and replace(to_map, accept_warnings=accepted),
                    first_month=Month.parse(settings.cw_pipeline_first_month),
                ),
                question=MAP_IT,
                yes=yes,
            )
            report_setup(dagster, warehouse)
        organization, mapped = added.organization, added.mapped
        output.document({**organization.model_dump(mode="json"), "mapped": mapped})
        for warning in mapped.warnings if mapped else ():
            output.notice(warning)
        output.say(
            f"{organization.name} ({organization.id}) is in NordPass and mapped to {mapped.company_name} "
            f"({mapped.company_id}) with agreement {mapped.agreement_name} ({mapped.agreement_id}), billed from "
            f"{mapped.bill_from} on."
            if mapped
            else f"{organization.name} ({organization.id}) is in NordPass. Map it next: "
            f"`cw-pipeline companies map COMPANY --agreement A --organization {organization.id}`."
        )


def _asked_to_map(company: str | None, agreement: str | None, bill_from: Month | None) -> MapTo | None:
    from cw_pipeline.setup.organizations import MapTo

    if company is not None and agreement is not None:
        return MapTo(company, agreement, bill_from)
    if company is None and agreement is None and bill_from is None:
        return None
    raise UsageError("To map it at once, give --company and --agreement, and --bill-from if you like. Or none.")


def _fault(detail: ErrorDetails) -> str:
    option = "--" + str(detail["loc"][0]).replace("_", "-")
    return f"{option}: {'an e-mail address is expected' if option == '--contact-email' else detail['msg']}"
