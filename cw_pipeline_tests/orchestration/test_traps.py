"""Ways to start a sync that Dagster treats unlike the schedule's: none writes what it should not, or anything twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.assets import months as monthly
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH, USAGE, sync_months
from cw_pipeline.orchestration.checks import NOTHING_HELD, NOTHING_MISSING, PUSH_CHECKS, SEATS_ADD_UP
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.runs import check_evaluations, run_months
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.settings import Messages, Settings
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT, DagsterUi, dagster_ui
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MIDDLE,
    Watcher,
    failure_of,
    lines_to_write,
    lose_a_seat_of,
    schedule_tick,
    tries,
    written,
)
from cw_pipeline_tests.support.processes import another_process
from cw_pipeline_tests.support.receivers import web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.active import Active

MONTHS = [str(month) for month in (FIRST, MIDDLE, LAST)]
MONTHLY = ["monthly_usage", "push_preview", "connectwise_push"]
UNPARTITIONED = ["imported_companies", "agreements", "organizations", "mapped_organizations", "drift"]

pytestmark = pytest.mark.usefixtures("active")


@pytest.fixture(params=["dagster.yaml", "deploy/dagster.yaml"])
def shipped_ui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DagsterUi]:
    """The UI and the daemon, once with each of the shipped settings."""
    home = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    if request.param.startswith("deploy"):
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", request.getfixturevalue("postgres_database_url"))
    with dagster_ui(home, PROJECT / request.param) as opened:
        yield opened


def refuse_a_line_of(sandbox: Sandbox, month: Month) -> None:
    """Let ConnectWise refuse one line of the month, once."""
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=f"{PREFIX}{month}", times=1, status=400)


def pushed(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(PUSH.key)


def test_a_backfill_of_all_assets_never_pushes_a_bad_month(
    sandbox: Sandbox, active: Active, ui: DagsterUi, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.nordpass.set_report_final(str(MIDDLE), final=False)
    lose_a_seat_of(LAST, monkeypatch)
    assert ui.backfill([*UNPARTITIONED, *MONTHLY], MONTHS) == "COMPLETED_FAILED"
    assert pushed(ui.instance) == {str(FIRST)}
    assert written(sandbox) == lines_to_write(sandbox, active, FIRST)
    # What makes this a trap: Dagster gave the usage and the push to different runs.
    selections = [run.asset_selection or set() for run in ui.instance.get_runs()]
    assert not any({USAGE.key, PUSH.key} <= selection for selection in selections)


def sync_now() -> dg.JobDefinition:
    """The job, to be found again by Dagster."""
    return defs.resolve_job_def("sync_now")


def test_a_failed_backfill_re_executed_writes_only_what_is_missing(
    sandbox: Sandbox, active: Active, ui: DagsterUi
) -> None:
    refuse_a_line_of(sandbox, MIDDLE)
    assert ui.backfill(MONTHLY, MONTHS) == "COMPLETED_FAILED"
    assert pushed(ui.instance) == {str(FIRST), str(LAST)}
    (failed,) = ui.instance.get_runs()
    sandbox.journal.clear()
    assert ui.reexecute(failed.run_id, "FROM_FAILURE").status is dg.DagsterRunStatus.SUCCESS
    assert [entry.method for entry in sandbox.journal.writes()] == ["POST"]
    assert pushed(ui.instance) == set(MONTHS)
    assert written(sandbox) == lines_to_write(sandbox, active, FIRST, MIDDLE, LAST)


def test_a_command_line_run_re_executed_writes_only_what_is_missing(
    sandbox: Sandbox, active: Active, ui: DagsterUi
) -> None:
    refuse_a_line_of(sandbox, MIDDLE)
    run_id = run_months(sync_now(), [FIRST, MIDDLE, LAST], ui.instance, on_month=lambda _asset, _month: None)
    failed = ui.instance.get_run_by_id(run_id)
    assert failed is not None
    sandbox.journal.clear()
    options = dg.ReexecutionOptions.from_failure(run_id, ui.instance)
    with dg.execute_job(
        dg.reconstructable(sync_now), ui.instance, tags=failed.tags, reexecution_options=options
    ) as again:
        assert again.success
    assert [entry.method for entry in sandbox.journal.writes()] == ["POST"]
    assert pushed(ui.instance) == set(MONTHS)
    assert written(sandbox) == lines_to_write(sandbox, active, FIRST, MIDDLE, LAST)


def test_a_failed_month_re_executed_writes_only_what_is_missing(
    sandbox: Sandbox, active: Active, ui: DagsterUi
) -> None:
    refuse_a_line_of(sandbox, LAST)
    assert ui.backfill(MONTHLY, [str(LAST)]) == "COMPLETED_FAILED"
    (failed,) = ui.instance.get_runs()
    sandbox.journal.clear()
    again = ui.reexecute(failed.run_id, "FROM_ASSET_FAILURE")
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert again.asset_selection == {PUSH.key}
    assert [entry.method for entry in sandbox.journal.writes()] == ["POST"]
    assert written(sandbox) == lines_to_write(sandbox, active, LAST)


def test_months_cannot_be_re_executed_from_asset_failure(sandbox: Sandbox, ui: DagsterUi) -> None:
    refuse_a_line_of(sandbox, MIDDLE)
    assert ui.backfill(MONTHLY, MONTHS) == "COMPLETED_FAILED"
    (failed,) = ui.instance.get_runs()
    sandbox.journal.clear()
    # To Dagster an asset that was materialized for other months has not failed.
    with pytest.raises(AssertionError, match="No assets or asset checks needed to be retried"):
        ui.reexecute(failed.run_id, "FROM_ASSET_FAILURE")
    assert sandbox.journal.writes() == []
    assert pushed(ui.instance) == {str(FIRST), str(LAST)}
    evaluated = check_evaluations(ui.launch("daily_checks").run_id, ui.instance)
    (check,) = [one for one in evaluated if one.check_name == "unpushed_months"]
    assert not check.passed
    assert check.metadata["months"].value == [str(MIDDLE)]


def test_the_alarm_of_unpushed_months_survives_every_kind_of_run(ui: DagsterUi) -> None:
    assert ui.launch("daily_checks").status is dg.DagsterRunStatus.SUCCESS
    assert ui.check_status("unpushed_months") == "FAILED"
    runs = {
        "the assets' page": lambda: ui.launch("__ASSET_JOB", str(FIRST), assets=MONTHLY).status,
        "a backfill": lambda: ui.backfill(MONTHLY, [str(FIRST)]),
        "sync_now": lambda: ui.launch("sync_now", str(FIRST)).status,
        "the schedule's job": lambda: ui.launch("monthly_sync", str(FIRST)).status,
        "a mapping": lambda: ui.launch("__ASSET_JOB", assets=["mapped_organizations"]).status,
    }
    for started_by, start in runs.items():
        assert start() in (dg.DagsterRunStatus.SUCCESS, "COMPLETED_SUCCESS"), started_by
        assert ui.check_status("unpushed_months") == "FAILED", started_by
    evaluated = [
        entry.run_id
        for run in ui.instance.get_runs()
        for entry in ui.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        if entry.get_dagster_event().asset_check_evaluation_data.check_name == "unpushed_months"
    ]
    assert len(evaluated) == 1  # no month's run alerts to other months
    assert ui.backfill(MONTHLY, MONTHS) == "COMPLETED_SUCCESS"
    assert ui.launch("daily_checks").status is dg.DagsterRunStatus.SUCCESS
    assert ui.check_status("unpushed_months") == "SUCCEEDED"


def test_a_run_of_the_command_line_is_in_the_ui_with_its_months(ui: DagsterUi) -> None:
    job = defs.resolve_job_def("preview")
    several = run_months(job, [FIRST, MIDDLE], ui.instance, on_month=lambda _asset, _month: None)
    one = run_months(job, [LAST], ui.instance, on_month=lambda _asset, _month: None)
    shown = ui.runs_of("preview")
    assert {run_id: location for run_id, (location, _) in shown.items()} == {several: "cw_pipeline", one: "cw_pipeline"}
    assert shown[several][1]["months"] == f"{FIRST} to {MIDDLE}"
    assert shown[one][1]["dagster/partition"] == str(LAST)


def test_a_killed_push_in_the_pool_does_not_stop_the_next(
    sandbox: Sandbox, active: Active, shipped_ui: DagsterUi
) -> None:
    instance = shipped_ui.instance
    instance.event_log_storage.initialize_concurrency_limit_to_default("connectwise_push")  # as the first push did
    held = sandbox.faults.add(FaultKind.SLOW, method="POST", path="additions")
    with another_process("from cw_pipeline.cli.app import main; main()", "sync", "--month", str(LAST)) as push:
        assert sandbox.faults.wait_for_hit(held, timeout=60)
        push.kill()
    sandbox.faults.clear()
    (killed,) = instance.get_run_records()
    assert killed.dagster_run.status is dg.DagsterRunStatus.STARTED
    assert killed.dagster_run.run_op_concurrency is not None
    assert killed.dagster_run.run_op_concurrency.all_pools == {"connectwise_push"}

    assert shipped_ui.backfill(MONTHLY, [str(LAST)]) == "COMPLETED_SUCCESS"
    assert written(sandbox) == lines_to_write(sandbox, active, LAST)


def test_a_run_without_a_job_fails_like_others_and_is_told_once(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monthly, "RETRY_SECONDS", 0)
    sandbox.nordpass.set_report_final(str(LAST), final=False)
    watcher = Watcher(instance)
    with web_hook() as hook:
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", hook.address)
        for job in (defs.resolve_implicit_global_asset_job_def(), defs.resolve_job_def("monthly_sync")):
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[USAGE.key, PREVIEW.key, PUSH.key],
                partition_key=str(LAST),
                run_config={"ops": {"sync_months": {"config": {"retries": 2}}}},
                raise_on_error=False,
            )
            assert not result.success
            assert tries(result) == 3
            assert "not final" in failure_of(result)
            assert watcher.ticks() == []
    assert [message["title"] for message in hook.messages] == [f"cw_pipeline: {LAST} not synced"]


def test_nothing_that_keeps_a_push_safe_hangs_on_a_job() -> None:
    assert sync_months.op.pool == "connectwise_push"
    for job in defs.resolve_all_job_defs():
        assert (job.tags, job.run_tags, job.hook_defs) == ({}, {}, frozenset()), job.name


def test_schedule_person_and_backfill_write_each_line_of_a_month_once(
    sandbox: Sandbox, active: Active, ui: DagsterUi
) -> None:
    following = LAST.plus(1)
    context = schedule_tick(following.year, following.number, 1, 0, 30)
    requests = defs.resolve_schedule_def("monthly_sync_schedule").evaluate_tick(context).run_requests or []
    assert [request.partition_key for request in requests] == MONTHS
    for request in requests:
        defs.resolve_job_def("monthly_sync").execute_in_process(
            instance=ui.instance, partition_key=request.partition_key, run_config=request.run_config, tags=request.tags
        )
    everything = lines_to_write(sandbox, active, FIRST, MIDDLE, LAST)
    assert written(sandbox) == everything
    sandbox.journal.clear()
    run_months(sync_now(), [FIRST, MIDDLE, LAST], ui.instance, on_month=lambda _asset, _month: None)
    assert ui.backfill(MONTHLY, MONTHS) == "COMPLETED_SUCCESS"
    assert sandbox.journal.writes() == []
    assert written(sandbox) == everything


def test_what_dagster_can_show_of_the_resource_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Settings.model_fields | Messages.model_fields
    secrets = [name for name, field in fields.items() if "SecretStr" in str(field.annotation)]
    for name in secrets:
        monkeypatch.setenv(name.upper(), f"the secret of {name}")
    access = Access()
    assert len(secrets) >= 4
    assert "the secret of" not in f"{access!r} {access} {vars(access)}"


def test_checks_executed_alone_cover_every_month_and_write_nothing(
    ui: DagsterUi, sandbox: Sandbox, active: Active
) -> None:
    held = active.mapped[0]
    sandbox.nordpass.set_usage(held.organization_id, str(FIRST), 5)
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    run_months(sync_now(), [FIRST], ui.instance, on_month=lambda _asset, _month: None)
    lines = written(sandbox)
    checks = [spec.key for spec in (NOTHING_MISSING, SEATS_ADD_UP, *PUSH_CHECKS)]
    run = ui.execute_checks(*checks)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    entries = ui.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    assert {one.asset_check_key for one in evaluations} == set(checks)
    (of_held,) = [one for one in evaluations if one.check_name == NOTHING_HELD.name]
    assert of_held.metadata["by_month"].value == {str(FIRST): {"agreement_inactive": 1}}
    assert written(sandbox) == lines
