"""The schedule: which months a tick asks for, by the tick's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import products
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline_tests.orchestration.monthly_runs import failure_of
from cw_pipeline_tests.orchestration.monthly_runs import schedule_tick as tick
from cw_pipeline_tests.support.active import LAST_CLOSED, activate

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox

SCHEDULE = "monthly_sync_schedule"
DAILY = {"daily_checks_schedule": "0 6 * * *", "recent_usage_schedule": "15 0 * * *"}


def requested(context: dg.ScheduleEvaluationContext) -> list[str]:
    requests = defs.resolve_schedule_def(SCHEDULE).evaluate_tick(context).run_requests or []
    return [request.partition_key or "" for request in requests]


def skipped_because(context: dg.ScheduleEvaluationContext, schedule: str = SCHEDULE) -> str:
    data = defs.resolve_schedule_def(schedule).evaluate_tick(context)
    assert not data.run_requests
    return data.skip_message or ""


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("when", "month"),
    [
        pytest.param((2026, 3, 1, 0, 30), "2026-02", id="1 March"),
        pytest.param((2026, 1, 1, 0, 30), "2025-12", id="1 January"),
        pytest.param((2028, 3, 1, 0, 30), "2028-02", id="after a leap February"),
        pytest.param((2026, 3, 1, 3, 0), "2026-02", id="a late tick"),
    ],
)
def test_a_tick_asks_for_the_month_that_ended(when: tuple[int, ...], month: str) -> None:
    activate(Month.parse(month), companies=1)
    assert requested(tick(*when)) == [month]


@pytest.mark.usefixtures("sandbox")
def test_a_tick_requests_every_closed_month_that_is_not_pushed() -> None:
    activate(Month(2025, 11), companies=1)
    assert requested(tick(2026, 3, 1, 0, 30)) == ["2025-11", "2025-12", "2026-01", "2026-02"]


@pytest.mark.usefixtures("sandbox")
def test_a_month_that_was_pushed_is_not_asked_for_again(instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED.plus(-1), companies=1)
    defs.resolve_job_def("sync_now").execute_in_process(instance=instance, partition_key=str(LAST_CLOSED.plus(-1)))
    following = LAST_CLOSED.plus(1)
    assert requested(tick(following.year, following.number, 1, 0, 30)) == [str(LAST_CLOSED)]


@pytest.mark.usefixtures("sandbox")
def test_a_tick_is_skipped_where_every_month_is_pushed(instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED, companies=1)
    defs.resolve_job_def("sync_now").execute_in_process(instance=instance, partition_key=str(LAST_CLOSED))
    following = LAST_CLOSED.plus(1)
    assert "is pushed" in skipped_because(tick(following.year, following.number, 1, 0, 30))


@pytest.mark.parametrize("schedule", [SCHEDULE, *DAILY])
def test_a_tick_with_an_inactive_integration_is_skipped_with_the_reason(sandbox: Sandbox, schedule: str) -> None:
    assert "the job connect" in skipped_because(tick(2026, 3, 1, 0, 30), schedule)
    assert sandbox.journal.entries() == []


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CW_PIPELINE_DATABASE_URL", "postgresql://me:secret@localhost:1/x"),
        ("CONNECTWISE_REQUESTS_PER_MINUTE", "many"),
    ],
)
def test_if_the_warehouse_cannot_be_read_a_run_is_requested_and_fails(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    activate(LAST_CLOSED.plus(-1), companies=1)
    monkeypatch.setenv(name, value)
    following = LAST_CLOSED.plus(1)
    data = defs.resolve_schedule_def(SCHEDULE).evaluate_tick(tick(following.year, following.number, 1, 0, 30))
    (request,) = data.run_requests or []
    assert request.partition_key == str(LAST_CLOSED)
    run = defs.resolve_job_def("monthly_sync").execute_in_process(
        instance=instance, partition_key=request.partition_key, run_config=request.run_config, raise_on_error=False
    )
    assert name in failure_of(run)
    daily = defs.resolve_schedule_def("daily_checks_schedule").evaluate_tick(tick(2026, 3, 2, 6, 0))
    assert len(daily.run_requests or []) == 1
    assert not defs.resolve_job_def("daily_checks").execute_in_process(instance=instance, raise_on_error=False).success


@pytest.mark.usefixtures("sandbox")
def test_a_scheduled_run_waits_until_its_report_is_final() -> None:
    activate(Month(2026, 2), companies=1)
    requests = defs.resolve_schedule_def(SCHEDULE).evaluate_tick(tick(2026, 3, 1, 0, 30)).run_requests or []
    assert requests[0].run_config["ops"]["sync_months"]["config"]["retries"] == 6


def test_the_schedule_is_on_by_default_at_0030_utc_on_the_first() -> None:
    schedule = defs.resolve_schedule_def(SCHEDULE)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 0 1 * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.mark.usefixtures("active")
def test_each_daily_schedule_requests_one_run_a_day() -> None:
    for name, cron in DAILY.items():
        schedule = defs.resolve_schedule_def(name)
        assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, "UTC")
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        (request,) = schedule.evaluate_tick(tick(2026, 3, 2, 6, 0)).run_requests or []
        assert (f"{schedule.job_name}_schedule", request.run_key) == (name, "2026-03-02")


@pytest.mark.usefixtures("sandbox")
def test_a_month_is_asked_for_again_once_other_products_are_confirmed(instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED, companies=1)
    defs.resolve_job_def("sync_now").execute_in_process(instance=instance, partition_key=str(LAST_CLOSED))
    following = LAST_CLOSED.plus(1)
    with Access().warehouse() as warehouse, Access().connectwise() as client:
        products.map_product(client, warehouse, Plan.ENTERPRISE, "NORDPASS-BUS")
        assert requested(tick(following.year, following.number, 1, 0, 30)) == []
        products.confirm_products(warehouse)
    assert requested(tick(following.year, following.number, 1, 0, 30)) == [str(LAST_CLOSED)]
