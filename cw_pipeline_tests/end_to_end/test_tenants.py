"""Dagster with a code location for each tenant, as `cw-pipeline tenants --workspace` writes them; all are processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import tenacity

from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.end_to_end.conftest import PROJECT
from cw_pipeline_tests.orchestration.dagster_ui import dagster_ui_of
from cw_pipeline_tests.orchestration.monthly_runs import our_lines
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.tenants import serving, use_tenants

if TYPE_CHECKING:
    from pathlib import Path

FOLLOWING = LAST_CLOSED.plus(1)
TICK = datetime(FOLLOWING.year, FOLLOWING.number, 1, 0, 30, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore:Error loading repository location wrong")
def test_a_wrong_tenant_file_fails_only_its_own_location(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_database_url: str
) -> None:
    with Sandbox() as acme, Sandbox() as globex:
        sandboxes = {"acme": acme, "globex": globex, "wrong": None}
        folder = use_tenants(monkeypatch, tmp_path, sandboxes, CW_PIPELINE_DATABASE_URL=postgres_database_url)
        (folder / "wrong.yaml").write_text("schedule: monthly")
        for key in ("acme", "globex"):
            with serving(key):
                activate(LAST_CLOSED, companies=1)
        home = tmp_path / "dagster"
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        workspace = tmp_path / "workspace.yaml"
        workspace.write_text(run("tenants", "--workspace").out)
        monkeypatch.delenv("CW_PIPELINE_TENANT")
        with dagster_ui_of(workspace, home, PROJECT / "dagster.yaml") as ui:
            errors = ui.location_errors()
            assert f"{folder}/wrong.yaml: schedule must have fields of its own" in errors.pop("wrong")
            assert errors == {"acme": "", "globex": ""}
            ui.evaluate_schedules(TICK - timedelta(minutes=1))
            ui.evaluate_schedules(TICK)
            ui.start_queued_runs()
            runs = ended(ui.instance, 2)
            assert {one.tags["tenant"]: one.tags["dagster/partition"] for one in runs} == {
                "acme": str(LAST_CLOSED),
                "globex": str(LAST_CLOSED),
            }
            assert [one.status for one in runs] == [dg.DagsterRunStatus.SUCCESS] * 2
        for sandbox in (acme, globex):
            assert len(our_lines(sandbox)) == 1


@tenacity.retry(
    stop=tenacity.stop_after_delay(120),
    wait=tenacity.wait_fixed(0.3),
    retry=tenacity.retry_if_not_result(lambda runs: bool(runs) and all(one.is_finished for one in runs)),
)
def ended(instance: dg.DagsterInstance, count: int) -> list[dg.DagsterRun]:
    """All runs, once so many have ended."""
    runs = list(instance.get_runs())
    assert len(runs) == count
    return runs
