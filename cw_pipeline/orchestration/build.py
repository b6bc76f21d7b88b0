"""The assembly: one function that puts everything into `Definitions`."""

from collections.abc import Mapping

import dagster as dg

from cw_pipeline.orchestration.asset_catalog import cataloged, outside
from cw_pipeline.orchestration.assets.drift import drift
from cw_pipeline.orchestration.assets.months import sync_months
from cw_pipeline.orchestration.assets.reconciliation import reconciliation
from cw_pipeline.orchestration.assets.setup import (
    CONNECTION,
    MAPPED_PRODUCTS,
    agreements,
    imported_companies,
    mapped_organizations,
    nordpass_organizations,
)
from cw_pipeline.orchestration.jobs.accept_lines import accept_lines
from cw_pipeline.orchestration.jobs.add_organization import add_organization
from cw_pipeline.orchestration.jobs.approve import approve
from cw_pipeline.orchestration.jobs.compare import compare
from cw_pipeline.orchestration.jobs.connect import connect
from cw_pipeline.orchestration.jobs.daily_checks import daily_checks
from cw_pipeline.orchestration.jobs.disconnect import disconnect
from cw_pipeline.orchestration.jobs.lines_by_hand import lines_by_hand
from cw_pipeline.orchestration.jobs.map_companies import map_companies
from cw_pipeline.orchestration.jobs.map_products import map_products
from cw_pipeline.orchestration.jobs.monthly import import_companies, monthly_sync, preview, sync_now
from cw_pipeline.orchestration.jobs.rebuild import rebuild
from cw_pipeline.orchestration.jobs.recent_usage import recent_usage
from cw_pipeline.orchestration.jobs.reconcile import reconcile
from cw_pipeline.orchestration.jobs.release_lines import release_lines
from cw_pipeline.orchestration.jobs.undo import undo
from cw_pipeline.orchestration.partitions import months_from
from cw_pipeline.orchestration.schedules import daily_checks_schedule, monthly_sync_schedule, recent_usage_schedule
from cw_pipeline.orchestration.sensors import daily_heartbeat, messages
from cw_pipeline.orchestration.unpushed import CLOSED_MONTHS, unpushed_months
from cw_pipeline.vocabulary import Month

_SETUP_JOBS = [
    connect,
    map_products,
    import_companies,
    map_companies,
    add_organization,
    accept_lines,
    release_lines,
    lines_by_hand,
    undo,
    rebuild,
    disconnect,
]


def build_definitions(*, first_month: Month, resources: Mapping[str, object]) -> dg.Definitions:
    """Everything that Dagster loads.

    Steps run in the run's own process: they mostly wait for ConnectWise, and a process takes seconds to start.

    Args:
        first_month: The first monthly partition.
        resources: By name; `access` is needed.
    """
    months = months_from(first_month)
    return dg.Definitions(
        assets=[
            *outside(),
            *map(cataloged, (CONNECTION, MAPPED_PRODUCTS, CLOSED_MONTHS)),
            *(
                asset.map_asset_specs(cataloged)
                for asset in (
                    imported_companies,
                    agreements,
                    nordpass_organizations,
                    mapped_organizations,
                    sync_months.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=months)),
                    drift,
                    reconciliation,
                )
            ),
        ],
        asset_checks=[unpushed_months],
        jobs=[monthly_sync, sync_now, preview, approve, compare, reconcile, daily_checks, recent_usage, *_SETUP_JOBS],
        schedules=[monthly_sync_schedule, recent_usage_schedule, daily_checks_schedule],
        sensors=[messages, daily_heartbeat],
        resources=resources,
        executor=dg.in_process_executor,
    )
