"""Who is told of what: real runs, the sensors evaluated as the daemon does it, and receivers on this machine."""

from __future__ import annotations

import logging
import logging.config
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from pydantic import SecretStr

from cw_pipeline import notifications as notify
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.definitions import defs
from cw_pipeline.notifications import NotDelivered, tell
from cw_pipeline.sandbox.connectwise.api import COMPANY_ID
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.wording.ways_out import WAYS_OUT
from cw_pipeline_tests.orchestration.monthly_runs import Watcher, the_check
from cw_pipeline_tests.support.active import LAST_CLOSED
from cw_pipeline_tests.support.receivers import WebHook, mail_server, web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

SECRET = "top-secret-token"  # in the receivers' addresses
MONTH = str(LAST_CLOSED)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "SECONDS_BETWEEN", 0)


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
    assert title == f"cw_pipeline: sync_now for {MONTH} failed"
    assert lines[0].startswith(f"{MONTH}: 1 line failed, the others were written.")
    assert lines[1].startswith("connectwise_push, nothing_unmapped (WARN): ")
    assert lines[2].startswith(f"connectwise_push, nothing_failed (ERROR): 1 line of {MONTH} with 5 seats, worth ")
    assert lines[3] == (
        f"Fix what is listed above, then run `cw-pipeline sync --month {MONTH}`. "
        f"https://dagster.example.com/runs/{failed.run_id}"
    )
    assert watcher.ticks() == []
    assert len(hook.messages) == 1


@pytest.mark.usefixtures("sandbox")
def test_a_job_that_failed_is_told_whatever_it_is(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    run(instance, "disconnect", {"ops": {"remove_mappings": {"config": {"confirm_company": COMPANY_ID}}}})
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
    sandbox.nordpass.set_usage(held.organization_id, MONTH, 400)
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    assert run(instance, "sync_now").success
    assert watcher.ticks() == []
    title, lines = the_message(hook)
    assert title == f"cw_pipeline: sync_now for {MONTH} needs attention"
    assert lines[0].startswith(f"connectwise_push, nothing_held (WARN): 1 line of {MONTH} with 400 seats, worth ")
    assert WAYS_OUT[Outcome.AGREEMENT_INACTIVE] in lines[0]


def test_a_held_line_alerts_only_in_runs_of_its_month(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    held, earlier = active.mapped[0], str(LAST_CLOSED.plus(-1))
    for month in (earlier, MONTH):
        for row in sandbox.nordpass.usage(month):
            if row["organization_id"] not in active.organization_ids:
                sandbox.nordpass.set_usage(row["organization_id"], month, None)
    sandbox.nordpass.set_usage(held.organization_id, earlier, 7)
    sandbox.nordpass.set_usage(held.organization_id, MONTH, 0)
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    for month in (earlier, MONTH, MONTH, earlier):
        result = run(instance, "sync_now", month=month)
        assert result.success
        assert not the_check(result, "nothing_held").passed
        assert watcher.ticks() == []
    assert [message["title"] for message in hook.messages] == [
        f"cw_pipeline: sync_now for {earlier} needs attention"
    ] * 2


@pytest.mark.usefixtures("active")
def test_a_late_month_alerts_every_day_until_it_is_pushed(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher
) -> None:
    for day in (1, 2):
        assert run(instance, "daily_checks").success
        assert watcher.ticks() == []
        assert len(hook.messages) == day
    assert f"{MONTH} (never pushed). The months' runs say why." in hook.messages[-1]["message"]


@pytest.mark.usefixtures("sandbox")
def test_nobody_is_told_where_no_address_is_set(instance: dg.DagsterInstance, watcher: Watcher) -> None:
    run(instance, "connect", {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
    run(instance, "disconnect", {"ops": {"remove_mappings": {"config": {"confirm_company": COMPANY_ID}}}})
    assert watcher.ticks() == []


@pytest.mark.usefixtures("sandbox")
def test_an_undelivered_alert_fails_the_tick_without_showing_the_address(
    instance: dg.DagsterInstance, hook: WebHook, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    hook.refusals = notify.TRIES
    run(instance, "disconnect", {"ops": {"remove_mappings": {"config": {"confirm_company": COMPANY_ID}}}})
    with caplog.at_level(logging.INFO):
        (error,) = watcher.ticks()
    assert "NotDelivered: 1 of 1 addresses in CW_PIPELINE_NOTIFY failed: address 1 (JSON)." in error
    assert SECRET not in error + caplog.text
    assert hook.messages == []


# --- the message on its way ---


def test_a_retried_alert_reaches_each_address_only_once() -> None:
    with web_hook(refusals=1) as busy, web_hook() as ready:
        tell(SecretStr(f"{busy.address} {ready.address}"), title="Title", lines=["<b>1 & 2</b>", "3"])
        assert [one["message"] for one in busy.messages] == ["<b>1 & 2</b>\n3"]
        assert len(ready.messages) == 1


@pytest.mark.parametrize("unusable", ["top-secret-token", "unknown://top-secret-token"])
def test_an_unusable_address_is_named_by_position_and_others_get_the_alert(unusable: str) -> None:
    with web_hook() as hook:
        with pytest.raises(NotDelivered, match=r"1 of 2 addresses .* failed: address 1 \(cannot be used\)"):
            tell(SecretStr(f"{unusable} {hook.address}"), title="Title", lines=["1"])
        assert len(hook.messages) == 1


def test_mail_is_sent() -> None:
    with mail_server() as server:
        address = f"mailto://127.0.0.1:{server.port}?from=cw@example.com&to=billing@example.com"
        tell(SecretStr(address), title="cw_pipeline: sync_now failed", lines=["Why.", "What next."])
        (mail,) = server.mail
    assert mail.rcpt_tos == ["billing@example.com"]
    assert isinstance(mail.content, bytes)
    assert b"Subject: cw_pipeline: sync_now failed" in mail.content
    assert b"Why.\r\nWhat next." in mail.content


@pytest.mark.parametrize(
    "address", ["top-secret-token", "unknown://top-secret-token", "mailto://", "json:/top-secret-token", "  "]
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(
    address: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Dagster does, once and again
    with caplog.at_level(logging.DEBUG), pytest.raises(NotDelivered, match="cannot be used") as refused:
        tell(SecretStr(address), title="Title", lines=["1"])
    assert SECRET not in f"{refused.value}{caplog.text}{capfd.readouterr()}"
