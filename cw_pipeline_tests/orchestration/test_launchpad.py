"""What a Launchpad opens with: every field; a run with that is green, changes nothing and shows something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
import yaml

from cw_pipeline.definitions import defs
from cw_pipeline_tests.orchestration.job_runs import mapped, shown_by, state

if TYPE_CHECKING:
    from cw_pipeline_tests.orchestration.dagster_ui import DagsterUi

SHOWN = {
    "map_companies": {"suggestions", "rows", "launchpad", "no_similar_company"},
    "map_products": {"catalog", "plans"},
    "add_organization": {"organizations"},
    "accept_lines": {"waiting"},
    "release_lines": {"waiting"},
    "disconnect": set[str](),
}
"""What a run of each job shows that was asked for nothing."""


def example_of(job: str) -> str:
    """The run config that the link in a job's description opens."""
    link = urlsplit((defs.resolve_job_def(job).description or "").partition("](")[2].partition(")")[0])
    assert link.path == f"/locations/cw_pipeline/jobs/{job}/playground/setup"
    (example,) = parse_qs(link.query)["config"]
    return example


def config_of(text: str) -> dict[str, Any]:
    """The config of the one op that a run config has."""
    (op,) = yaml.safe_load(text)["ops"].values()
    return op["config"]


@pytest.mark.usefixtures("active")
def test_a_launchpad_opens_with_every_field_and_launched_so_it_changes_nothing(ui: DagsterUi) -> None:
    before = mapped()
    for job, shown in SHOWN.items():
        opens = ui.launchpad(job)
        example = example_of(job)
        assert "# " in example
        assert config_of(opens) == config_of(example)
        run = ui.launch(job, config=yaml.safe_load(opens))
        assert run.status is dg.DagsterRunStatus.SUCCESS, job
        shows = (entry.dagster_event for entry in ui.instance.all_logs(run.run_id))
        metadata = {name for event in shows if event is not None for name in shown_by(event)}
        assert metadata >= shown, job
    assert (mapped(), state()) == (before, "active")
