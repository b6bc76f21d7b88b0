"""The sensors: an alert for each run that failed or has a check that did not pass, and a ping when all is well."""

from collections.abc import Iterator
from typing import cast

import dagster as dg

from cw_pipeline.heartbeat import ping
from cw_pipeline.notifications import tell
from cw_pipeline.orchestration.jobs.daily_checks import daily_checks, not_passed
from cw_pipeline.orchestration.runs import check_evaluations, months_of, step_failure
from cw_pipeline.orchestration.tenant import KEY, TITLE
from cw_pipeline.settings import Heartbeat, Messages
from cw_pipeline.vocabulary import Month, month_options
from cw_pipeline.wording.commands import for_tenant

_MOST_LINES = 30
_OFF = dg.SkipReason("CW_PIPELINE_NOTIFY is not set, so no alert is sent.")


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts the addresses in CW_PIPELINE_NOTIFY to every run that failed, whatever its job.",
)
def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Send which run failed, why, and what to do next.

    Raises:
        NotDelivered: If an address did not get the alert, so that the sensor's tick fails, too.
    """
    return _alert(context, "failed", [*_failures(context), *_failed_checks(context)])


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts the addresses in CW_PIPELINE_NOTIFY to every check that did not pass in a run that succeeded.",
)
def failed_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """Send which checks did not pass, and what to do next.

    Raises:
        NotDelivered: If an address did not get the alert, so that the sensor's tick fails, too.
    """
    found = list(_failed_checks(context))
    return _alert(context, "needs attention", found) if found else dg.SkipReason("Every check of the run passed.")


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[daily_checks],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the address in CW_PIPELINE_HEARTBEAT_URL after each run of daily_checks that found nothing.",
)
def daily_heartbeat(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """Ping the service that raises the alarm when no ping comes.

    Raises:
        NotPinged: If the service did not take the ping, so that the sensor's tick fails, too.
    """
    settings = Heartbeat()
    if settings.cw_pipeline_heartbeat_url is None:
        return dg.SkipReason("CW_PIPELINE_HEARTBEAT_URL is not set, so no ping is sent.")
    if failed := not_passed(context.dagster_run.run_id, context.instance):
        return dg.SkipReason(f"These checks did not pass, so no ping is sent: {', '.join(failed)}.")
    ping(settings.cw_pipeline_heartbeat_url, ca_bundle=settings.cw_pipeline_heartbeat_ca_bundle)
    return None


def _alert(context: dg.RunStatusSensorContext, what: str, found: list[str]) -> dg.SkipReason | None:
    messages = Messages()
    if messages.cw_pipeline_notify is None:
        return _OFF
    run = context.dagster_run
    more = [f"And {len(found) - _MOST_LINES} more."] if len(found) > _MOST_LINES else []
    ui = messages.cw_pipeline_dagster_url
    where = f"{ui.rstrip('/')}/runs/{run.run_id}" if ui else f"The run is {run.run_id}."
    tell(
        messages.cw_pipeline_notify,
        title=f"{TITLE}: {_name(run)} {what}",
        lines=[for_tenant(line, KEY) for line in (*found[:_MOST_LINES], *more, f"{_what_next(run)} {where}")],
    )
    return None


def _name(run: dg.DagsterRun) -> str:
    """The run's job, or its assets if the UI started it without a job, and its months."""
    assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    job = (assets or "a run") if run.job_name.startswith("__") else run.job_name
    months = months_of(run)
    return f"{job} for {' to '.join(months)}" if months else job


def _what_next(run: dg.DagsterRun) -> str:
    months = months_of(run)
    if not months:
        return "Fix what is listed above, then run it again."
    options = month_options(Month.parse(months[0]), Month.parse(months[-1]))
    command = "preview" if run.job_name == "preview" else "sync"
    return f"Fix what is listed above, then run `cw-pipeline {command} {options}`."


def _failures(context: dg.RunStatusSensorContext) -> Iterator[str]:
    """Why the run failed, line by line."""
    entries = context.instance.all_logs(context.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for entry in entries:
        yield from step_failure(entry).splitlines()
    if not entries:
        yield "It ended without an error message: its process died, it took too long, or it could not start."


def _failed_checks(context: dg.RunStatusSensorContext) -> Iterator[str]:
    """The description of each check whose last evaluation did not pass, if it concerns the run's months."""
    months = months_of(context.dagster_run)
    for evaluation in check_evaluations(context.dagster_run.run_id, context.instance):
        if not evaluation.passed and _concerns(evaluation, months):
            name = f"{evaluation.asset_key.to_user_string()}, {evaluation.check_name}"
            yield f"{name} ({evaluation.severity.value}): {evaluation.description or 'did not pass.'}"


def _concerns(evaluation: dg.AssetCheckEvaluation, months: list[str]) -> bool:
    """Whether the check failed for one of `months`: checks cover every month, and other months' runs report theirs."""
    by_month = evaluation.metadata.get("by_month")
    if not months or not isinstance(by_month, dg.JsonMetadataValue):
        return True
    return any(months[0] <= month <= months[-1] for month in cast("dict[str, object]", by_month.value))
