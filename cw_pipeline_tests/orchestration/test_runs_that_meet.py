"""Two syncs of the same month at the same time, each in a process of its own: one waits for the other."""

from __future__ import annotations

from dataclasses import dataclass
from shutil import copyfile
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline_tests.end_to_end.conftest import until
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT
from cw_pipeline_tests.orchestration.monthly_runs import lines_to_write, written
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.processes import another_process

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.sandbox.sandbox import Sandbox

COMMAND = """
import sys
from cw_pipeline.cli.app import main
sys.argv[1:] = ["sync", "--month", sys.argv[1]]
main()
"""
RUN_OF_DAGSTER = """
import sys
import dagster as dg
from cw_pipeline.definitions import defs
with dg.DagsterInstance.get() as instance:
    job = defs.resolve_job_def("sync_now")
    sys.exit(not job.execute_in_process(instance=instance, partition_key=sys.argv[1], raise_on_error=False).success)
"""


@dataclass(frozen=True)
class Meeting:
    """What the first sync's process runs, and the homes of the Dagster that it and the second one's belong to."""

    first: str
    home: str
    other_home: str


def dagster_home(folder: Path) -> str:
    """The home of a Dagster as it is shipped for one machine."""
    folder.mkdir()
    copyfile(PROJECT / "dagster.yaml", folder / "dagster.yaml")
    return str(folder)


@pytest.fixture(params=["command line and UI of one machine", "daemons of two machines"])
def meeting(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meeting:
    home = dagster_home(tmp_path / "one")
    if request.param.startswith("command line"):
        return Meeting(COMMAND, home, home)
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", request.getfixturevalue("postgres_database_url"))
    return Meeting(RUN_OF_DAGSTER, home, dagster_home(tmp_path / "another"))


def waits_for(pid: int, home: str) -> bool:
    """Whether a run of this Dagster says that it waits for a push of the process `pid`."""
    waits = f"Another push is at work: process {pid} on "
    with dg.DagsterInstance.from_config(home) as instance:
        logs = [log for run in instance.get_runs() for log in instance.all_logs(run.run_id)]
    return any(log.user_message.startswith(waits) for log in logs)


def test_of_two_simultaneous_syncs_one_waits_and_nothing_is_written_twice(
    sandbox: Sandbox, meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTWISE_MAX_CONCURRENCY", "1")
    active, month = activate(LAST_CLOSED), str(LAST_CLOSED)
    sandbox.journal.clear()
    held = sandbox.faults.add(FaultKind.SLOW, method="POST", path="additions")
    with another_process(meeting.first, month, DAGSTER_HOME=meeting.home) as at_work:
        assert sandbox.faults.wait_for_hit(held, timeout=60)
        with another_process(RUN_OF_DAGSTER, month, DAGSTER_HOME=meeting.other_home) as waiting:
            until(lambda: waits_for(at_work.pid, meeting.other_home))
            assert len(sandbox.journal.writes()) == 1
            sandbox.faults.release(held)
            assert (at_work.exit_code(), waiting.exit_code()) == (0, 0)
    assert written(sandbox) == lines_to_write(sandbox, active, LAST_CLOSED)
    assert len(sandbox.journal.writes()) == len(written(sandbox))
