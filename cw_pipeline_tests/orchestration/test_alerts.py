"""Who is told of what: real runs, the sensors evaluated as the daemon does it, and receivers on this machine."""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.definitions import defs
from cw_pipeline.sandbox.connectwise.api import COMPANY_ID
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.orchestration.monthly_runs import Watcher
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.receivers import WebHook, web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

SECRET = "top-secret-token"  # in the receivers' addresses
MONTH = str(LAST_CLOSED)
DISCONNECT = {"ops": {"remove_mappings": {"config": {"confirm_company": COMPANY_ID}}}}


@pytest.fixture
def hook(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebHook]:  # noqa: ARG001 - it sets the environment
    """A web hook that the environment names."""
    with web_hook() as running:
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", running.address)
        monkeypatch.setenv("CW_PIPELINE_DAGSTER_URL", "https://dagster.example.com/")
        yield running


@pytest.fixture
def watcher(instance: dg.DagsterInstance) -> Watcher:
    return Watcher(instance)


def run(
    instance: dg.DagsterInstance, job: str, config: dict[str, Any] | None = None, *, month: str = MONTH
) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        raise_on_error=False,
        partition_key=month if job == "sync_now" else None,
        run_config=config,
    )


def the_message(hook: WebHook) -> tuple[str, list[str]]:
    """The title and the lines of the only message."""
    (message,) = hook.messages
    assert message["type"] == "warning"
    return message["title"], message["message"].splitlines()


def test_an_alert_for_a_failed_month_has_reason_next_step_and_link(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    refused = active.mapped[0].organization_id
    sandbox.nordpass.set_usage(refused, MONTH, 5)
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=refused, times=1, status=400)
    failed = run(instance, "sync_now")
    assert not failed.success
    assert watcher.ticks() == []
    title, lines = the_message(hook)
    assert title == f"cw_pipeline: {MONTH} not synced, and 2 more"
    not_synced, of_failed, of_unmapped = (list(part) for empty, part in groupby(lines, bool) if empty)
    assert not_synced[0] == f"{MONTH} not synced"
    assert not_synced[1].startswith(f"{MONTH}: 1 line failed, the others were written.")
    assert not_synced[2:] == [
        f"Correct that, then launch sync_now for {MONTH}, or run `cw-pipeline sync --month {MONTH}`.",
        f"https://dagster.example.com/runs/{failed.run_id}",
    ]
    assert of_failed[0] == f"Failed lines of {MONTH}"
    assert of_failed[1].startswith("connectwise_push, nothing_failed (ERROR): Rejected or left unconfirmed: ")
    assert f"unconfirmed: 1 line of {MONTH} with 5 seats, worth " in of_failed[1]
    assert of_failed[-1] == (f"https://dagster.example.com/assets/connectwise_push?view=partitions&partition={MONTH}")
    assert of_unmapped[1].startswith("connectwise_push, nothing_unmapped (WARN): ")
    assert watcher.ticks() == []
    assert len(hook.messages) == 1


@pytest.mark.usefixtures("sandbox")
def test_a_job_that_failed_is_told_whatever_it_is(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    run(instance, "disconnect", DISCONNECT)
    assert watcher.ticks() == []
    assert the_message(hook)[0] == "cw_pipeline: disconnect failed"
    assert "Not connected to ConnectWise" in the_message(hook)[1][0]


@pytest.mark.usefixtures("active")
def test_an_unusable_setting_stops_the_run_but_not_the_alert(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTWISE_REQUESTS_PER_MINUTE", "many")
    assert not run(instance, "sync_now").success
    assert watcher.ticks() == []
    assert "CONNECTWISE_REQUESTS_PER_MINUTE cannot be used" in the_message(hook)[1][0]


@pytest.mark.usefixtures("active")
def test_of_an_error_that_nobody_expected_only_the_name_is_told(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("cw_pipeline.sync.month_loop.fetch_usage", broken)
    run(instance, "sync_now")
    assert watcher.ticks() == []
    assert the_message(hook)[1][0] == "Unexpected error: KeyError."
    assert SECRET not in str(hook.messages)


@pytest.mark.usefixtures("sandbox")
def test_a_run_whose_process_died_is_told(instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher) -> None:
    dead = instance.create_run_for_job(defs.resolve_job_def("connect"), status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(dead)
    assert watcher.ticks() == []
    assert "its process died" in the_message(hook)[1][0]


def test_a_successful_run_alerts_only_if_something_is_held(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    for row in sandbox.nordpass.usage(MONTH):
        if row["organization_id"] not in active.organization_ids:
            sandbox.nordpass.set_usage(row["organization_id"], MONTH, None)
    assert run(instance, "sync_now").success
    assert watcher.ticks() == []
    assert hook.messages == []

    held = active.mapped[0]
    sandbox.nordpass.set_usage(held.organization_id, MONTH, 90)
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    assert run(instance, "sync_now").success
    assert watcher.ticks() == []
    title, lines = the_message(hook)
    assert title == f"cw_pipeline: held lines of {MONTH}"
    assert lines[0].startswith(
        f"connectwise_push, nothing_held (WARN): Held for a person's decision: 1 line of {MONTH} with 90 seats, worth "
    )
    assert WAYS_OUT[Outcome.AGREEMENT_INACTIVE] in lines[0]


def titles(hook: WebHook) -> list[str]:
    """The titles of the messages that came since they were last looked at."""
    found = [message["title"].removeprefix("cw_pipeline: ") for message in hook.messages]
    hook.messages.clear()
    return found


def test_a_problem_is_told_once_weekly_and_when_it_is_solved(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    first, second = (one.organization_id for one in active.mapped[:2])
    for row in sandbox.nordpass.usage(MONTH):
        if row["organization_id"] not in active.organization_ids:
            sandbox.nordpass.set_usage(row["organization_id"], MONTH, None)
    agreements = {one.organization_id: one.agreement_id for one in active.mapped}

    def sync_with(*held: str) -> list[str]:
        for organization, agreement in agreements.items():
            sandbox.connectwise.edit_agreement(agreement, cancelledFlag=organization in held)
            seats = 90 if organization in held else sandbox.nordpass.usage(MONTH)[0]["consumed_licenses"]
            sandbox.nordpass.set_usage(organization, MONTH, seats)
        run(instance, "sync_now")
        assert watcher.ticks() == []
        return titles(hook)

    held = f"held lines of {MONTH}"
    assert sync_with() == []
    assert sync_with(first) == [held]
    assert sync_with(first) == []
    assert sync_with(first, second) == [held]
    assert sync_with(second) == []
    watcher.let_days_pass(6)
    assert sync_with(second) == []
    watcher.let_days_pass(1)
    assert watcher.ticks() == []
    assert titles(hook) == [f"still {held}"]
    assert sync_with(second) == []
    assert sync_with() == [f"solved: {held}"]
    assert sync_with() == []


@pytest.mark.usefixtures("active")
def test_a_late_month_is_told_once_by_whatever_notices_it_first(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher, sandbox: Sandbox
) -> None:
    for _ in range(2):
        assert run(instance, "daily_checks").success
        assert watcher.ticks() == []
    assert f"{MONTH} (never pushed). The months' runs say why." in hook.messages[-1]["message"]
    (late,) = titles(hook)
    assert late.endswith(f"{MONTH} not synced")
    assert run(instance, "sync_now", {"ops": {"sync_months": {"config": {"limit": 1}}}}).success  # pushed in part
    assert watcher.ticks() == []
    assert titles(hook) == []
    sandbox.nordpass.set_report_final(MONTH, final=False)
    assert not run(instance, "sync_now").success
    assert watcher.ticks() == []
    assert titles(hook) == []
    sandbox.nordpass.set_report_final(MONTH, final=True)
    run(instance, "sync_now")
    assert watcher.ticks() == []
    (message,) = hook.messages
    assert f"Solved: {MONTH} not synced" in message["message"]


@pytest.mark.usefixtures("sandbox")
def test_a_job_that_fails_daily_is_told_once_and_when_it_recovers(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    for _ in range(3):
        assert not run(instance, "daily_checks").success
        assert watcher.ticks() == []
    assert titles(hook) == ["daily_checks failed"]
    activate(LAST_CLOSED, companies=1)
    assert run(instance, "daily_checks").success
    assert watcher.ticks() == []
    (message,) = hook.messages
    assert "Solved: daily_checks failed" in message["message"]


@pytest.mark.usefixtures("sandbox")
def test_nobody_is_told_where_no_address_is_set(instance: dg.DagsterInstance, watcher: Watcher) -> None:
    run(instance, "connect", {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
    run(instance, "disconnect", DISCONNECT)
    assert watcher.ticks() == []


@pytest.mark.usefixtures("sandbox")
def test_an_undelivered_message_is_sent_once_at_a_later_tick(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    hook.refusals = 2
    run(instance, "disconnect", DISCONNECT)
    with caplog.at_level(logging.INFO):
        assert watcher.ticks() == []  # it remembers the run
        (error,) = watcher.ticks()  # nothing new: the tick fails
    assert "NotDelivered: 1 of 1 addresses in CW_PIPELINE_NOTIFY failed: address 1 (JSON)." in error
    assert SECRET not in error + caplog.text
    for _ in range(2):
        assert watcher.ticks() == []
    assert titles(hook) == ["disconnect failed"]


@pytest.mark.usefixtures("sandbox")
def test_each_address_gets_a_message_once_although_another_is_down(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_hook(refusals=3) as down:
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", f"{down.address} {hook.address}")
        for _ in range(2):
            run(instance, "disconnect", DISCONNECT)
            watcher.ticks()
        assert (titles(hook), titles(down)) == (["disconnect failed"] * 2, [])
        watcher.ticks()
        assert watcher.ticks() == []
        assert (titles(hook), titles(down)) == ([], ["disconnect failed, and 1 more"])
        run(instance, "daily_checks")
        watcher.ticks()
    with web_hook() as new:
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", f"{hook.address} {hook.address} {new.address}")
        assert watcher.ticks() == []
        assert titles(new) == ["daily_checks failed"]
