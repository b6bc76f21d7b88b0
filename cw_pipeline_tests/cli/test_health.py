"""`health` and `metrics`: their exit codes, their documents, and that they change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text

from cw_pipeline.cli import monitoring
from cw_pipeline.orchestration.runs import local_instance
from cw_pipeline.settings import Settings
from cw_pipeline.warehouse.schema import revisions
from cw_pipeline_tests.cli.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ["health", "metrics"]


@pytest.fixture
def started(active: object, tmp_path: Path) -> Path:  # noqa: ARG001 - it sets everything up
    """The home of an active integration, in which Dagster was started, but not its daemon."""
    local_instance(tmp_path).dispose()
    return tmp_path


def files(home: Path) -> dict[str, bytes]:
    """What is in the databases and files; SQLite's own notes beside them come and go."""
    return {
        file.relative_to(home).as_posix(): file.read_bytes()
        for file in home.rglob("*")
        if file.is_file() and not file.name.endswith(("-wal", "-shm"))
    }


def execute(statement: str) -> None:
    engine = create_engine(Settings().database_url.get_secret_value())
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("sandbox")
def test_before_the_setup_it_ends_with_2_and_creates_nothing(command: str, tmp_path: Path) -> None:
    answer = run(command, "--json")
    assert (answer.code, list(tmp_path.iterdir())) == (2, [])
    assert "Run `cw-pipeline connect`" in answer.document["error"]
    run("migrate")
    not_active = run(command, "--json")
    assert not_active.code == 2
    assert not_active.document["error"].startswith("The integration is not active. ConnectWise is not connected")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("active")
def test_without_dagsters_storage_it_ends_with_2_and_creates_nothing(command: str, tmp_path: Path) -> None:
    answer = run(command, "--json")
    assert answer.code == 2
    assert "Set DAGSTER_HOME as the daemon has it." in answer.document["error"]
    assert not (tmp_path / "dagster").exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("started")
def test_a_database_that_cannot_be_reached_ends_with_2(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", "postgresql://me:secret@localhost:1/x")
    answer = run(command, "--json")
    assert answer.code == 2
    assert "CW_PIPELINE_DATABASE_URL" in answer.document["error"]
    assert "secret" not in answer.out + answer.err


def test_a_problem_ends_with_1_and_looking_changes_nothing(started: Path) -> None:
    run("health")
    before = files(started)
    answer, document = run("health"), run("health", "--json")
    assert (answer.code, document.code) == (1, 1)
    assert run("metrics").code == 0
    assert files(started) == before
    assert document.document["healthy"] is False
    told = " ".join(answer.out.split())
    assert "Start `dagster-daemon run`" in told
    assert all(problem in told for problem in document.document["problems"])


def test_an_older_schema_is_reported_and_not_migrated(started: Path) -> None:
    before_last, last = revisions()[-2:]
    execute(f"UPDATE alembic_version SET version_num = '{before_last}'")
    before = files(started)
    answer = run("health", "--json")
    assert answer.code == 1
    assert f"The warehouse's schema lacks {last}. Run `cw-pipeline migrate`." in answer.document["problems"]
    assert answer.document["pending_migrations"] == [last]
    assert (answer.document["months_due"], answer.document["last_pushed_month"]) == (None, None)
    assert "cw_pipeline_schema_up_to_date 0.0" in run("metrics").out
    assert files(started) == before


@pytest.mark.usefixtures("started")
def test_what_is_late_depends_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "The daily checks have not run since "
    assert told not in run("health").out
    monkeypatch.setattr(monitoring, "now", lambda: datetime.now(UTC) + timedelta(hours=27))
    assert told in run("health").out


@pytest.mark.usefixtures("started")
def test_every_metric_has_help_type_and_prefix() -> None:
    families = list(text_string_to_metric_families(run("metrics").out))
    assert len(families) > 8
    for family in families:
        assert family.name.startswith("cw_pipeline_")
        assert (family.type, family.documentation.endswith(".")) == ("gauge", True)
    named = {sample.name for family in families for sample in family.samples}
    assert {sample["name"] for sample in run("metrics", "--json").document["metrics"]} == named
