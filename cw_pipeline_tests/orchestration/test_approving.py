"""Approval: the schedule only previews, people are told, and a person's approval pushes exactly what they saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup.audit import audit_log
from cw_pipeline.wording.markdown import unescaped
from cw_pipeline_tests.orchestration.job_runs import refusal, shown_table
from cw_pipeline_tests.orchestration.job_runs import run as run_job
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MIDDLE,
    MONTHS,
    Watcher,
    failure_of,
    latest,
    lines_to_write,
    materialized,
    run,
    schedule_tick,
    written,
)
from cw_pipeline_tests.orchestration.test_schedule import SCHEDULE
from cw_pipeline_tests.support.receivers import WebHook, web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.active import Active


@pytest.fixture
def hook(active: Active, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebHook]:  # noqa: ARG001 - it sets the environment
    """Approval is required, and a web hook is told."""
    with web_hook() as running:
        monkeypatch.setenv("CW_PIPELINE_APPROVAL", "required")
        monkeypatch.setenv("CW_PIPELINE_NOTIFY", running.address)
        monkeypatch.setenv("CW_PIPELINE_DAGSTER_URL", "https://dagster.example.com/")
        yield running


def approve(instance: dg.DagsterInstance, *previews: int) -> dg.ExecuteInProcessResult:
    return run_job(instance, "approve", "approve_previews", {"previews": list(previews)})


def run_what_the_schedule_requests(instance: dg.DagsterInstance) -> None:
    following, job = LAST.plus(1), defs.resolve_job_def("monthly_sync")
    requested = defs.resolve_schedule_def(SCHEDULE).evaluate_tick(
        schedule_tick(following.year, following.number, 1, 0, 30)
    )
    for one in requested.run_requests or []:
        assert job.execute_in_process(
            instance=instance,
            partition_key=one.partition_key,
            run_config=one.run_config,
            asset_selection=list(one.asset_selection or []) or None,
        ).success


def preview_id(instance: dg.DagsterInstance, month: Month) -> int:
    return int(latest(instance, PREVIEW, month)["preview"])


def test_the_schedule_previews_and_an_approval_pushes_exactly_that(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, hook: WebHook
) -> None:
    watcher = Watcher(instance)
    run_what_the_schedule_requests(instance)
    assert sandbox.journal.writes("/finance/") == []
    first, middle, last = (preview_id(instance, month) for month in MONTHS)
    assert watcher.ticks() == watcher.ticks() == []
    (message,) = hook.messages
    assert message["title"] == f"cw_pipeline: {FIRST}, {MIDDLE}, {LAST} to approve"
    text = message["message"]
    assert f"{MIDDLE} (waits for approval: preview {middle}); {LAST} (waits for approval: preview {last})" in text
    assert f"`ops: {{approve_previews: {{config: {{previews: [{first}, {middle}, {last}]}}}}}}`" in text
    assert f"- {LAST}: waits for approval: preview {last}. " in text
    assert "seats used: " in text
    assert f"https://dagster.example.com/assets/push_preview?view=partitions&partition={LAST}" in text

    result = approve(instance, last)
    assert result.success
    assert written(sandbox) == lines_to_write(sandbox, active, LAST)
    assert materialized(instance, PUSH) == {str(LAST)}
    with Access().warehouse() as warehouse, warehouse.transaction() as session:
        entry = audit_log(session)[-1]
    assert (entry.who, entry.action, entry.subject) == (f"Dagster run {result.run_id}", "approve preview", str(last))
    assert entry.after is not None
    assert (entry.after["month"], entry.after["writes"]) == (str(LAST), len(written(sandbox)))
    assert watcher.ticks() == []
    assert f"solved: {LAST} not synced" in hook.messages[-1]["message"].lower()


@pytest.mark.usefixtures("hook")
def test_a_preview_that_changed_is_refused_and_the_rest_goes_on(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    assert run(instance, MONTHS, job="preview").success
    previews = [preview_id(instance, month) for month in MONTHS]
    sandbox.nordpass.set_usage(active.mapped[0].organization_id, str(MIDDLE), 4_321)
    refused = approve(instance, *previews)
    assert written(sandbox) == lines_to_write(sandbox, active, FIRST, LAST)
    sentence = refusal(refused, "approve_previews")
    assert sentence.startswith(f"{MIDDLE}: A push would no longer do what preview {previews[1]} says")
    assert "→ 4321 seats. See all of it with the job compare (config `ops: " in sentence
    again = refusal(approve(instance, previews[0]), "approve_previews")
    assert again.startswith(f"{FIRST} was pushed since preview {previews[0]} was made")
    by_config = run(instance, [MIDDLE], previews=[previews[1]])
    assert failure_of(by_config).startswith(f"{MIDDLE}: A push would no longer do")
    assert failure_of(run(instance, [MIDDLE], previews=[999])).startswith("There is no preview 999")
    now = preview_id(instance, MIDDLE)
    sandbox.nordpass.set_usage(active.mapped[1].organization_id, str(FIRST), 5_678)
    assert run(instance, [FIRST], job="preview").success
    seen = preview_id(instance, FIRST)
    sandbox.nordpass.set_usage(active.mapped[1].organization_id, str(FIRST), 5_679)
    assert run(instance, [FIRST]).success
    since = str(latest(instance, PUSH, FIRST)["since_preview"])
    assert f"It is not what preview {seen} said" in unescaped(since)
    assert "5678 seats → 5679 seats" in unescaped(since)
    assert (
        failure_of(run(instance, [LAST], previews=[now]))
        == f"Preview {now} is of {MIDDLE}, not of {LAST}. Name that month."
    )
    assert run(instance, [MIDDLE], previews=[now]).success
    assert materialized(instance, PUSH) == set(map(str, MONTHS))


@pytest.mark.usefixtures("hook")
def test_without_previews_the_job_pushes_nothing_and_shows_what_can_be_approved(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    assert run(instance, [LAST], job="preview").success
    result = approve(instance)
    assert result.success
    assert shown_table(instance, result, "waiting") == [{"month": str(LAST), "preview": "1"}]
    assert sandbox.journal.writes("/finance/") == []


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(("setting", "previews_only"), [("none", False), ("required", True), ("perhaps", True)])
def test_a_tick_requests_pushes_only_where_no_approval_is_needed(
    monkeypatch: pytest.MonkeyPatch, setting: str, *, previews_only: bool
) -> None:
    monkeypatch.setenv("CW_PIPELINE_APPROVAL", setting)
    requests = defs.resolve_schedule_def(SCHEDULE).evaluate_tick(schedule_tick(2028, 3, 1, 0, 30)).run_requests
    assert requests
    assert [PUSH.key in (one.asset_selection or [PUSH.key]) for one in requests] == [not previews_only] * len(requests)
