"""The job `add_organization`."""

from typing import Literal, cast

import dagster as dg
from pydantic import Field, ValidationError

from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.jobs.map_companies import MapToConfig
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import organizations
from cw_pipeline.wording.cells import mapped_sentence


class OrganizationConfig(dg.Config):
    """The organization to add in NordPass."""

    name: str = Field(description="The organization's name.")
    plan: Literal["Business", "Enterprise"] = Field(description="Its NordPass plan.")
    license_type: Literal["Standard", "Trial", "NFR"] = Field(description="Its license type; only Standard is billed.")
    contact_email: str = Field(description="Where NordPass sends the invitation to its first member.")
    country: str | None = Field(default=None, description="Its country, if known.")
    map_to: MapToConfig | None = Field(default=None, description="Map it at once. Leave it out to map it later.")


@dg.op
def add_to_nordpass(context: dg.OpExecutionContext, config: OrganizationConfig, access: Access) -> None:
    """Create the organization in NordPass and, if asked, map it; a repetition never adds it twice."""
    try:
        new = NewOrganization.model_validate(config.model_dump(exclude={"map_to"}))
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise dg.Failure(f"The organization was not added. {faults}.", allow_retries=False) from None
    to = cast("MapToConfig | None", config.map_to)
    map_to = organizations.MapTo(to.company, to.agreement, to.first_billed, to.accept_warnings) if to else None
    with failing_the_run(), access.warehouse(context.run.run_id) as warehouse, access.nordpass() as nordpass:
        added = organizations.add_organization(nordpass, warehouse, new, map_to, first_month=first_month())
        what_next = mapped_sentence(added.mapped) if added.mapped else "Map it next, with the job map_companies."
        context.log.info(f"{added.organization.name} ({added.organization.id}) is in NordPass. {what_next}")
        for warning in added.mapped.warnings if added.mapped else ():
            context.log.warning(warning)
        context.log_event(materialized_mapping(warehouse))


@dg.job
def add_organization() -> None:
    """Add an organization in NordPass and, if asked, map it."""
    add_to_nordpass()
