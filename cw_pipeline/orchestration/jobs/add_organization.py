"""The job `add_organization`."""

from typing import Literal

import dagster as dg
from pydantic import Field, ValidationError

from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.orchestration.assets.setup import materialized_mapping, nordpass_organizations
from cw_pipeline.orchestration.failures import Failed, configured_month, failing_the_run
from cw_pipeline.orchestration.jobs.map_companies import ACCEPT_WARNINGS, BILL_FROM
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.reports import listings
from cw_pipeline.setup import organizations
from cw_pipeline.vocabulary import LicenseType, Plan
from cw_pipeline.wording import cells
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.mappings import mapped_sentence


class OrganizationConfig(dg.Config):
    """The organization to add in NordPass; without a name, the run only shows those that are there."""

    name: str = Field(default="", description="The organization's name. Left empty, nothing is added.")
    plan: Literal["Business", "Enterprise"] = Field(default="Business", description="Its NordPass plan.")
    license_type: Literal["Standard", "Trial", "NFR"] = Field(
        default="Standard", description="Its license type; only Standard is billed."
    )
    contact_email: str = Field(
        default="", description="Where NordPass sends the invitation to its first member; needed."
    )
    country: str = Field(default="", description="Its country, if known.")
    company: str = Field(
        default="", description="To map it at once: id or exact name of the ConnectWise company. Empty: map it later."
    )
    agreement: str = Field(default="", description="Id or exact name of one of the company's agreements.")
    bill_from: str = Field(default="", description=BILL_FROM)
    accept_warnings: bool = Field(default=False, description=ACCEPT_WARNINGS)


_EXAMPLE = """\
# Without a name, nothing is added: the run shows the organizations that are there.
ops:
  add_to_nordpass:
    config:
      name: ""                  # such as Umbrella Ltd
      plan: Business            # or Enterprise
      license_type: Standard    # or Trial or NFR; only Standard is billed
      contact_email: ""         # NordPass sends the invitation to the first member there
      country: ""               # may stay empty
      # To map it at once; leave the company empty to map it later:
      company: ""               # id or exact name
      agreement: ""             # id or exact name of one of its agreements
      bill_from: ""             # such as 2026-03; empty: the last closed month
      accept_warnings: false
"""


@dg.op
def add_to_nordpass(context: dg.OpExecutionContext, config: OrganizationConfig, access: Access) -> None:
    """Create the organization in NordPass and, if asked, map it; a repetition never adds it twice."""
    with failing_the_run(), access.warehouse(context.run.run_id) as warehouse:
        if not config.name:
            with warehouse.transaction() as session:
                listed = table(*cells.organizations(listings.organizations(session)))
            context.log.info("Nothing was added: give a name and a contact_email. These organizations are there.")
            context.log_event(dg.AssetObservation(nordpass_organizations.key, metadata={"organizations": listed}))
            return
        new, map_to = _asked(config)
        with access.nordpass() as nordpass:
            added = organizations.add_organization(nordpass, warehouse, new, map_to, first_month=first_month())
        what_next = mapped_sentence(added.mapped) if added.mapped else "Map it next, with the job map_companies."
        context.log.info(f"{added.organization.name} ({added.organization.id}) is in NordPass. {what_next}")
        for warning in added.mapped.warnings if added.mapped else ():
            context.log.warning(in_the_ui(warning))
        context.log_event(materialized_mapping(warehouse))


def _asked(config: OrganizationConfig) -> tuple[NewOrganization, organizations.MapTo | None]:
    """The organization to add, and what to map it to.

    Raises:
        Failed: If one of its fields cannot be used; names it.
    """
    try:
        new = NewOrganization(
            name=config.name,
            plan=Plan(config.plan),
            license_type=LicenseType(config.license_type),
            contact_email=config.contact_email,
            country=config.country or None,
        )
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise Failed(f"The organization was not added. {faults}.") from None
    if not config.company:
        return new, None
    month = configured_month("bill_from", config.bill_from) if config.bill_from else None
    return new, organizations.MapTo(config.company, config.agreement, month, config.accept_warnings)


@launchable(_EXAMPLE)
def add_organization() -> None:
    """Add an organization in NordPass and, if asked, map it.

    As it stands, the run adds nothing, and shows the organizations that are there.
    """
    add_to_nordpass()
