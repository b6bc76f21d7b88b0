"""The unpartitioned assets: what people import and map. No schedule materializes them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import dagster as dg

from cw_pipeline.orchestration.launchpad import JobConfig
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import (
    connection_details,
    import_details,
    mapping_details,
    product_details,
)
from cw_pipeline.orchestration.tenant import PREFIX, asset_key
from cw_pipeline.setup import imports, organizations
from cw_pipeline.setup.connection import Connection
from cw_pipeline.setup.list_update import Changes
from cw_pipeline.setup.products import MappedProduct
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.launchpad import in_the_ui

Done: TypeAlias = Connection | Changes | Sequence[MappedProduct]
"""What a set-up command did to one asset."""


class ListConfig(JobConfig):
    """Whether to accept a list that lacks much of the last one."""

    accept_warnings: bool = False
    """Take the list even if it is empty, or lacks more than a few mapped records. Without this, the run fails, says
    what the list lacks, and nothing is changed."""


class ImportConfig(ListConfig):
    """Which companies to import."""

    types: list[str] | None = None
    """Names of the company types to import. Leave it out to take the choice made last time."""
    statuses: list[str] | None = None
    """Names of the company statuses to import. Leave it out to take the last choice."""


@dg.asset(key_prefix=PREFIX, kinds={"connectwise"})
def imported_companies(
    context: dg.AssetExecutionContext, config: ImportConfig, access: Access
) -> dg.MaterializeResult[Any]:
    """The ConnectWise companies of the chosen types and statuses."""
    with access.warehouse(context) as warehouse, access.connectwise() as client:
        report = imports.import_companies(
            client, warehouse, config.types, config.statuses, accept_warnings=config.accept_warnings
        )
    for sentence in report.unreadable:
        context.log.warning(in_the_ui(sentence))
    return dg.MaterializeResult(metadata=import_details(report))


@dg.asset(key_prefix=PREFIX, kinds={"connectwise"}, deps=[imported_companies])
def agreements(context: dg.AssetExecutionContext, config: ListConfig, access: Access) -> dg.MaterializeResult[Any]:
    """The agreements of the imported companies."""
    with access.warehouse(context) as warehouse, access.connectwise() as client:
        report = imports.import_agreements(client, warehouse, accept_warnings=config.accept_warnings)
    for sentence in (*report.agreement_changed, *report.unreadable):
        context.log.warning(in_the_ui(sentence))
    return dg.MaterializeResult(metadata=import_details(report))


@dg.asset(name="organizations", key_prefix=PREFIX, kinds={"nordpass"})
def nordpass_organizations(
    context: dg.AssetExecutionContext, config: ListConfig, access: Access
) -> dg.MaterializeResult[Any]:
    """The NordPass organizations, managed by this MSP or not."""
    with access.warehouse(context) as warehouse, access.nordpass() as nordpass:
        report = organizations.refresh_organizations(nordpass, warehouse, accept_warnings=config.accept_warnings)
    return dg.MaterializeResult(metadata=import_details(report))


@dg.asset(key_prefix=PREFIX, kinds={"python"}, deps=[agreements, nordpass_organizations])
def mapped_organizations(context: dg.AssetExecutionContext, access: Access) -> dg.MaterializeResult[Any]:
    """The company and agreement that each organization is billed to, as people mapped them."""
    with access.warehouse(context) as warehouse:
        return dg.MaterializeResult(metadata=mapping_details(warehouse))


CONNECTION = dg.AssetSpec(
    asset_key("connection"),
    description="The ConnectWise company that the job connect found, and each right of the API member.",
    kinds={"connectwise"},
)
MAPPED_PRODUCTS = dg.AssetSpec(
    asset_key("mapped_products"),
    description="The ConnectWise product that each NordPass plan is billed as, as the job map_products left it.",
    kinds={"connectwise"},
)


def materialized_mapping(warehouse: Warehouse) -> dg.AssetMaterialization:
    """The event that shows `mapped_organizations` in the UI after a change."""
    return dg.AssetMaterialization(mapped_organizations.key, metadata=mapping_details(warehouse))


def report_setup(instance: dg.DagsterInstance, warehouse: Warehouse, done: Mapping[str, Done] | None = None) -> None:
    """Show in the UI what the command line changed: materializations without a run.

    Args:
        instance: Dagster's storage.
        warehouse: Says what is mapped now.
        done: What was connected, imported, or mapped to a product, by the name of its asset.
    """
    for asset, what in (done or {}).items():
        match what:
            case Connection():
                details = connection_details(what)
            case Changes():
                details = import_details(what)
            case _:
                details = product_details(what)
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(asset), metadata=details))
    instance.report_runless_asset_event(materialized_mapping(warehouse))
