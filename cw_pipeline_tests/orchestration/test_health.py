"""What is wrong, seen from outside: a real Dagster instance on SQLite, and the moment at which one looks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from dagster._daemon.controller import DEFAULT_DAEMON_HEARTBEAT_TOLERANCE_SECONDS
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.health import HEARTBEAT_TOLERANCE, LONGEST_UNSEEN, Health, Schedule, Tick, collect
from cw_pipeline.orchestration.metrics import Metrics
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.settings import Settings
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT, DagsterUi
from cw_pipeline_tests.orchestration.monthly_runs import forget_all_months
from cw_pipeline_tests.support.active import LAST_CLOSED, activate

if TYPE_CHECKING:
    from pathlib import Path


NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def ui(ui: DagsterUi) -> DagsterUi:
    """Dagster with a daemon that lives, and an active integration with a month to push."""
    activate(LAST_CLOSED, companies=1)
    ui.give_heartbeats(NOW)
    ui.evaluate_schedules(NOW)
    return ui


def look(at: datetime = NOW) -> Health:
    return collect(Settings(), now=at)


def sync(ui: DagsterUi) -> None:
    job = defs.resolve_job_def("sync_now")
    assert job.execute_in_process(instance=ui.instance, partition_key=str(LAST_CLOSED)).success


def check(ui: DagsterUi) -> None:
    assert defs.resolve_job_def("daily_checks").execute_in_process(instance=ui.instance).success


def samples(health: Health) -> dict[str, float]:
    """The metrics as Prometheus reads them; those with labels by their labels' values."""
    return {
        ".".join([sample.name.removeprefix("cw_pipeline_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(str(Metrics(health)))
        for sample in family.samples
    }


def test_a_healthy_deployment_has_no_problems(ui: DagsterUi) -> None:
    sync(ui)
    check(ui)
    found = look(datetime.now(UTC))
    assert found.problems == ()
    assert {daemon.healthy for daemon in found.daemons} == {True}
    assert (found.pending_migrations, found.months_due, found.daily_checks.not_passed) == ((), (), ())
    assert found.daily_checks.last_good == found.daily_checks.last_run
    assert found.schedule is not None
    assert (found.schedule.on, found.schedule.last_tick) == (True, None)


@pytest.mark.usefixtures("ui")
def test_a_heartbeat_may_be_as_old_as_dagster_itself_allows() -> None:
    assert HEARTBEAT_TOLERANCE.total_seconds() == DEFAULT_DAEMON_HEARTBEAT_TOLERANCE_SECONDS
    assert not [problem for problem in look(NOW + HEARTBEAT_TOLERANCE).problems if "daemon" in problem]
    late = look(NOW + HEARTBEAT_TOLERANCE + timedelta(seconds=1))
    (problem,) = [problem for problem in late.problems if "daemon" in problem]
    assert problem.startswith(f"Dagster's daemon has given no heartbeat since {NOW:%Y-%m-%d %H:%M} UTC (ASSET, BACKF")
    assert problem.endswith("Start `dagster-daemon run`, or restart it if its process still exists.")
    assert {daemon.healthy for daemon in late.daemons} == {False}


def test_an_error_of_the_daemon_is_named_without_its_text(ui: DagsterUi) -> None:
    ui.give_heartbeats(NOW, error="KeyError")
    found = look()
    assert "Dagster's daemon SENSOR reports an error (KeyError)." in str(found.problems)
    assert "secret text" not in str(found)


def test_a_daemon_that_never_ran_is_one_problem(ui: DagsterUi) -> None:
    ui.instance.wipe_daemon_heartbeats()
    ui.instance.wipe_all_schedules()
    found = look()
    assert found.schedule is None
    assert [problem.partition(" (")[0] for problem in found.problems] == [
        "Dagster's daemon has given no heartbeat yet",
        f"Not pushed, or changed since: {LAST_CLOSED}",
    ]


def test_a_schedule_that_no_daemon_loads_is_a_problem(ui: DagsterUi) -> None:
    ui.instance.wipe_all_schedules()
    assert "Dagster's daemon never loaded monthly_sync_schedule." in look().problems[0]


def test_a_code_location_that_no_longer_loads_is_a_problem(ui: DagsterUi) -> None:
    ui.evaluate_sensors()
    seen_at = look().location_seen_at
    assert seen_at is not None
    later = seen_at + LONGEST_UNSEEN + timedelta(seconds=1)
    assert not [problem for problem in look(later).problems if "location" in problem]  # the daemon is what is down
    ui.give_heartbeats(later)
    assert not [problem for problem in look(seen_at + LONGEST_UNSEEN).problems if "location" in problem]
    found = look(later)
    assert found.problems[0].startswith("Dagster's daemon has not reached the code location cw_pipeline for half an ")
    assert samples(found)["location_seen_timestamp_seconds"] == pytest.approx(seen_at.timestamp())


@pytest.mark.usefixtures("ui")
def test_that_no_worker_answers_is_a_problem_where_runs_need_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [problem for problem in look().problems if "worker" in problem]
    monkeypatch.setattr("cw_pipeline.orchestration.celery_launcher._ANSWER_SECONDS", 0.1)
    celery = yaml.safe_load((PROJECT / "deploy" / "celery.yaml").read_text())["run_launcher"]
    celery["config"] = {"broker": "memory://", "backend": "cache+memory://"}
    settings = tmp_path / "dagster" / "dagster.yaml"
    settings.write_text(yaml.safe_dump(yaml.safe_load(settings.read_text()) | {"run_launcher": celery}))
    assert "No Celery worker answers, so no run starts. Start one, or see its log." in look().problems


def test_a_schedule_that_is_off_is_a_problem(ui: DagsterUi) -> None:
    ui.stop_schedule("monthly_sync_schedule")
    assert "The schedule monthly_sync_schedule is off." in look().problems[0]


def test_the_last_tick_is_shown_with_why_it_was_skipped(ui: DagsterUi) -> None:
    with Access().warehouse() as warehouse, warehouse.transaction() as session:
        session.execute(delete(CompanyMappingRow))
    tick_at = datetime.combine(LAST_CLOSED.plus(2).first_day, time(0, 30), UTC)
    ui.evaluate_schedules(tick_at)
    found = look()
    skipped = Tick(tick_at, "skipped", "Every closed month that companies are billed for is pushed.")
    assert (found.schedule, found.months_due) == (Schedule(on=True, last_tick=skipped), ())
    assert samples(found)["schedule_last_tick_timestamp_seconds"] == tick_at.timestamp()


def test_a_restored_warehouse_is_a_problem_until_it_is_rebuilt(ui: DagsterUi) -> None:
    sync(ui)
    check(ui)
    forget_all_months()
    (problem,) = look(datetime.now(UTC)).problems
    assert problem.startswith(f"Dagster's storage says that {LAST_CLOSED} was pushed at ")
    assert "restored from an older backup" in problem
    assert "`cw-pipeline rebuild`" in problem
    assert defs.resolve_job_def("rebuild").execute_in_process(instance=ui.instance).success
    assert not [problem for problem in look(datetime.now(UTC)).problems if "backup" in problem]


def test_a_month_is_due_at_once_and_a_problem_after_three_hours(ui: DagsterUi) -> None:
    sync(ui)
    this = LAST_CLOSED.plus(1)
    due = look(this.closes_at + HOUR)
    assert due.months_due == (this,)
    assert not [problem for problem in due.problems if "Not pushed" in problem]
    late = look(this.closes_at + 3 * HOUR)
    told = f"Not pushed, or changed since: {this} (never pushed). Run `cw-pipeline sync --month {this}`."
    assert told in late.problems


@pytest.mark.usefixtures("ui")
def test_a_day_without_daily_checks_is_a_problem() -> None:
    assert not [problem for problem in look(NOW + 26 * HOUR).problems if "daily checks" in problem]
    (problem,) = [problem for problem in look(NOW + 27 * HOUR).problems if "daily checks" in problem]
    assert problem.startswith("The daily checks have not run since ")
    assert "daily_checks_schedule" in problem


def test_checks_that_did_not_pass_for_a_day_are_named(ui: DagsterUi) -> None:
    sync(ui)
    check(ui)
    good = look().daily_checks.last_good
    activate(LAST_CLOSED, companies=2)
    check(ui)
    found = look().daily_checks
    assert (found.not_passed, found.last_good) == (("unpushed_months",), good)
    assert found.last_run is not None
    (problem,) = [one for one in look(found.last_run + 26 * HOUR).problems if "daily checks" in one]
    assert problem.startswith("The daily checks have not passed since ")
    assert "(unpushed_months)" in problem


def test_the_metrics_have_the_same_facts_and_the_last_push(ui: DagsterUi) -> None:
    before = samples(look())
    assert (before["healthy"], before["months_due"]) == (0, 1)
    assert not [name for name in before if "seats" in name or name.startswith(("lines", "daily"))]
    sync(ui)
    check(ui)
    found = look(datetime.now(UTC))
    numbers = samples(found)
    assert (numbers["healthy"], numbers["schema_up_to_date"], numbers["schedule_on"], numbers["months_due"]) == (
        1,
        1,
        1,
        0,
    )
    assert numbers["daemon_healthy.SCHEDULER"] == 1
    assert numbers["daemon_last_heartbeat_timestamp_seconds.SCHEDULER"] == pytest.approx(NOW.timestamp())
    assert found.daily_checks.last_good is not None
    assert numbers["daily_checks_last_good_timestamp_seconds"] == found.daily_checks.last_good.timestamp()
    pushed = found.last_pushed_month
    assert pushed is not None
    assert numbers[f"used_seats.{LAST_CLOSED}"] == pushed.used > 0
    assert numbers[f"billed_seats.{LAST_CLOSED}"] == pushed.billed
    lines = {name: value for name, value in numbers.items() if name.startswith("lines.")}
    assert sum(lines.values()) == sum(pushed.lines.values())
