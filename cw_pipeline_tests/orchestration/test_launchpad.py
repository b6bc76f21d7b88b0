"""What a Launchpad opens with: every field; a run with that is green, changes nothing and shows something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
import yaml

from cw_pipeline.definitions import defs
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT, DagsterUi, dagster_ui
from cw_pipeline_tests.orchestration.job_runs import mapped, shown_by, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOWN = {
    "map_companies": {"suggestions", "csv", "launchpad", "no_similar_company"},
    "map_products": {"catalog", "plans"},
    "add_organization": {"organizations"},
    "accept_lines": {"waiting"},
    "release_lines": {"waiting"},
    "disconnect": set[str](),
}
"""What a run of each job shows that was asked for nothing."""


def example_of(job: str) -> str:
    """The run config in a job's description."""
    return (defs.resolve_job_def(job).description or "").partition("```yaml\n")[2].partition("```")[0]


def config_of(text: str) -> dict[str, Any]:
    """The config of the one op that a run config has."""
    (op,) = yaml.safe_load(text)["ops"].values()
    return op["config"]


@pytest.fixture
def ui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DagsterUi]:
    home = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dagster_ui(home, PROJECT / "dagster.yaml") as opened:
        yield opened


@pytest.mark.parametrize("job", SHOWN)
def test_the_description_links_to_a_launchpad_with_the_commented_config_that_it_shows(job: str) -> None:
    description = defs.resolve_job_def(job).description
    assert description is not None
    shown = example_of(job)
    link = urlsplit(description.partition("](")[2].partition(")")[0])
    assert link.path == f"/locations/cw_pipeline/jobs/{job}/playground/setup"
    assert parse_qs(link.query) == {"config": [shown]}
    assert "#" in shown


@pytest.mark.usefixtures("active")
def test_a_launchpad_opens_with_every_field_and_launched_so_it_changes_nothing(ui: DagsterUi) -> None:
    before = mapped()
    for job, shown in SHOWN.items():
        opens = ui.launchpad(job)
        assert config_of(opens).keys() == config_of(example_of(job)).keys()
        run = ui.launch(job, config=yaml.safe_load(opens))
        assert run.status is dg.DagsterRunStatus.SUCCESS, job
        shows = (entry.dagster_event for entry in ui.instance.all_logs(run.run_id))
        metadata = {name for event in shows if event is not None for name in shown_by(event)}
        assert metadata >= shown, job
    assert (mapped(), state()) == (before, "active")
