"""Real processes: Dagster's webserver and daemon as `dg dev` starts them, with a sandbox behind them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import tenacity

from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline_tests.support.active import use
from cw_pipeline_tests.support.browser import browser, browser_program

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

__all__ = ["browser", "browser_program"]  # fixtures, for every module here
PROJECT = Path(__file__).parents[2]
HURRIED = Path(__file__).with_name("hurried")
DEADLINE_SECONDS = 120
SCHEDULES = "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { id } } } } }"
STOP = """
mutation Stop($id: String!) {
  stopRunningSchedule(id: $id) { __typename ... on PythonError { message } }
}
"""


@dataclass(frozen=True)
class Webserver:
    """A running Dagster webserver."""

    url: str

    def query(self, query: str, **variables: object) -> dict[str, Any]:
        """What GraphQL answers."""
        reply = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30)
        reply.raise_for_status()
        document: dict[str, Any] = reply.json()
        assert "errors" not in document, document["errors"]
        return document["data"]


def until(condition: Callable[[], Any], *, seconds: int = DEADLINE_SECONDS) -> Any:  # noqa: ANN401 - whatever it returns
    """What `condition` returns as soon as that is true; a connection that is refused counts as not yet."""
    wait = tenacity.Retrying(
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_exponential(0.1, max=1),
        retry=tenacity.retry_if_exception_type(requests.ConnectionError) | tenacity.retry_if_not_result(bool),
    )
    return wait(condition)


@contextmanager
def dagster_dev(log: Path) -> Generator[Webserver]:
    """`dg dev` with this process's environment; its daemon looks after backfills more often than usual."""
    with _served("dagster_dg_cli.cli", "dev", log=log) as webserver:
        until(lambda: _daemons_are_healthy(webserver))
        stop_schedules(webserver)
        yield webserver


def dagster_webserver(log: Path) -> AbstractContextManager[Webserver]:
    """The webserver without the daemon, with this process's environment: for what is only looked at."""
    return _served("dagster_webserver", "--workspace", "workspace.yaml", log=log)


@contextmanager
def _served(*program: str, log: Path) -> Generator[Webserver]:
    """A program that serves the UI, in a process group of its own, which ends as a whole."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", *program, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HURRIED), os.environ.get("PYTHONPATH", "")])},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    webserver = Webserver(f"http://127.0.0.1:{port}")
    try:
        until(lambda: webserver.query("{ version }"))
        yield webserver
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # what it would do in order takes seconds
        process.wait()


def _daemons_are_healthy(webserver: Webserver) -> bool:
    health = webserver.query("{ instance { daemonHealth { allDaemonStatuses { healthy required } } } }")
    statuses = health["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(status["healthy"] for status in statuses if status["required"])


def stop_schedules(webserver: Webserver) -> None:
    """By the real clock a tick may be due while a test runs; it would sync or check beside the test."""
    repositories = webserver.query(SCHEDULES)["repositoriesOrError"]["nodes"]
    assert repositories
    for schedule in (schedule for repository in repositories for schedule in repository["schedules"]):
        stopped = webserver.query(STOP, id=schedule["id"])["stopRunningSchedule"]
        assert stopped["__typename"] == "ScheduleStateResult", stopped


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that the environment points to."""
    with Sandbox() as running:
        use(monkeypatch, {**running.environment(), "CW_PIPELINE_HOME": str(tmp_path)})
        yield running
