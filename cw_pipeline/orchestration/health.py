"""Whether all is well, for monitoring: what Dagster's storage and the warehouse show, and what is wrong."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from cw_pipeline.orchestration.jobs.daily_checks import daily_checks, not_passed
from cw_pipeline.orchestration.runs import existing_instance, problem_of_workers, recorded_pushes
from cw_pipeline.orchestration.schedules import daily_checks_schedule, monthly_sync_schedule
from cw_pipeline.orchestration.sensors import daily_heartbeat, messages
from cw_pipeline.orchestration.tenant import KEY, LOCATION, TAGS
from cw_pipeline.orchestration.unpushed import GRACE
from cw_pipeline.reports.last_push import LastPush, last_push
from cw_pipeline.reports.status import Status, status
from cw_pipeline.settings import NotSetUp
from cw_pipeline.setup.errors import NotActive
from cw_pipeline.sync.outdated_warehouse import WarehouseOutdated, require_up_to_date
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import schema
from cw_pipeline.warehouse.database import Warehouse, pending_migrations
from cw_pipeline.warehouse.tables import IntegrationRow
from cw_pipeline.wording.cells import of_unpushed_months
from cw_pipeline.wording.commands import sync_or_approve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cw_pipeline.settings import Settings
    from cw_pipeline.sync.outdated_warehouse import RecordedPush

HEARTBEAT_TOLERANCE = timedelta(minutes=30)
"""How old a heartbeat may be, as in Dagster's own `dagster-daemon liveness-check`."""
LONGEST_UNSEEN = timedelta(minutes=30)
"""The daemon evaluates `messages` twice a minute."""
LONGEST_WITHOUT_A_GOOD_CHECK = timedelta(hours=26)
"""The checks run once a day; reading all agreements takes less than two hours."""
_SENSORS = frozenset(sensor.name for sensor in (messages, daily_heartbeat))
_MOST_RUNS = 31
"""Runs of the daily checks among which the last good one is looked for."""


@dataclass(frozen=True)
class Daemon:
    """One of the daemons that the daemon's process consists of.

    Attributes:
        type: Dagster's name for it, such as `SCHEDULER`.
        healthy: Whether its last heartbeat is recent and without an error.
        last_heartbeat: None before the first.
        error: The name of the last error in the five minutes before that heartbeat.
    """

    type: str
    healthy: bool
    last_heartbeat: datetime | None
    error: str | None


@dataclass(frozen=True)
class Tick:
    """A schedule's tick; `status` is `started`, `skipped`, `success` or `failure`."""

    at: datetime
    status: str
    skip_reason: str | None


@dataclass(frozen=True)
class Schedule:
    """The monthly schedule."""

    on: bool
    last_tick: Tick | None


@dataclass(frozen=True)
class DailyChecks:
    """The runs of the daily checks.

    Attributes:
        last_run: When the last one ended.
        not_passed: The checks that did not pass in it, or that it did not evaluate.
        last_good: When the last one ended in which every check passed.
    """

    last_run: datetime | None
    not_passed: tuple[str, ...]
    last_good: datetime | None


@dataclass(frozen=True)
class Health:
    """Whether all is well.

    Attributes:
        problems: What is wrong, a sentence each that says what to do.
        daemons: Those that the daemon's process has to run.
        pending_migrations: The revisions that the warehouse's schema lacks.
        location_seen_at: When Dagster's daemon last evaluated a sensor of the code location; None if none is on.
        schedule: None if Dagster's daemon never loaded it.
        months_due: Closed months that have to be pushed; None if the schema is not up to date.
        last_pushed_month: None if there is none, and if the schema is not up to date.
    """

    problems: tuple[str, ...]
    daemons: tuple[Daemon, ...]
    pending_migrations: tuple[str, ...]
    location_seen_at: datetime | None
    schedule: Schedule | None
    daily_checks: DailyChecks
    months_due: tuple[Month, ...] | None
    last_pushed_month: LastPush | None


def collect(settings: Settings, *, now: datetime) -> Health:
    """Look at Dagster's storage and the warehouse. Changes nothing; in particular, the schema is not migrated.

    Raises:
        NotSetUp: If nothing is set up yet, or Dagster's storage is not there or cannot be read.
        NotActive: If the integration is not active.
        DatabaseUnreachable: If the warehouse cannot be opened.
        SchemaUnusable: If this version cannot work with its schema.
    """
    pending = pending_migrations(settings.database_url, tenant=settings.tenant_key)
    if pending == schema.revisions():
        raise NotSetUp("The warehouse is empty, so nothing is set up yet. Run `cw-pipeline connect`.")
    with ExitStack() as stack:
        warehouse = due = last_pushed_month = None
        if not pending:
            warehouse = stack.enter_context(closing(Warehouse(settings.database_url, tenant=settings.tenant_key)))
            first_month = settings.cw_pipeline_first_month
            due = status(warehouse, first_month=first_month, now=now, approval=settings.approval_required)
            if due.missing:
                raise NotActive(due.missing)
        with existing_instance(settings.cw_pipeline_home) as instance:
            daemons = tuple(_daemons(instance, now))
            seen_at = _location_seen_at(instance)
            schedule = _monthly_schedule(instance)
            checks = _daily_checks(instance)
            workers = problem_of_workers(instance)
            recorded = recorded_pushes(instance) if warehouse else ()
        problems = [*_problems_of_daemons(daemons), *_problems_of_schedule(schedule, daemons, seen_at, now)]
        if workers:
            problems.append(workers)
        if warehouse and due:
            problems += _problems_of_pushes(warehouse, recorded, due, settings, now)
            with warehouse.transaction() as session:
                problems += _problems_of_checks(session.get_one(IntegrationRow, 1), checks, now)
                last_pushed_month = last_push(session)
    if pending:
        problems.append(f"The warehouse's schema lacks {', '.join(pending)}. Run `cw-pipeline migrate`.")
    return Health(
        problems=tuple(problems),
        daemons=daemons,
        pending_migrations=tuple(pending),
        location_seen_at=seen_at,
        schedule=schedule,
        daily_checks=checks,
        months_due=due and due.unpushed_months,
        last_pushed_month=last_pushed_month,
    )


def _daemons(instance: dg.DagsterInstance, now: datetime) -> Iterator[Daemon]:
    for name, daemon in sorted(instance.get_daemon_statuses().items()):
        heartbeat = daemon.last_heartbeat
        at = _moment(heartbeat.timestamp) if heartbeat else None
        error = heartbeat.errors[0] if heartbeat and heartbeat.errors else None
        yield Daemon(
            type=name,
            healthy=at is not None and now - at <= HEARTBEAT_TOLERANCE and error is None,
            last_heartbeat=at,
            error=((error.cause or error).cls_name or "unknown") if error else None,
        )


def _location_seen_at(instance: dg.DagsterInstance) -> datetime | None:
    seen: list[float] = []
    for state in _states(instance):
        if state.instigator_name in _SENSORS and state.is_running:
            data: Any = state.instigator_data
            seen.append(max(data.last_tick_success_timestamp or 0, data.last_sensor_start_timestamp or 0))
    return _moment(max(seen)) if seen else None


def _monthly_schedule(instance: dg.DagsterInstance) -> Schedule | None:
    """The schedule in the code location in which it ticked last: a renamed one leaves its state behind."""
    schedules: list[Schedule] = []
    for state in _states(instance):
        if state.instigator_name == monthly_sync_schedule.name:
            tick = next(iter(instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)), None)
            last = tick and Tick(_moment(tick.timestamp), tick.status.value.lower(), tick.skip_reason)
            schedules.append(Schedule(on=state.is_running, last_tick=last))
    return max(
        schedules, key=lambda found: (found.last_tick.at if found.last_tick else _moment(0), found.on), default=None
    )


def _states(instance: dg.DagsterInstance) -> Iterator[Any]:
    """The states of schedules and sensors of the tenant's code location, or without one, of every location."""
    for state in instance.all_instigator_state():
        if KEY in (None, state.origin.repository_origin.code_location_origin.location_name):
            yield state


def _daily_checks(instance: dg.DagsterInstance) -> DailyChecks:
    ended = dg.RunsFilter(
        job_name=daily_checks.name, tags=TAGS, statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    )
    last_run, failed = None, ()
    for record in instance.get_run_records(ended, limit=_MOST_RUNS):
        at, missing = _moment(record.end_time or 0), not_passed(record.dagster_run.run_id, instance)
        if last_run is None:
            last_run, failed = at, missing
        if record.dagster_run.is_success and not missing:
            return DailyChecks(last_run=last_run, not_passed=failed, last_good=at)
    return DailyChecks(last_run=last_run, not_passed=failed, last_good=None)


def _problems_of_daemons(daemons: Sequence[Daemon]) -> Iterator[str]:
    silent = [daemon for daemon in daemons if not daemon.healthy and daemon.error is None]
    if silent:
        beats = [daemon.last_heartbeat for daemon in silent if daemon.last_heartbeat]
        since = f"since {_minute(max(beats))}" if beats else "yet"
        yield (
            f"Dagster's daemon has given no heartbeat {since} ({', '.join(daemon.type for daemon in silent)}). "
            "Start `dagster-daemon run`, or restart it if its process still exists."
        )
    for daemon in daemons:
        if daemon.error is not None:
            yield (
                f"Dagster's daemon {daemon.type} reports an error ({daemon.error}). Its log, and *Deployment*, "
                "*Daemons* in the UI, say more."
            )


def _problems_of_schedule(
    schedule: Schedule | None, daemons: Sequence[Daemon], seen_at: datetime | None, now: datetime
) -> Iterator[str]:
    """Problems of the schedule and of its code location, which only a daemon that is well can reach."""
    name, where = monthly_sync_schedule.name, "*Deployment* in Dagster says whether its code location loads."
    if all(daemon.healthy for daemon in daemons):
        if schedule is None:
            yield f"Dagster's daemon never loaded {name}. {where}"
        elif seen_at is not None and now - seen_at > LONGEST_UNSEEN:
            yield f"Dagster's daemon has not reached the code location {LOCATION} for half an hour. {where}"
    if schedule and not schedule.on:
        yield f"The schedule {name} is off. Switch it on under *Automation* in Dagster."
    if schedule and schedule.last_tick and schedule.last_tick.status == "failure":
        yield (
            f"The last tick of {name} failed, at {_minute(schedule.last_tick.at)}. *Automation* in Dagster says why; "
            "then run `cw-pipeline sync`."
        )


def _problems_of_pushes(
    warehouse: Warehouse, recorded: Collection[RecordedPush], due: Status, settings: Settings, now: datetime
) -> Iterator[str]:
    try:
        require_up_to_date(warehouse, recorded)
    except WarehouseOutdated as error:
        yield str(error)
        return  # months that seem due may have been pushed: only after a rebuild is that known
    if late := due.late(now - GRACE):
        what_to_do = sync_or_approve(late, due.to_approve, approval=settings.approval_required)
        yield f"Not pushed, or changed since: {of_unpushed_months(late)}. {what_to_do}"


def _problems_of_checks(integration: IntegrationRow, checks: DailyChecks, now: datetime) -> Iterator[str]:
    active_since = max(integration.connected_at, integration.confirmed_at or integration.connected_at)
    good_since = max(active_since, checks.last_good or active_since)
    if now - good_since <= LONGEST_WITHOUT_A_GOOD_CHECK:
        return
    if checks.last_run is not None and now - checks.last_run <= LONGEST_WITHOUT_A_GOOD_CHECK:
        yield (
            f"The daily checks have not passed since {_minute(good_since)} "
            f"({', '.join(checks.not_passed) or 'their run failed'}). Do what they say in Dagster."
        )
    else:
        yield (
            f"The daily checks have not run since {_minute(checks.last_run or good_since)}. See under *Automation* "
            f"in Dagster whether {daily_checks_schedule.name} is on."
        )


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
