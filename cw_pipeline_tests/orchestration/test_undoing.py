"""The job `undo`: undoing a run in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.orchestration.assets.month_report import MONTH_REPORT
from cw_pipeline_tests.orchestration import job_runs, monthly_runs
from cw_pipeline_tests.orchestration.job_runs import refusal
from cw_pipeline_tests.orchestration.monthly_runs import LAST, our_lines, the_check

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox


def undo(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return job_runs.run(instance, "undo", "undo_writes", config)


@pytest.mark.usefixtures("active")
def test_a_run_is_shown_and_then_undone(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    run_id = monthly_runs.run(instance).run_id
    lines = our_lines(sandbox)
    assert undo(instance).success
    shown = undo(instance, run=run_id[:8])
    (observed,) = shown.asset_observations_for_node("undo_writes")
    plan = observed.metadata["undo"]
    assert isinstance(plan, dg.TableMetadataValue)
    assert (len(plan.records), our_lines(sandbox)) == (len(lines), lines)
    assert refusal(undo(instance, run="nobody", confirm=True), "undo_writes").startswith("There is no run nobody.")
    undone = undo(instance, run=run_id, confirm=True)
    assert undone.success
    due = the_check(undone, "unpushed_months")
    assert (due.passed, f"{LAST} (a run was undone since)" in (due.description or "")) == (False, True)
    report = monthly_runs.run(instance, assets=[MONTH_REPORT])
    assert monthly_runs.failure_of(report).startswith(f"A run of {LAST} was undone since it was pushed")
    assert {line["quantity"] for line in our_lines(sandbox)} == {0}
    assert monthly_runs.run(instance).success  # what Dagster recorded of the undo is not taken for a push
    assert [line["quantity"] for line in our_lines(sandbox)] == [line["quantity"] for line in lines]
