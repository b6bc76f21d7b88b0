# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The jobs: the monthly sync, and one for each act of the life cycle, with config that the Launchpad explains."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import Field, ValidationError

from cw_pipeline.billing.identity import Plan
from cw_pipeline.billing.months import Month
from cw_pipeline.integration import connection, mapping, mapping_file, organizations, products
from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.mapped import mapped_organizations, of_mapping
from cw_pipeline.orchestration.monthly import PREVIEW, PUSH, USAGE
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.watch import unpushed_months
from cw_pipeline.warehouse.database import Warehouse

# Whether other months are late is no matter of a month's own run.
_MONTHLY = dg.AssetSelection.assets(USAGE.key, PREVIEW.key, PUSH.key) - dg.AssetSelection.checks(unpushed_months)

monthly_sync = dg.define_asset_job(
    "monthly_sync", selection=_MONTHLY, description="A month's usage, preview and push; what the schedule runs."
)
sync_now = dg.define_asset_job(
    "sync_now",
    selection=_MONTHLY,
    description="Sync any closed month at once; values that were synced before are overwritten.",
)
preview = dg.define_asset_job(
    "preview",
    selection=dg.AssetSelection.assets(USAGE.key, PREVIEW.key),
    description="The dry run: a month's usage and preview. Nothing is written to ConnectWise.",
)
import_companies = dg.define_asset_job(
    "import_companies",
    selection=dg.AssetSelection.assets("imported_companies", "agreements", "organizations", "mapped_organizations"),
    description="Import companies, agreements and organizations again. Mappings are kept.",
)


@dg.op
def check_connection(context: dg.OpExecutionContext, access: Access) -> None:
    """Check the credentials and the rights of the API member, and remember the ConnectWise company."""
    with failing_the_run(), access.warehouse() as warehouse, access.connectwise() as client:
        connected = connection.connect(client, warehouse)
    held = {None: "not yet proved", True: "held", False: "missing"}
    for right in connected.rights:
        context.log.info(f"{right.name} ({right.why}): {held[right.held]}")
    if connected.missing_rights:
        names = ", ".join(right.name for right in connected.missing_rights)
        raise dg.Failure(f"The API member's security role lacks: {names}. Add it in ConnectWise.", allow_retries=False)


@dg.job
def connect() -> None:
    """Check and save the connection to ConnectWise that the environment names."""
    check_connection()


class ProductsConfig(dg.Config):
    """Which products to bill the plans as."""

    business: str | None = Field(
        default=None, description="Id or identifier of the product for NordPass Business. Leave it out to keep it."
    )
    enterprise: str | None = Field(
        default=None, description="Id or identifier of the product for NordPass Enterprise. Leave it out to keep it."
    )
    confirm: bool = Field(
        default=False, description="Confirm the mapping: the next sync bills the mapped plans as these products."
    )


@dg.op
def choose_products(context: dg.OpExecutionContext, config: ProductsConfig, access: Access) -> None:
    """Map plans to products and, if asked, confirm the mapping."""
    chosen = {Plan.BUSINESS: config.business, Plan.ENTERPRISE: config.enterprise}
    if not any(chosen.values()) and not config.confirm:
        raise dg.Failure("Give a product for a plan, or set confirm.", allow_retries=False)
    with failing_the_run(), access.warehouse() as warehouse, access.connectwise() as client:
        mapped = [products.map_product(client, warehouse, plan, product) for plan, product in chosen.items() if product]
        if config.confirm:
            mapped = list(products.confirm_products(warehouse))
    for one in mapped:
        state = "confirmed" if one.confirmed else "not confirmed yet"
        context.log.info(f"{one.plan} is mapped to {one.identifier} ({one.product_id}), {state}")
        for warning in one.warnings:
            context.log.warning(warning)


@dg.job
def map_products() -> None:
    """Map NordPass plans to ConnectWise products, and confirm the mapping."""
    choose_products()


class MappingConfig(dg.Config):
    """What to map: one company, or a whole mapping file."""

    file: str | None = Field(default=None, description="A mapping file on this machine, applied all or nothing.")
    company: str | None = Field(default=None, description="Id or exact name of one company, instead of a file.")
    agreement: str | None = Field(default=None, description="Id or exact name of one of the company's agreements.")
    organization: str | None = Field(default=None, description="Id or exact name of the NordPass organization.")
    bill_from: str | None = Field(
        default=None, description="First month it is billed for, as 2026-03. Leave it out for the last closed month."
    )


@dg.op
def choose_organizations(context: dg.OpExecutionContext, config: MappingConfig, access: Access) -> None:
    """Map one company, or apply a mapping file."""
    with failing_the_run(), access.warehouse() as warehouse:
        done, warnings = _map(config, warehouse)
        context.log.info(done)
        for warning in warnings:
            context.log.warning(warning)
        context.log_event(dg.AssetMaterialization(mapped_organizations.key, metadata=of_mapping(warehouse)))


def _map(config: MappingConfig, warehouse: Warehouse) -> tuple[str, Sequence[str]]:
    now = datetime.now(UTC)
    one = (config.company, config.agreement, config.organization)
    if config.file is not None and one == (None, None, None):
        applied = mapping_file.apply_mappings(warehouse, Path(config.file), now)
        return f"{applied.mapped} mapped, {applied.remapped} anew, {applied.unmapped} unmapped", applied.warnings
    if config.file is not None or config.company is None or config.agreement is None or config.organization is None:
        raise dg.Failure("Give either a file, or company, agreement and organization.", allow_retries=False)
    mapped = mapping.map_company(
        warehouse,
        config.company,
        config.agreement,
        config.organization,
        bill_from=_month(config.bill_from),
        now=now,
    )
    what = f"{mapped.company_name} ({mapped.company_id}) is mapped to {mapped.organization_name}"
    return f"{what} on agreement {mapped.agreement_id} from {mapped.bill_from} on", mapped.warnings


def _month(key: str | None) -> Month | None:
    try:
        return Month.parse(key) if key else None
    except ValueError as error:
        raise dg.Failure(f"bill_from: {error}", allow_retries=False) from None


@dg.job
def map_companies() -> None:
    """Map a company and its agreement to an organization, or apply a mapping file."""
    choose_organizations()


class OrganizationConfig(dg.Config):
    """The organization to add in NordPass."""

    name: str = Field(description="The organization's name.")
    plan: Literal["Business", "Enterprise"] = Field(description="Its NordPass plan.")
    license_type: Literal["Standard", "Trial", "NFR"] = Field(description="Its license type; only Standard is billed.")
    contact_email: str = Field(description="Where NordPass sends the invitation to its first member.")
    country: str | None = Field(default=None, description="Its country, if known.")


@dg.op
def add_to_nordpass(context: dg.OpExecutionContext, config: OrganizationConfig, access: Access) -> None:
    """Create the organization in NordPass; a re-execution of the same run never adds it twice."""
    try:
        new = NewOrganization.model_validate(config.model_dump())
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise dg.Failure(f"The organization was not added. {faults}.", allow_retries=False) from None
    first_run = context.run.root_run_id or context.run.run_id
    with failing_the_run(), access.warehouse() as warehouse, access.nordpass() as nordpass:
        added = organizations.add_organization(nordpass, warehouse, new, idempotency_key=first_run)
    context.log.info(f"Added {added.name} ({added.id}). Map it next.")


@dg.job
def add_organization() -> None:
    """Add an organization in NordPass."""
    add_to_nordpass()


class DisconnectConfig(dg.Config):
    """Where the mappings are kept."""

    backup_file: str = Field(description="A new file on this machine for all mappings, which map_companies takes back.")


@dg.op
def remove_mappings(context: dg.OpExecutionContext, config: DisconnectConfig, access: Access) -> None:
    """Write all mappings to a file, remove them, and stop syncing. Lines in ConnectWise stay."""
    with failing_the_run(), access.warehouse() as warehouse:
        done = connection.disconnect(warehouse, Path(config.backup_file))
        context.log.info(f"Removed {done.company_mappings} mappings; {done.backup_file} takes them back")
        context.log_event(dg.AssetMaterialization(mapped_organizations.key, metadata=of_mapping(warehouse)))


@dg.job
def disconnect() -> None:
    """Remove all mappings, after writing them to a file, and stop syncing."""
    remove_mappings()


ALL = [
    monthly_sync,
    sync_now,
    preview,
    import_companies,
    connect,
    map_products,
    map_companies,
    add_organization,
    disconnect,
]
