# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The schedules: each month every closed month that is not yet pushed, and each day a look whether all is well."""

import dagster as dg

from cw_pipeline.billing.months import Month
from cw_pipeline.integration.status import status
from cw_pipeline.orchestration.jobs import monthly_sync
from cw_pipeline.orchestration.monthly import SyncConfig, sync_months
from cw_pipeline.orchestration.partitions import FIRST_MONTH
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.watch import daily_checks
from cw_pipeline.warehouse.errors import WarehouseError

TRIES_AGAIN = 6
"""A report that is not final at 00:30 is tried again every ten minutes for an hour."""


@dg.schedule(
    job=monthly_sync,
    cron_schedule="30 0 1 * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Pushes the month that just ended, and every earlier month that is not yet pushed.",
)
def monthly_sync_schedule(context: dg.ScheduleEvaluationContext, access: Access) -> dg.SkipReason | list[dg.RunRequest]:
    """One run for each closed month that is not yet pushed, by the tick's own time and never the clock."""
    tick = context.scheduled_execution_time
    with access.warehouse() as warehouse:
        now = status(warehouse, first_month=Month.parse(FIRST_MONTH), now=tick)
    if now.missing:
        return dg.SkipReason(f"The integration is not active. {' '.join(now.missing)}")
    if not now.unpushed_months:
        return dg.SkipReason("Every closed month that companies are billed for is pushed.")
    config = dg.RunConfig(ops={sync_months.node_def.name: SyncConfig(retries=TRIES_AGAIN)})
    return [
        dg.RunRequest(run_key=f"{tick:%Y-%m-%dT%H:%M}Z {month}", partition_key=str(month), run_config=config)
        for month in now.unpushed_months
    ]


@dg.schedule(
    job=daily_checks,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks for drift in ConnectWise and for closed months that are not pushed.",
)
def daily_checks_schedule(context: dg.ScheduleEvaluationContext, access: Access) -> dg.SkipReason | dg.RunRequest:
    """One run a day while the integration is active, or nobody can tell whether it is: a run that fails is told."""
    tick = context.scheduled_execution_time
    request = dg.RunRequest(run_key=f"{tick:%Y-%m-%d}")
    try:
        with access.warehouse() as warehouse:
            missing = status(warehouse, first_month=Month.parse(FIRST_MONTH), now=tick).missing
    except WarehouseError:
        return request
    return dg.SkipReason(f"The integration is not active. {' '.join(missing)}") if missing else request
