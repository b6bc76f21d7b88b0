"""Which failed months a run tries again: those that may pass by themselves, and no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.orchestration.assets import months as monthly
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH, USAGE
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.settings import Settings
from cw_pipeline.setup.clients import open_sync_run
from cw_pipeline.sync import sync_run
from cw_pipeline_tests.orchestration.monthly_runs import (
    LAST,
    failure_of,
    latest,
    lose_a_seat_of,
    materialized,
    our_lines,
    run,
    tries,
)
from cw_pipeline_tests.support.processes import HOLD_THE_LOCK, another_process

if TYPE_CHECKING:
    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monthly, "RETRY_SECONDS", 0)


@pytest.mark.usefixtures("active")
def test_a_transient_failure_is_tried_again_if_configured(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    sandbox.nordpass.set_report_final(str(LAST), final=False)
    result = run(instance, retries=2)
    assert not result.success
    assert tries(result) == 3
    assert tries(run(instance, retries=2, limit=1)) == 1  # the next try would write for the next organization


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        pytest.param("/agreements", 401, "CONNECTWISE_PRIVATE_KEY", id="ConnectWise's keys are refused"),
        pytest.param("/agreements", 403, "Finance > Agreements: Inquire", id="a right is missing"),
        pytest.param("/usage/monthly", 401, "NORDPASS_PRIVATE_KEY", id="NordPass's key is refused"),
    ],
)
def test_what_only_a_person_can_mend_fails_the_run_at_once(
    sandbox: Sandbox, instance: dg.DagsterInstance, path: str, status: int, sentence: str
) -> None:
    reply = json.dumps({"error": {"code": "refused", "message": "No."}})
    sandbox.faults.add(FaultKind.STATUS, path=path, status=status, reply=reply, times=None)
    result = run(instance, retries=6)
    assert sentence in failure_of(result)
    assert tries(result) == 1


@pytest.mark.usefixtures("active")
def test_a_fault_of_the_program_fails_the_run_at_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_a_seat_of(LAST, monkeypatch)
    result = run(instance, retries=6)
    assert "This is a fault of cw_pipeline" in failure_of(result)
    assert tries(result) == 1


@pytest.mark.usefixtures("active")
def test_a_lock_that_another_push_held_too_long_is_tried_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_run, "LOCK_WAIT_SECONDS", 0)
    with open_sync_run(Settings(), who="", run_id="", say=print) as access:
        url = access.warehouse.engine.url.render_as_string(hide_password=False)
        psa = access.psa
    with another_process(HOLD_THE_LOCK, url, psa) as holder:
        assert holder.says() == "held"
        result = run(instance, assets=[USAGE, PUSH], retries=1)
    assert "Another push" in failure_of(result)
    assert tries(result) == 2


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize("items", [[], [{"organization_id": "o1"}]], ids=["empty", "malformed"])
def test_a_report_that_does_not_count_is_tried_again(
    sandbox: Sandbox, instance: dg.DagsterInstance, items: list[object]
) -> None:
    report = {**sandbox.nordpass.report(str(LAST)), "items": items, "next_cursor": None}
    sandbox.faults.add(FaultKind.STATUS, path="/usage/monthly", status=200, reply=json.dumps(report), times=2)
    result = run(instance, retries=6)
    assert result.success
    assert tries(result) == 3


def test_a_report_that_is_final_on_the_second_try_succeeds(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    not_final = {**sandbox.nordpass.report(str(LAST)), "final": False, "next_cursor": None}
    fault = sandbox.faults.add(FaultKind.STATUS, path="/usage/monthly", status=200, reply=json.dumps(not_final))
    result = run(instance, retries=6)
    assert result.success
    assert sandbox.faults.hits(fault) == 1
    assert tries(result) == 2
    for spec in (USAGE, PREVIEW, PUSH):
        assert len(instance.fetch_materializations(spec.key, limit=10).records) == 1
    billed = {row["organization_id"] for row in active.billed_usage(sandbox, LAST)}
    assert {line["serialNumber"][13:] for line in our_lines(sandbox)} == billed


@pytest.mark.usefixtures("active")
def test_a_line_that_is_confirmed_on_the_second_try_succeeds(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    sandbox.faults.add(FaultKind.RESET_BEFORE, method="POST", path="additions")
    assert run(instance, retries=6).success
    assert materialized(instance, PUSH) == {str(LAST)}
    serial_numbers = [line["serialNumber"] for line in our_lines(sandbox)]
    assert len(serial_numbers) == len(set(serial_numbers))
    assert latest(instance, PUSH, LAST)["seats_failed"] == 0
