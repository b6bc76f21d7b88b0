"""The unpartitioned assets: what a person's acts import and map. No schedule materializes them."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from cw_pipeline.billing.months import Month
from cw_pipeline.integration import imports, organizations
from cw_pipeline.integration.reconcile import Changes
from cw_pipeline.integration.status import status
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.partitions import FIRST_MONTH
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.warehouse.database import Warehouse


class ImportConfig(dg.Config):
    """Which companies to import."""

    types: list[str] | None = Field(
        default=None,
        description="Names of the company types to import. Leave it out to take the choice made last time.",
    )
    statuses: list[str] | None = Field(
        default=None, description="Names of the company statuses to import. Leave it out to take the last choice."
    )


@dg.asset(group_name="mapping", kinds={"connectwise"})
def imported_companies(config: ImportConfig, access: Access) -> dg.MaterializeResult[Any]:
    """The ConnectWise companies of the chosen types and statuses."""
    with failing_the_run(), access.warehouse() as warehouse, access.connectwise() as client:
        report = imports.import_companies(client, warehouse, config.types, config.statuses)
    return dg.MaterializeResult(metadata=of_changes(report))


@dg.asset(group_name="mapping", kinds={"connectwise"}, deps=[imported_companies])
def agreements(access: Access) -> dg.MaterializeResult[Any]:
    """The agreements of the imported companies."""
    with failing_the_run(), access.warehouse() as warehouse, access.connectwise() as client:
        report = imports.import_agreements(client, warehouse)
    return dg.MaterializeResult(metadata=of_changes(report))


@dg.asset(name="organizations", group_name="mapping", kinds={"nordpass"})
def nordpass_organizations(access: Access) -> dg.MaterializeResult[Any]:
    """The NordPass organizations, managed by this MSP or not."""
    with failing_the_run(), access.warehouse() as warehouse, access.nordpass() as nordpass:
        report = organizations.refresh_organizations(nordpass, warehouse)
    return dg.MaterializeResult(metadata=of_changes(report))


@dg.asset(group_name="mapping", kinds={"python"}, deps=[agreements, nordpass_organizations])
def mapped_organizations(access: Access) -> dg.MaterializeResult[Any]:
    """Which company and agreement each organization is billed to: a person's decisions, as they stand."""
    with failing_the_run(), access.warehouse() as warehouse:
        return dg.MaterializeResult(metadata=of_mapping(warehouse))


def of_changes(changes: Changes) -> dict[str, dg.MetadataValue]:
    """What an import changed, as numbers, and the names of what is gone."""
    return {
        "total": dg.MetadataValue.int(changes.total),
        "new": dg.MetadataValue.int(len(changes.new)),
        "changed": dg.MetadataValue.int(len(changes.changed)),
        "gone": dg.MetadataValue.int(len(changes.gone)),
        "gone_names": dg.MetadataValue.json([f"{one.name} ({one.id})" for one in changes.gone]),
    }


def of_mapping(warehouse: Warehouse) -> dict[str, dg.MetadataValue]:
    """How much is mapped and how much is not."""
    now = status(warehouse, first_month=Month.parse(FIRST_MONTH), now=datetime.now(UTC))
    return {
        "mapped": dg.MetadataValue.int(now.mapped),
        "unmapped_companies": dg.MetadataValue.int(now.unmapped_companies),
        "unmapped_organizations": dg.MetadataValue.int(now.unmapped_organizations),
    }
