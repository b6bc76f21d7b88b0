"""An empty Launchpad: Dagster refuses what would fail, and what it lets through is green and shows something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT, DagsterUi, dagster_ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INCOMPLETE = {
    "add_organization": "add_to_nordpass",
    "accept_lines": "accept_invoiced_lines",
    "disconnect": "remove_mappings",
}
SHOWING = {"map_companies": "suggestions", "map_products": "catalog"}


@pytest.fixture
def ui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DagsterUi]:
    home = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dagster_ui(home, PROJECT / "dagster.yaml") as opened:
        yield opened


@pytest.mark.parametrize("job", INCOMPLETE)
def test_a_job_that_needs_config_is_invalid_without_it(job: str) -> None:
    configs: list[dict[str, dict[str, object]]]
    configs = [{}, {"ops": {}}, {"ops": {INCOMPLETE[job]: {}}}, {"ops": {INCOMPLETE[job]: {"config": {}}}}]
    for config in configs:
        with pytest.raises(dg.DagsterInvalidConfigError, match="Missing required config"):
            dg.validate_run_config(defs.resolve_job_def(job), config)


@pytest.mark.parametrize("choice", ["map", "unmap", "write_file", "apply_file"])
def test_each_choice_of_a_mapping_needs_its_fields(choice: str) -> None:
    config: dict[str, object] = {"ops": {"choose_organizations": {"config": {choice: {}}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="Missing required config"):
        dg.validate_run_config(defs.resolve_job_def("map_companies"), config)


@pytest.mark.usefixtures("active")
def test_an_empty_launchpad_starts_no_run_that_fails(ui: DagsterUi) -> None:
    for job in INCOMPLETE:
        with pytest.raises(AssertionError, match="RunConfigValidationInvalid"):
            ui.launch(job)
    assert ui.instance.get_runs() == []
    for job, shown in SHOWING.items():
        run = ui.launch(job)
        assert run.status is dg.DagsterRunStatus.SUCCESS
        outputs = ui.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
        metadata = [name for one in outputs for name in one.get_dagster_event().step_output_data.metadata]
        assert shown in metadata
