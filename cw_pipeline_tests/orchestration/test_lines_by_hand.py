"""The job `lines_by_hand`: ending, leaving and taking back in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.warehouse.tables import AuditEntry
from cw_pipeline_tests.orchestration import job_runs, monthly_runs
from cw_pipeline_tests.orchestration.job_runs import refusal, rows
from cw_pipeline_tests.orchestration.monthly_runs import LAST, latest
from cw_pipeline_tests.support.by_hand import keep_by_hand_beside, last_day_of

if TYPE_CHECKING:
    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

OP = "choose_lines_by_hand"


def job(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return job_runs.run(instance, "lines_by_hand", OP, config)


def test_a_line_kept_by_hand_is_shown_then_ended_and_taken_back(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    ((line, agreement),) = keep_by_hand_beside(sandbox, active, LAST, 1)
    assert monthly_runs.run(instance).success
    page = str(latest(instance, PUSH, LAST)["needs_a_person"])
    assert f"ops: {{{OP}: {{config: {{end: [{line}]}}}}}}" in page.replace("\\", "")
    shown = job(instance)
    (observed,) = shown.asset_observations_for_node(OP)
    assert str(line) in str(observed.metadata["by_hand"].value)
    assert refusal(job(instance, end=[4711]), OP).startswith("There is no line 4711 that is kept by hand.")
    assert "Give one of end and leave" in refusal(job(instance, end=[line], leave=[line]), OP)
    assert [act for act in rows(AuditEntry) if act.action == "end line"] == []

    ended = job(instance, end_all=True)
    assert ended.success
    assert last_day_of(sandbox.connectwise, agreement, line) is not None
    assert {act.who for act in rows(AuditEntry) if act.action == "end line"} == {f"Dagster run {ended.run_id}"}
    assert job(instance, undo=[line]).success
    assert last_day_of(sandbox.connectwise, agreement, line) is None
    assert job(instance, leave=[line]).success
    assert monthly_runs.run(instance).success
    assert "billed_by_hand" not in str(latest(instance, PUSH, LAST))


def test_a_trial_month_is_shown_beside_what_is_billed_by_hand(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    ((_, agreement),) = keep_by_hand_beside(sandbox, active, LAST, 1)
    (mapped,) = (one for one in active.mapped if one.agreement_id == agreement)
    wanted = {
        "company": str(mapped.company_id),
        "agreement": str(agreement),
        "organization": mapped.organization_id,
        "bill_from": str(LAST),
    }

    def map_with(trial_months: int) -> dg.ExecuteInProcessResult:
        config = {"accept_warnings": True, "map": [{**wanted, "trial_months": trial_months}]}
        return job_runs.run(instance, "map_companies", "choose_organizations", config)

    assert "there can be 0 to 12 trial months, not 13" in refusal(map_with(13), "choose_organizations")
    assert map_with(1).success
    assert monthly_runs.run(instance).success
    page = latest(instance, PUSH, LAST)
    assert "Trial month: billed to nobody" in str(page["trial_months"])
    assert "billed to nobody (trial month)" in str(page["summary"])
