"""The job `compare`: what differs between two months, in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.wording.markdown import unescaped
from cw_pipeline_tests.orchestration import job_runs, monthly_runs
from cw_pipeline_tests.orchestration.job_runs import refusal
from cw_pipeline_tests.orchestration.monthly_runs import LAST, MIDDLE

if TYPE_CHECKING:
    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def compare(instance: dg.DagsterInstance, **config: str) -> dg.ExecuteInProcessResult:
    return job_runs.run(instance, "compare", "find_differences", config)


@pytest.mark.usefixtures("active")
def test_differences_are_lines_of_the_last_two_months_by_default(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    refused = compare(instance)
    assert refusal(refused, "find_differences").startswith(f"{MIDDLE} was neither synced nor previewed. Run the job")
    for seats, month in ((5, MIDDLE), (7, LAST)):
        sandbox.nordpass.set_usage(active.mapped[0].organization_id, str(month), seats)
    assert monthly_runs.run(instance, [MIDDLE, LAST]).success
    for shown in (compare(instance), compare(instance, before=str(MIDDLE), after=str(LAST))):
        assert shown.success
        (observed,) = shown.asset_observations_for_node("find_differences")
        assert observed.partition == str(LAST)
        text = unescaped(str(observed.metadata["differences"].value))
        assert f"| Outcome | {MIDDLE} | {LAST} | Change | Worth |" in text
        assert "| 5 | 7 | +2 |" in text
