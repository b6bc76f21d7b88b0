"""The log of runs as deploy/dagster.yaml has it: JSON lines."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from cw_pipeline.definitions import defs
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT

pytestmark = pytest.mark.filterwarnings("ignore:Handling yaml-defined logging configuration")

SECRET = "top-secret-key"


@pytest.fixture
def logging_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance with the settings of production, but on SQLite."""
    home = tmp_path / "dagster"
    home.mkdir()
    settings = yaml.safe_load((PROJECT / "deploy" / "dagster.yaml").read_text())
    del settings["storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        yield instance


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What is on standard output; every line of it is JSON."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@dg.op
def speak(context: dg.OpExecutionContext) -> None:
    context.log.warning('two\nlines, "quoted"')


@dg.job(executor_def=dg.in_process_executor)  # pyright: ignore[reportUnknownMemberType] - its own annotation
def small() -> None:
    speak()


def test_each_message_and_event_of_a_run_is_a_line_of_json(
    logging_instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small.execute_in_process(instance=logging_instance)
    logged = lines(capsys)
    assert {line["run_id"] for line in logged} == {run.run_id}
    assert {line["job"] for line in logged} == {"small"}
    assert {"RUN_START", "STEP_START", "STEP_SUCCESS", "RUN_SUCCESS"} <= {line["event"] for line in logged}
    (message,) = [line for line in logged if line["event"] is None]
    assert (message["level"], message["step"]) == ("WARNING", "speak")
    assert message["message"].endswith('two\nlines, "quoted"')
    for line in logged:
        assert list(line) == ["time", "level", "run_id", "job", "step", "event", "message"]
        assert abs(datetime.fromisoformat(line["time"]) - datetime.now(UTC)).total_seconds() < 60


@pytest.mark.usefixtures("sandbox")
def test_a_step_that_fails_logs_why_and_no_secret(
    logging_instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTWISE_PRIVATE_KEY", SECRET)
    defs.resolve_job_def("connect").execute_in_process(instance=logging_instance, raise_on_error=False)
    logged = lines(capsys)
    (failure,) = [line for line in logged if line["event"] == "STEP_FAILURE"]
    assert failure["level"] == "ERROR"
    assert "CONNECTWISE_PRIVATE_KEY" in failure["message"]
    assert SECRET not in json.dumps(logged)
