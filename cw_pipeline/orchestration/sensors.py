"""The sensors: messages about problems that begin and end, and a ping when all is well."""

from datetime import UTC, datetime

import dagster as dg

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.heartbeat import ping
from cw_pipeline.notifications import addresses, complaint
from cw_pipeline.orchestration.jobs.daily_checks import daily_checks, not_passed
from cw_pipeline.orchestration.messages import message
from cw_pipeline.orchestration.problems import Problems
from cw_pipeline.settings import Heartbeat, Messages


class NotDelivered(CwPipelineError):
    """An address did not get a message. The error never contains an address, which is a secret."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Sends a message to the addresses in CW_PIPELINE_NOTIFY when a problem begins, each week while it lasts, "
        "and when it is solved. Its cursor remembers what each address was told."
    ),
)
def messages(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Tell each address what it was not told yet; if one does not take a message, a later tick tries again.

    Raises:
        NotDelivered: If an address did not take its message, and the cursor is unchanged: the tick fails.
    """
    settings, now = Messages(), datetime.now(UTC)
    cursor, instance = context.cursor, context.instance
    problems = Problems.model_validate_json(cursor) if cursor else Problems.from_now_on(instance)
    location = context.code_location_origin
    problems.read_ended_runs(instance, location.location_name if location else None)
    everybody = addresses(settings.cw_pipeline_notify) if settings.cw_pipeline_notify else []
    failed: list[str] = []
    for address in everybody:
        to_tell = problems.to_tell(address.name, now)
        if any(to_tell):
            title, lines = message(to_tell, problems.open, instance, settings.cw_pipeline_dagster_url)
            if not address.send(title, lines):
                failed.append(address.name)
                continue
        problems.remember(address.name, to_tell, now)
    problems.settle([address.name for address in everybody])
    result = "Everybody was told." if everybody else "CW_PIPELINE_NOTIFY is not set, so no message is sent."
    new_cursor = problems.model_dump_json(exclude_defaults=True)
    if failed:
        result = f"{complaint(failed, len(everybody))} What they missed is sent at a later tick."
        if new_cursor == cursor:
            raise NotDelivered(result)
    return dg.SensorResult(skip_reason=result, cursor=new_cursor)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[daily_checks],
    minimum_interval_seconds=300,
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
