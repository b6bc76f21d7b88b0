"""A daemon that stops is noticed from outside: the real process, and the clock half an hour later."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.cli import monitoring
from cw_pipeline.orchestration.health import HEARTBEAT_TOLERANCE
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.end_to_end.conftest import PROJECT, until
from cw_pipeline_tests.support.active import LAST_CLOSED, activate

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def daemon(log: Path) -> Generator[None]:
    """Dagster's daemon with this process's environment, in a process group of its own, which ends with the block."""
    command = [Path(sys.executable).with_name("dagster-daemon"), "run", "--workspace", "workspace.yaml"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.usefixtures("sandbox")
def test_a_stopped_daemon_is_reported_half_an_hour_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    activate(LAST_CLOSED, companies=0)
    assert run("health").code == 1
    with daemon(tmp_path / "daemon.log"):
        until(lambda: run("health").code == 0)
    stopped_at = datetime.now(UTC)
    assert run("health").code == 0
    monkeypatch.setattr(monitoring, "now", lambda: stopped_at + HEARTBEAT_TOLERANCE)
    answer = run("health", "--json")
    assert answer.code == 1
    (problem,) = answer.document["problems"]
    assert problem.startswith("Dagster's daemon has given no heartbeat since ")
