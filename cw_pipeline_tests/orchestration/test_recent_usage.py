"""Usage reports that are corrected after their month was pushed: noticed by whoever reads them, and due again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.assets.months import USAGE
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.nordpass.api import PAGE_SIZE
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MIDDLE,
    MONTHS,
    failure_of,
    our_lines,
    run,
    schedule_tick,
    the_check,
)
from cw_pipeline_tests.support.active import LAST_CLOSED, Active, activate

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox


@pytest.fixture
def either(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, warehouse_url: str) -> Active:
    """An active integration on each kind of database, whose last three closed months are pushed."""
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", warehouse_url)
    active = activate(FIRST, companies=2)
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - its own annotation
        assert run(instance, MONTHS).success
    sandbox.journal.clear()
    return active


def read_again(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("recent_usage").execute_in_process(instance=instance, raise_on_error=False)


def late(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    look = defs.resolve_job_def("daily_checks").execute_in_process(instance=instance, raise_on_error=False)
    return the_check(look, "unpushed_months")


def requested() -> list[str | None]:
    """What the monthly schedule asks for when it is next due."""
    following = LAST_CLOSED.plus(1)
    tick = schedule_tick(following.year, following.number, 1, 0, 30)
    data = defs.resolve_schedule_def("monthly_sync_schedule").evaluate_tick(tick)
    return [request.partition_key for request in data.run_requests or []]


def events(result: dg.ExecuteInProcessResult) -> tuple[list[str | None], list[str | None]]:
    """The months of which a new report was kept, and those whose report is as it was."""
    new = [event.partition for event in result.all_events if event.is_step_materialization]
    same = [
        event.asset_observation_data.asset_observation.partition
        for event in result.all_events
        if event.is_asset_observation
    ]
    return new, same


def add_seats(sandbox: Sandbox, active: Active, seats: int) -> dict[str, Any]:
    """Correct the middle month's report: an organization used more; return its row."""
    row = active.billed_usage(sandbox, MIDDLE)[0]
    total = row["consumed_licenses"] + seats
    sandbox.nordpass.set_usage(row["organization_id"], str(MIDDLE), total)
    return {**row, "consumed_licenses": total}


def billed(sandbox: Sandbox, organization_id: str) -> int:
    """The seats on the middle month's lines of an organization."""
    lines = (line for line in our_lines(sandbox) if line["serialNumber"].startswith(f"NP:{MIDDLE}:"))
    return int(sum(line["quantity"] for line in lines if line["serialNumber"].endswith(organization_id)))


@pytest.mark.parametrize("job", ["preview", "recent_usage"])
def test_a_report_corrected_after_the_push_makes_its_month_due(
    sandbox: Sandbox, either: Active, instance: dg.DagsterInstance, job: str
) -> None:
    assert late(instance).passed
    corrected = add_seats(sandbox, either, 5)
    sandbox.journal.clear()
    looked = run(instance, [MIDDLE], job=job) if job == "preview" else read_again(instance)
    assert looked.success
    assert sandbox.journal.writes() == []
    check = late(instance)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert f"{MIDDLE} (the usage report changed since)" in (check.description or "")
    assert requested() == [str(MIDDLE)]
    assert run(instance, [MIDDLE]).success
    assert billed(sandbox, corrected["organization_id"]) == corrected["consumed_licenses"]
    assert late(instance).passed
    assert requested() == []


def test_only_changed_reports_are_materialized_and_others_are_observed(
    sandbox: Sandbox, either: Active, instance: dg.DagsterInstance
) -> None:
    result = read_again(instance)
    assert events(result) == ([], [str(month) for month in MONTHS])
    add_seats(sandbox, either, 1)
    assert events(read_again(instance)) == ([str(MIDDLE)], [str(FIRST), str(LAST)])
    assert instance.get_materialized_partitions(USAGE.key) == {str(MIDDLE)}
    assert [entry for entry in sandbox.journal.entries() if "/nordpass/" not in entry.path] == []


@pytest.mark.usefixtures("sandbox")
def test_at_most_three_closed_billed_months_are_read_again(
    instance: dg.DagsterInstance,
) -> None:
    assert events(read_again(instance)) == ([], [])
    activate(MIDDLE, companies=1)
    assert events(read_again(instance)) == ([str(MIDDLE), str(LAST)], [])
    activate(FIRST.plus(-2), companies=2)
    assert events(read_again(instance)) == ([str(FIRST)], [str(MIDDLE), str(LAST)])


@pytest.mark.usefixtures("active")
def test_only_a_report_that_was_final_before_is_missed(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    sandbox.nordpass.set_report_final(str(LAST), final=False)
    result = read_again(instance)
    assert result.success
    assert events(result) == ([str(FIRST), str(MIDDLE)], [])
    sandbox.nordpass.set_report_final(str(MIDDLE), final=False)
    result = read_again(instance)
    assert not result.success
    (sentence,) = failure_of(result, "read_recent_usage").splitlines()
    assert sentence.startswith(
        f"{MIDDLE}: The usage report for {MIDDLE} is no longer final. The stored one still counts. "
        f"The usage of {MIDDLE} from GET "
    )
    assert events(result) == ([], [str(FIRST)])


@pytest.mark.usefixtures("active")
def test_an_unreadable_month_fails_the_run_after_others_are_read(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    pages = 1 + len(sandbox.nordpass.usage(str(FIRST))) // PAGE_SIZE
    sandbox.faults.add(FaultKind.STATUS, path="/usage/", status=403, nth=pages + 1)
    result = read_again(instance)
    assert not result.success
    (sentence,) = failure_of(result, "read_recent_usage").splitlines()
    assert sentence.startswith(f"{MIDDLE}: GET ")
    assert events(result) == ([str(FIRST), str(LAST)], [])
