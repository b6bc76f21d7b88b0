"""The schedules: each month a run for every closed month that is not yet pushed, and each day two runs that check.

A failed run sends an alert; a failed tick does not. So a tick that cannot tell what is due, because a setting or the
warehouse cannot be used, requests a run, which fails with the reason.
"""

from datetime import datetime

import dagster as dg
from pydantic import ValidationError

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.orchestration.assets.months import PREVIEW, USAGE, SyncConfig, sync_months
from cw_pipeline.orchestration.jobs.daily_checks import daily_checks
from cw_pipeline.orchestration.jobs.monthly import monthly_sync
from cw_pipeline.orchestration.jobs.recent_usage import recent_usage
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import SCHEDULE
from cw_pipeline.reports.status import Status, status
from cw_pipeline.settings import Approval
from cw_pipeline.vocabulary import Month
from cw_pipeline.wording.launchpad import in_the_ui

TRIES_AGAIN = 6
"""A report that is not final at 00:30 is tried again every ten minutes for an hour."""


@dg.schedule(
    job=monthly_sync,
    cron_schedule=SCHEDULE.cron,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "Pushes the month that just ended, and every earlier month that is not yet pushed. Where CW_PIPELINE_APPROVAL "
        "is `required`, it only previews them."
    ),
)
def monthly_sync_schedule(context: dg.ScheduleEvaluationContext, access: Access) -> dg.SkipReason | list[dg.RunRequest]:
    """One run for each closed month that is not yet pushed, by the tick's own time and never the clock."""
    tick = context.scheduled_execution_time
    state = _status(access, tick)
    if state and state.missing:
        return _not_active(state)
    months = state.unpushed_months if state else (Month.last_closed(tick),)
    if not months:
        return dg.SkipReason("Every closed month that companies are billed for is pushed.")
    config = dg.RunConfig(ops={sync_months.node_def.name: SyncConfig(retries=TRIES_AGAIN)})
    return [
        dg.RunRequest(
            run_key=f"{tick:%Y-%m-%dT%H:%M}Z {month}",
            partition_key=str(month),
            run_config=config,
            asset_selection=[USAGE.key, PREVIEW.key] if _needs_approval() else None,
        )
        for month in months
    ]


def _needs_approval() -> bool:
    """Whether a person has to approve what is pushed. Assumed if the setting is wrong, which fails the run."""
    try:
        return Approval().approval_required
    except ValidationError:
        return True


def _once_a_day(context: dg.ScheduleEvaluationContext, access: Access) -> dg.SkipReason | dg.RunRequest:
    tick = context.scheduled_execution_time
    state = _status(access, tick)
    return _not_active(state) if state and state.missing else dg.RunRequest(run_key=f"{tick:%Y-%m-%d}")


def _daily(job_name: str, at: str, description: str) -> dg.ScheduleDefinition:
    """A schedule of one run a day while the integration is active; `at` is a cron schedule in UTC."""
    return dg.schedule(
        job_name=job_name,
        name=f"{job_name}_schedule",
        cron_schedule=at,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )(_once_a_day)


daily_checks_schedule = _daily(
    daily_checks.name, "0 6 * * *", "Looks for drift in ConnectWise and for closed months that are not pushed."
)
recent_usage_schedule = _daily(
    recent_usage.name,
    "15 0 * * *",
    "Reads the last three closed months' usage reports again, before the monthly sync looks for what is due.",
)


def _status(access: Access, tick: datetime) -> Status | None:
    """How far the setup has come; None if a setting or the warehouse cannot be used."""
    try:
        with access.warehouse() as warehouse:
            return status(warehouse, first_month=first_month(), now=tick)
    except CwPipelineError:
        return None


def _not_active(state: Status) -> dg.SkipReason:
    return dg.SkipReason(in_the_ui(f"The integration is not active. {' '.join(state.missing)}"))
