"""The assembly: one function that puts everything into ``Definitions``."""

from __future__ import annotations

import dagster as dg

from cw_pipeline.orchestration import sensors as alerts
from cw_pipeline.orchestration.assets import drift as watch
from cw_pipeline.orchestration.assets import months as monthly
from cw_pipeline.orchestration.assets import setup as mapped
from cw_pipeline.orchestration.jobs import monthly as jobs
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.schedules import daily_checks_schedule, monthly_sync_schedule, recent_usage_schedule


def build_definitions() -> dg.Definitions:
    """Everything that Dagster loads: assets, checks, jobs, schedules, sensors and the one resource.

    A step needs no process of its own here: what it waits for is ConnectWise, and a process costs seconds to start.
    """
    return dg.Definitions(
        assets=[
            mapped.imported_companies,
            mapped.agreements,
            mapped.nordpass_organizations,
            mapped.mapped_organizations,
            monthly.sync_months,
            watch.drift,
        ],
        asset_checks=[watch.unpushed_months],
        jobs=[*jobs.ALL, watch.daily_checks, watch.recent_usage],
        schedules=[monthly_sync_schedule, recent_usage_schedule, daily_checks_schedule],
        sensors=[alerts.failed_runs, alerts.failed_checks],
        resources={"access": Access()},
        executor=dg.in_process_executor,
    )
