"""The daily look: drift, and months that are late."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.unpushed import check_unpushed
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.settings import Settings
from cw_pipeline.setup.clients import open_sync_run
from cw_pipeline.sync import sync_run
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline_tests.orchestration.monthly_runs import failure_of
from cw_pipeline_tests.support.active import LAST_CLOSED, activate

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

DRIFT = dg.AssetKey("drift")


def look(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("daily_checks").execute_in_process(instance=instance, raise_on_error=False)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def sync(instance: dg.DagsterInstance, *, back: int = 0) -> None:
    job = defs.resolve_job_def("sync_now")
    assert job.execute_in_process(instance=instance, partition_key=str(LAST_CLOSED.plus(-back))).success


def shown(instance: dg.DagsterInstance) -> dict[str, Any]:
    """The metadata of the last look for drift."""
    (record,) = instance.fetch_materializations(DRIFT, limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def test_after_a_full_sync_the_checks_pass_and_only_read(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED, companies=3)
    sync(instance)
    sandbox.journal.clear()
    result = look(instance)
    assert result.success
    found = checks(result)
    assert {name: check.passed for name, check in found.items()} == {"nothing_drifted": True, "unpushed_months": True}
    assert shown(instance)["findings"] == 0
    assert sandbox.journal.writes() == []


def test_drift_is_a_warning_and_a_table_of_what_to_do(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    sync(instance)
    line = next(
        one for one in sandbox.connectwise.records("additions") if one.get("serialNumber", "").startswith(PREFIX)
    )
    sandbox.connectwise.edit_addition(line["agreementId"], line["id"], quantity=line["quantity"] + 1)
    sandbox.connectwise.edit_company(active.mapped[0].company_id, name="New Name")
    result = look(instance)
    assert result.success
    check = checks(result)["nothing_drifted"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "Found: 1 company renamed, 1 edited. drift says what to do about each."
    metadata = shown(instance)
    assert {name: number for name, number in metadata.items() if number in (1, 2)} == {
        "findings": 2, "edited": 1, "company_renamed": 1
    }  # fmt: skip
    first = metadata["drift"].records[0].data
    assert (first["kind"], first["month"], first["line"]) == ("edited", str(LAST_CLOSED), str(line["id"]))
    assert f"the job sync_now for {LAST_CLOSED}" in str(first["what_to_do"])


@pytest.mark.usefixtures("active")
def test_unpushed_months_are_an_error_naming_them_and_the_command(instance: dg.DagsterInstance) -> None:
    sync(instance, back=1)
    check = checks(look(instance))["unpushed_months"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    first, last = LAST_CLOSED.plus(-2), LAST_CLOSED
    assert check.metadata["months"].value == [str(first), str(last)]
    assert check.description is not None
    assert f"Not pushed, or changed since: {first}, {last} (never pushed). " in check.description
    assert f"the job sync_now for {first} to {last}." in check.description


@pytest.mark.usefixtures("active")
def test_months_are_looked_after_although_connectwise_cannot_be_read(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    sandbox.faults.add(FaultKind.STATUS, path="agreements", status=400, times=None)
    result = look(instance)
    assert not result.success
    assert set(checks(result)) == {"unpushed_months"}


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_run, "LOCK_WAIT_SECONDS", 0)


def told(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    """What the run says of its own."""
    return [log.user_message for log in instance.all_logs(result.run_id) if log.dagster_event is None]


@pytest.mark.usefixtures("active", "no_waiting")
def test_drift_beside_a_push_waits_then_fails_naming_the_holder(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    with open_sync_run(Settings(), who="", run_id="a push", say=print) as pushing:
        lock = push_lock(pushing.warehouse.engine, pushing.psa, wait_seconds=0, on_wait=print)
        sandbox.journal.clear()
        with lock:
            result = look(instance)
    assert not result.success
    holder = f"Another push is at work: process {os.getpid()} on "
    assert failure_of(result, "drift").startswith(holder)
    assert [sentence for sentence in told(instance, result) if sentence.startswith(holder)] != []
    assert "nothing_drifted" not in checks(result)
    assert sandbox.journal.reads("additions") == []


@pytest.mark.usefixtures("active", "no_waiting")
def test_drift_that_cannot_read_connectwise_releases_the_lock(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    sandbox.faults.add(FaultKind.STATUS, path="agreements", status=400, times=None)
    assert not look(instance).success
    sandbox.faults.clear()
    sync(instance)


@pytest.mark.usefixtures("sandbox")
def test_a_month_is_late_only_after_its_sync_could_retry(instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED, companies=1)
    sync(instance)
    this = LAST_CLOSED.plus(1)
    closed_at = datetime(this.plus(1).year, this.plus(1).number, 1, tzinfo=UTC)
    with Access().warehouse() as warehouse:
        assert check_unpushed(warehouse, closed_at - timedelta(seconds=1)).passed
        assert check_unpushed(warehouse, closed_at + timedelta(hours=2, minutes=59)).passed
        late = check_unpushed(warehouse, closed_at + timedelta(hours=3))
        assert late.metadata["due"].value == [f"{this}: never pushed"]
