"""The deployment of deploy/compose.yaml with its runs on Celery workers, while its parts are killed and restarted."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import requests
from celery import Celery
from dagster._core.launcher import WorkerStatus

from cw_pipeline.billing.identity import PREFIX, Identity
from cw_pipeline.orchestration.celery_launcher import CheckedCeleryRunLauncher
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline_tests.end_to_end.conftest import HURRIED, Webserver, stop_schedules, until
from cw_pipeline_tests.orchestration.monthly_runs import our_lines
from cw_pipeline_tests.support.active import LAST_CLOSED, Active, activate, use
from cw_pipeline_tests.support.deployment import Deployment, deployment, free_port, listens, needs_redis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = needs_redis

FIRST, MIDDLE, LAST = (str(LAST_CLOSED.plus(-2)), str(LAST_CLOSED.plus(-1)), str(LAST_CLOSED))
WORKERS = ["worker-1", "worker-2"]

LAUNCH = """
mutation Launch($month: String!) {
  launchPipelineExecution(executionParams: {
    selector: {
      pipelineName: "sync_now", repositoryName: "__repository__", repositoryLocationName: "cw_pipeline"
    }
    executionMetadata: {tags: [{key: "dagster/partition", value: $month}]}
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) {
    ... on Run { status tags { key value } }
  }
  logsForRun(runId: $id) {
    ... on EventConnection { events { ... on MessageEvent { message } } }
  }
}
"""


def launch(webserver: Webserver, month: str) -> str:
    """Launch the sync of a month, and return the run's id."""
    launched = webserver.query(LAUNCH, month=month)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["runId"]


def messages(webserver: Webserver, run_id: str) -> list[str]:
    return [event["message"] for event in webserver.query(RUN, id=run_id)["logsForRun"]["events"] if event]


def ended(webserver: Webserver, run_id: str) -> str:
    """How a run ended, which is waited for, also while the webserver finds no database."""

    def status() -> str | None:
        try:
            found: str = webserver.query(RUN, id=run_id)["runOrError"]["status"]
        except requests.HTTPError:
            return None
        return found if found in {"SUCCESS", "FAILURE", "CANCELED"} else None

    return until(status, seconds=240)


def worker_of(webserver: Webserver, run_id: str, running: Deployment) -> str:
    """The worker in whose process group a run is, as soon as it is."""
    started: list[str] = until(
        lambda: [one for one in messages(webserver, run_id) if one.startswith("Started process")]
    )
    group = os.getpgid(int(started[0].split("pid: ")[1].split(")")[0]))
    (name,) = [name for name in WORKERS if running.group(name) == group]
    return name


def serial_number(month: str, row: Mapping[str, Any]) -> str:
    return Identity(Month.parse(month), Plan(row["plan"]), row["organization_id"]).serial_number


def start_worker(running: Deployment, name: str) -> None:
    """Start a worker; its name says which it is, where containers have host names of their own."""
    running.start("worker", "--hostname", f"celery@{name}", name=name)


def take_no_more_runs(running: Deployment, worker: str) -> None:
    """Let a worker go on with its run, and leave the next one to others."""
    celery: Any
    with Celery(broker=running.environment["CELERY_BROKER_URL"]) as celery:
        assert celery.control.cancel_consumer("dagster", destination=[f"celery@{worker}"], reply=True)


def answers(running: Deployment, worker: str) -> bool:
    """Whether a worker answers what Celery asks of it."""
    celery: Any
    with Celery(broker=running.environment["CELERY_BROKER_URL"]) as celery:
        return bool(celery.control.ping([f"celery@{worker}"]))


def is_worked_on(webserver: Webserver, running: Deployment, run_id: str) -> bool:
    """Whether Dagster's daemon, which looks every two minutes, would leave a run alone."""
    tags = {tag["key"]: tag["value"] for tag in webserver.query(RUN, id=run_id)["runOrError"]["tags"]}
    launcher = CheckedCeleryRunLauncher(
        default_queue="dagster",
        broker=running.environment["CELERY_BROKER_URL"],
        backend=running.environment["CELERY_RESULT_BACKEND"],
    )
    assert launcher.problem() is None
    run = dg.DagsterRun(job_name="sync_now", tags=tags)
    return launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def code_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(sandbox: Sandbox, code_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployment, with two workers."""
    home = tmp_path_factory.mktemp("deployment")
    hurried = {"PYTHONPATH": str(HURRIED)}
    with deployment(home, sandbox.environment() | hurried, {"cw_pipeline": code_port}) as started:
        started.start("code", instead={"4000": str(code_port)})
        for name in WORKERS:
            start_worker(started, name)
        yield started


@pytest.fixture(scope="module")
def active(running: Deployment) -> Iterator[Active]:
    with pytest.MonkeyPatch.context() as patched:
        use(patched, running.environment)
        yield activate(Month.parse(FIRST))


@pytest.fixture(scope="module")
def webserver(running: Deployment, active: Active, code_port: int) -> Webserver:  # noqa: ARG001 - set up before
    """The webserver, when all else is there too; by the real clock a schedule's tick may be due, so they are off."""
    until(lambda: listens(code_port))
    port = free_port()
    running.start("webserver", instead={"3000": str(port)})
    started = Webserver(f"http://127.0.0.1:{port}")
    until(lambda: started.query("{ version }"))
    stop_schedules(started)
    running.start("daemon")
    return started


def replace(running: Deployment, service: str, **instead: str) -> None:
    """Stop a service and start it again, as an upgrade does with each: Docker waits ten seconds, and kills it."""
    running.stop(service)
    try:
        running.ended(service, within=10)
    except subprocess.TimeoutExpired:
        running.kill(service)
    running.start(service, instead=instead)


def upgrade_during_a_push(webserver: Webserver, running: Deployment, sandbox: Sandbox, code_port: int) -> None:
    """Upgrade while the first month is pushed: its worker first ends the run, and then itself."""
    held = sandbox.faults.add(FaultKind.SLOW, method="POST", path="additions")
    run_id = launch(webserver, FIRST)
    assert until(lambda: sandbox.faults.wait_for_hit(held, timeout=1))
    worker = worker_of(webserver, run_id, running)
    running.stop(worker)
    running.run("migrate")
    replace(running, "code", **{"4000": str(code_port)})
    replace(running, "daemon")
    until(lambda: listens(code_port))
    assert not answers(running, worker)
    assert is_worked_on(webserver, running, run_id)
    sandbox.faults.clear()
    assert ended(webserver, run_id) == "SUCCESS"
    assert running.ended(worker) == 0
    start_worker(running, worker)


def kill_all_but_one_worker(webserver: Webserver, running: Deployment, sandbox: Sandbox, code_port: int) -> None:
    """Kill a worker that pushes, the daemon, the code server and PostgreSQL, while a run waits on the other worker."""
    held = sandbox.faults.add(FaultKind.SLOW, method="POST", path="additions", body=f"{PREFIX}{MIDDLE}", nth=2)
    killed = launch(webserver, MIDDLE)
    assert until(lambda: sandbox.faults.wait_for_hit(held, timeout=1))
    worker = worker_of(webserver, killed, running)
    take_no_more_runs(running, worker)
    waiting = launch(webserver, LAST)
    assert until(lambda: [one for one in messages(webserver, waiting) if "Another push is at work" in one])
    assert worker_of(webserver, waiting, running) != worker

    running.kill(worker)
    running.kill("daemon")
    running.kill("code")
    running.restart_postgres()
    start_worker(running, worker)
    running.start("code", instead={"4000": str(code_port)})
    running.start("daemon")
    sandbox.faults.clear()

    assert ended(webserver, killed) == "FAILURE"
    gone = f"The Celery worker celery@{worker} does not work on it any more"
    assert [one for one in messages(webserver, killed) if gone in one]
    assert ended(webserver, waiting) == "FAILURE"  # it lost its lock, or its place in the queue for that


@pytest.mark.timeout(600)
def test_upgrades_and_kills_write_every_line_exactly_once(
    webserver: Webserver, running: Deployment, sandbox: Sandbox, active: Active, code_port: int
) -> None:
    upgrade_during_a_push(webserver, running, sandbox, code_port)
    kill_all_but_one_worker(webserver, running, sandbox, code_port)
    for month in (MIDDLE, LAST):
        assert ended(webserver, launch(webserver, month)) == "SUCCESS"

    due = {
        serial_number(month, row): row["consumed_licenses"]
        for month in (FIRST, MIDDLE, LAST)
        for row in active.billed_usage(sandbox, Month.parse(month))
    }
    lines = our_lines(sandbox)
    assert {line["serialNumber"]: int(line["quantity"]) for line in lines} == due
    assert len(lines) == len(due) > 0
