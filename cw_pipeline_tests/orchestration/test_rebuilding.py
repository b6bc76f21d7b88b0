"""A warehouse that is older than what Dagster remembers of pushes writes nothing before it was rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline_tests.orchestration import job_runs
from cw_pipeline_tests.orchestration.monthly_runs import MONTHS, failure_of, forget_all_months, our_lines, run

if TYPE_CHECKING:
    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox


@pytest.mark.usefixtures("active")
def test_after_a_restore_only_a_rebuild_allows_pushes(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    assert run(instance, MONTHS).success
    lines = our_lines(sandbox)
    forget_all_months()
    sandbox.journal.clear()
    refused = run(instance, MONTHS)
    assert not refused.success
    assert [line.partition(": ")[0] for line in failure_of(refused).splitlines()] == [str(month) for month in MONTHS]
    assert "run the job rebuild, then sync again" in failure_of(refused)
    rebuilt = job_runs.run(instance, "rebuild", "look_through_agreements", {})
    assert rebuilt.success
    assert run(instance, MONTHS).success
    assert sandbox.journal.writes() == []
    assert our_lines(sandbox) == lines


@pytest.mark.usefixtures("active")
def test_a_push_that_failed_is_remembered_too(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="/additions", status=400, reply="{}")
    assert not run(instance, MONTHS[:1]).success  # one line was refused, the others were written
    forget_all_months()
    refused = run(instance, MONTHS[:1])
    assert "run the job rebuild, then sync again" in failure_of(refused)
