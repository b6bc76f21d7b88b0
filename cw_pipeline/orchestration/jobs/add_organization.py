"""The job `add_organization`."""

from typing import Literal

import dagster as dg
from pydantic import Field, ValidationError

from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.orchestration.assets.setup import materialized_mapping, nordpass_organizations
from cw_pipeline.orchestration.failures import Failed, configured_month
from cw_pipeline.orchestration.jobs.map_companies import ACCEPT_WARNINGS, BILL_FROM
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.reports import listings
from cw_pipeline.setup import organizations
from cw_pipeline.wording import cells
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.mappings import mapped_sentence


class OrganizationConfig(JobConfig):
    """The organization to add in NordPass, and what to map it to."""

    name: str = ""
    """The organization's name, such as Umbrella Ltd. If empty, none is added."""
    plan: Literal["Business", "Enterprise"] = "Business"
    """Its NordPass plan: Business or Enterprise."""
    license_type: Literal["Standard", "Trial", "NFR"] = "Standard"
    """Its license type: Standard, Trial or NFR. Only Standard is billed."""
    contact_email: str = ""
    """Required: where NordPass sends the invitation to its first member."""
    country: str = ""
    """Its country, if known."""
    company: str = ""
    """To map it at once: id or exact name of the ConnectWise company. Empty: map it later."""
    agreement: str = ""
    """Id or exact name of one of the company's agreements."""
    bill_from: str = Field(default="", description=BILL_FROM)
    accept_warnings: bool = Field(default=False, description=ACCEPT_WARNINGS)


@dg.op
def add_to_nordpass(context: dg.OpExecutionContext, config: OrganizationConfig, access: Access) -> None:
    """Add an organization in NordPass and, if it has a company, map it. Running it again never adds it twice.

    Without a name, nothing is added, and the run shows the existing organizations.
    """
    with access.warehouse(context) as warehouse:
        if not config.name:
            with warehouse.transaction() as session:
                existing = table(*cells.organizations(listings.organizations(session)))
            context.log.info(
                "Nothing was added: give a name and a contact_email. `organizations` lists the existing ones."
            )
            context.log_event(dg.AssetObservation(nordpass_organizations.key, metadata={"organizations": existing}))
            return
        new, map_to = _new_organization(config), _map_to(config)
        with access.nordpass() as nordpass:
            added = organizations.add_organization(nordpass, warehouse, new, map_to, first_month=first_month())
        what_next = mapped_sentence(added.mapped) if added.mapped else "Map it next, with the job map_companies."
        context.log.info(f"{added.organization.name} ({added.organization.id}) is in NordPass. {what_next}")
        for warning in added.mapped.warnings if added.mapped else ():
            context.log.warning(in_the_ui(warning))
        context.log_event(materialized_mapping(warehouse))


def _new_organization(config: OrganizationConfig) -> NewOrganization:
    fields = {name: value for name in NewOrganization.model_fields if (value := getattr(config, name))}
    try:
        return NewOrganization.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise Failed(f"The organization was not added. {faults}.") from None


def _map_to(config: OrganizationConfig) -> organizations.MapTo | None:
    if not config.company:
        return None
    month = configured_month("bill_from", config.bill_from)
    return organizations.MapTo(config.company, config.agreement, month, config.accept_warnings)


add_organization = one_op_job("add_organization", add_to_nordpass, OrganizationConfig)
