"""Whether a run is still worked on, as the run launcher for Celery workers tells run monitoring."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from cw_pipeline.orchestration import celery_launcher, celery_worker
from cw_pipeline.orchestration.celery_launcher import CheckedCeleryRunLauncher
from cw_pipeline_tests.support.deployment import free_port

WORKER = "celery@worker-1"


@pytest.fixture
def task_id() -> str:
    """One of its own, since what is known of tasks stays in memory."""
    return str(uuid.uuid4())


@pytest.fixture
def run(task_id: str) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="sync_now", tags={"dagster-celery/task_id": task_id})


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> CheckedCeleryRunLauncher:
    """A launcher whose broker has no workers."""
    monkeypatch.setattr(celery_launcher, "_ANSWER_SECONDS", 0.1)
    return CheckedCeleryRunLauncher(default_queue="dagster", broker="memory://", backend="cache+memory://")


def record(launcher: CheckedCeleryRunLauncher, task_id: str, state: str) -> None:
    """Let the task be in this state, on `WORKER`."""
    celery: Any = launcher.celery
    celery.backend.store_result(task_id, {"pid": 1, "hostname": WORKER} if state == "STARTED" else None, state)


def answer(launcher: CheckedCeleryRunLauncher, monkeypatch: pytest.MonkeyPatch, tasks: dict[str, Any]) -> None:
    """Let the worker know these tasks."""
    celery: Any = launcher.celery

    def broadcast(*_arguments: object, **_options: object) -> list[dict[str, dict[str, Any]]]:
        return [{WORKER: tasks}]

    monkeypatch.setattr(celery.control, "broadcast", broadcast)


def test_a_run_whose_worker_works_on_it_is_running(
    launcher: CheckedCeleryRunLauncher, run: dg.DagsterRun, task_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(launcher, task_id, "STARTED")
    answer(launcher, monkeypatch, {task_id: ["active", {}]})
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_run_whose_worker_was_started_anew_has_failed(
    launcher: CheckedCeleryRunLauncher, run: dg.DagsterRun, task_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(launcher, task_id, "STARTED")
    answer(launcher, monkeypatch, {})
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED


def test_a_run_whose_worker_does_not_answer_has_failed(
    launcher: CheckedCeleryRunLauncher, run: dg.DagsterRun, task_id: str
) -> None:
    record(launcher, task_id, "STARTED")
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert health.msg == f"The Celery worker {WORKER} does not work on it any more"


def test_a_run_is_left_to_a_worker_that_is_ending(
    launcher: CheckedCeleryRunLauncher, run: dg.DagsterRun, task_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(launcher, task_id, "STARTED")
    celery_worker.record_ending(launcher.celery, WORKER)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    monkeypatch.setattr(celery_worker, "ENDS_WITHIN", timedelta(0))
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED


def test_a_run_of_the_command_line_is_left_alone(launcher: CheckedCeleryRunLauncher) -> None:
    assert launcher.check_run_worker_health(dg.DagsterRun(job_name="sync_now")).status is WorkerStatus.RUNNING


def test_that_no_worker_answers_is_a_problem(
    launcher: CheckedCeleryRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launcher.problem() == "No Celery worker answers, so no run starts. Start one, or see its log."
    answer(launcher, monkeypatch, {"ok": "pong"})
    assert launcher.problem() is None


def test_an_unreachable_broker_is_a_problem_told_soon() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    problem = CheckedCeleryRunLauncher(default_queue="dagster", broker=nowhere, backend=nowhere).problem()
    assert problem == (
        "Celery's broker cannot be reached, so no run starts. See whether Redis runs at CELERY_BROKER_URL."
    )


@pytest.mark.parametrize("state", ["SUCCESS", "REVOKED", "PENDING"])
def test_an_unfinished_run_whose_task_is_over_or_lost_has_failed(
    launcher: CheckedCeleryRunLauncher, run: dg.DagsterRun, task_id: str, state: str
) -> None:
    if state != "PENDING":  # which every unknown task is
        record(launcher, task_id, state)
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert health.msg == f"The run did not end, and its Celery task is {state}"
