"""Dagster's own storage as it is shipped: PostgreSQL for production, SQLite for one machine."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from sqlalchemy import create_engine, inspect

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.health import collect
from cw_pipeline.orchestration.runs import local_instance, run_months
from cw_pipeline.settings import Settings
from cw_pipeline_tests.end_to_end.conftest import PROJECT
from cw_pipeline_tests.support.active import LAST_CLOSED, activate

if TYPE_CHECKING:
    from pathlib import Path


def sync_last_month(instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED, companies=1)
    run_id = run_months(defs.resolve_job_def("sync_now"), [LAST_CLOSED], instance, on_month=lambda _asset, _month: None)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert instance.get_materialized_partitions(dg.AssetKey("connectwise_push")) == {str(LAST_CLOSED)}
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_runtime_seconds == 14400
    assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60


@pytest.mark.usefixtures("sandbox")
def test_a_sync_runs_on_the_production_storage(
    postgres_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copyfile(PROJECT / "deploy" / "dagster.yaml", home / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_database_url)
    with dg.DagsterInstance.get() as instance:
        sync_last_month(instance)
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 3
    found = collect(Settings(), now=datetime.now(UTC))
    assert [problem.partition(" (")[0] for problem in found.problems] == ["Dagster's daemon has given no heartbeat yet"]
    assert (found.months_due, found.pending_migrations) == ((), ())
    engine = create_engine(postgres_database_url)
    assert {"runs", "event_logs"} <= set(inspect(engine).get_table_names())
    engine.dispose()


@pytest.mark.usefixtures("sandbox")
def test_a_sync_runs_on_the_storage_that_the_command_line_makes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with local_instance(tmp_path) as instance:
        sync_last_month(instance)
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 2
    assert (tmp_path / "dagster" / "dagster.yaml").read_text() == (PROJECT / "dagster.yaml").read_text()
