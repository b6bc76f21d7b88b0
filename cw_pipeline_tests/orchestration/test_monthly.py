"""The monthly assets: each month by itself, however many are in a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.orchestration.assets.month_report import MONTH_REPORT
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH, USAGE
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.settings import Settings
from cw_pipeline.setup import connection
from cw_pipeline.setup.clients import open_sync_run
from cw_pipeline.sync import month_loop as sync_months
from cw_pipeline.warehouse import lock
from cw_pipeline_tests.orchestration.job_runs import refusal
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MIDDLE,
    MONTHS,
    failure_of,
    latest,
    materialized,
    our_lines,
    run,
)
from cw_pipeline_tests.support.processes import HOLD_THE_LOCK, another_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import dagster as dg
    from sqlalchemy import Engine

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.pushes import PushedMonth
    from cw_pipeline_tests.support.active import Active

OTHER_AGREEMENTS = 2
"""Two of the mapped companies have another agreement each, which is looked through once."""


@pytest.mark.usefixtures("active")
def test_a_run_over_months_materializes_each_asset_for_each_month_once(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    result = run(instance, MONTHS)
    assert result.success
    for spec in (USAGE, PREVIEW, PUSH, MONTH_REPORT):
        events = instance.fetch_materializations(spec.key, limit=100).records
        assert sorted(event.partition_key or "" for event in events) == [str(month) for month in MONTHS]
    assert not [entry for entry in instance.all_logs(result.run_id) if "did not yield" in entry.user_message]
    assert {line["serialNumber"][3:10] for line in our_lines(sandbox)} == {str(month) for month in MONTHS}


def test_a_run_over_months_reads_each_agreements_lines_once(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    run(instance, MONTHS)
    reads = [entry.path for entry in sandbox.journal.reads("additions")]
    assert len(reads) == len(set(reads)) == len(active.mapped) + OTHER_AGREEMENTS
    sandbox.journal.clear()
    run(instance, MONTHS)
    reads = [entry.path for entry in sandbox.journal.reads("additions")]
    assert len(reads) == len(set(reads)) == len(active.mapped)


def test_a_run_for_one_organization_is_an_observation(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    billed = {row["organization_id"] for row in active.billed_usage(sandbox, LAST)}
    chosen = next(one for one in active.mapped if one.organization_id in billed)
    asked = [chosen.organization_name]
    assert run(instance, job="preview", organizations=asked, limit=2).success
    assert latest(instance, PREVIEW, LAST)["chosen"] == asked
    result = run(instance, organizations=asked, limit=2)
    assert result.success
    assert {line["agreementId"] for line in our_lines(sandbox)} == {chosen.agreement_id}
    assert (materialized(instance, PUSH), materialized(instance, MONTH_REPORT)) == (set(), set())
    (observed,) = result.asset_observations_for_node("sync_months")
    assert observed.partition == str(LAST)
    assert re.fullmatch(
        r"Only 1 of \d organizations, \d+ of \d+ seats are pushed\. The month stays due\.",
        str(observed.metadata["summary"].value),
    )
    assert run(instance).success
    assert materialized(instance, PUSH) == {str(LAST)}


def test_a_run_for_an_organization_that_nobody_knows_writes_nothing(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    result = run(instance, organizations=[active.mapped[0].organization_id, "Nobody"])
    assert refusal(result, "sync_months").startswith("There is no organization Nobody.")
    assert sandbox.journal.writes() == []


@pytest.mark.usefixtures("active")
def test_a_second_run_writes_nothing(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    run(instance, MONTHS)
    sandbox.journal.clear()
    assert run(instance, MONTHS).success
    assert sandbox.journal.writes() == []
    assert latest(instance, PUSH, LAST)["requests_written"] == 0


@pytest.mark.usefixtures("active")
def test_a_report_that_is_not_final_fails_only_its_month(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    sandbox.nordpass.set_report_final(str(MIDDLE), final=False)
    result = run(instance, MONTHS)
    assert not result.success
    assert failure_of(result).startswith(f"{MIDDLE}: ")
    assert "not final" in failure_of(result)
    for spec in (USAGE, PREVIEW, PUSH):
        assert materialized(instance, spec) == {str(FIRST), str(LAST)}
    assert {line["serialNumber"][3:10] for line in our_lines(sandbox)} == {str(FIRST), str(LAST)}


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize("status", [400, 502], ids=["refused", "unconfirmed"])
def test_a_failed_line_fails_only_its_month_and_others_are_written(
    sandbox: Sandbox, instance: dg.DagsterInstance, status: int
) -> None:
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=f"NP:{MIDDLE}", times=1, status=status)
    result = run(instance, MONTHS)
    assert not result.success
    assert f"{MIDDLE}: 1 line failed, the others were written." in failure_of(result)
    assert materialized(instance, PUSH) == {str(FIRST), str(LAST)}
    assert materialized(instance, PREVIEW) == {str(month) for month in MONTHS}
    whole = run(instance, MONTHS)
    assert whole.success
    assert latest(instance, PUSH, MIDDLE)["lines_created"] == 1


def test_a_preview_alone_writes_nothing_to_connectwise(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    assert run(instance, job="preview").success
    assert sandbox.journal.writes() == []
    assert latest(instance, PREVIEW, LAST)["lines_created"] == len(active.billed_usage(sandbox, LAST))
    assert materialized(instance, PUSH) == set()


@pytest.mark.usefixtures("active")
def test_a_push_alone_replaces_a_preview_that_is_outdated(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    run(instance)
    sandbox.connectwise.edit_addition(our_lines(sandbox)[0]["agreementId"], our_lines(sandbox)[0]["id"], quantity=99)
    assert run(instance, assets=[PUSH]).success
    assert latest(instance, PUSH, LAST)["lines_updated"] == 1


@pytest.mark.usefixtures("active")
def test_a_push_without_usage_fails_with_what_to_do(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    result = run(instance, assets=[PUSH])
    assert not result.success
    assert "Materialize monthly_usage" in failure_of(result)
    assert sandbox.journal.writes() == []


@pytest.mark.usefixtures("active")
def test_a_push_alone_fails_only_the_month_without_usage(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    for month in (FIRST, LAST):
        assert run(instance, [month], assets=[USAGE]).success
    result = run(instance, MONTHS, assets=[PUSH])
    assert not result.success
    assert failure_of(result).startswith(f"{MIDDLE}: There is no usage report for {MIDDLE} yet.")
    assert len(failure_of(result).splitlines()) == 1
    assert materialized(instance, PUSH) == {str(FIRST), str(LAST)}
    assert {line["serialNumber"][3:10] for line in our_lines(sandbox)} == {str(FIRST), str(LAST)}


@pytest.mark.usefixtures("active")
def test_another_vendor_s_line_that_cannot_be_read_stops_nothing(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    spoilt = [
        sandbox.connectwise.edit_addition(one.agreement_id, line["id"], billCustomer=None)
        for one in active.mapped
        for line in sandbox.connectwise.additions(one.agreement_id)
    ]
    assert spoilt
    assert run(instance).success
    assert latest(instance, PUSH, LAST)["lines_created"] == len(active.billed_usage(sandbox, LAST))
    assert [line for line in sandbox.connectwise.records("additions") if "billCustomer" not in line] == spoilt


def test_a_push_after_a_disconnect_writes_nothing_and_says_why(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert active.mapped
    assert run(instance, job="preview").success
    with Access().warehouse() as warehouse:
        connection.disconnect(warehouse, tmp_path / "backup.csv")
    result = run(instance, assets=[PUSH])
    assert not result.success
    assert "run the job connect" in failure_of(result)
    assert sandbox.journal.writes() == []


@pytest.mark.usefixtures("active")
def test_a_disconnect_between_preview_and_push_prevents_every_write(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    push_months = sync_months.push_months

    def disconnected(sync: SyncRun, *arguments: Any) -> Iterator[PushedMonth]:  # noqa: ANN401 - all that it takes
        connection.disconnect(sync.warehouse, tmp_path / "backup.csv")
        return push_months(sync, *arguments)

    monkeypatch.setattr(sync_months, "push_months", disconnected)
    result = run(instance, MONTHS)
    assert not result.success
    assert failure_of(result).splitlines() == [
        f"{month}: The integration is not active any more. Nothing is written. See the asset mapped_organizations."
        for month in MONTHS
    ]
    assert sandbox.journal.writes() == []
    assert materialized(instance, PUSH) == set()


@pytest.mark.usefixtures("active")
def test_a_run_logs_whose_push_it_waits_for_then_continues(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_sync_run(Settings(), who="", run_id="", say=print) as access:
        url = access.warehouse.engine.url.render_as_string(hide_password=False)
        psa = access.psa
    with another_process(HOLD_THE_LOCK, url, psa) as holder:
        assert holder.says() == "held"
        who_holds = lock._who_holds

        def asked(engine: Engine, psa: str) -> str:
            said = who_holds(engine, psa)
            holder.go_on()
            return said

        monkeypatch.setattr(lock, "_who_holds", asked)
        result = run(instance)
    assert result.success
    assert our_lines(sandbox)
    log = [entry.user_message for entry in instance.all_logs(result.run_id)]
    waits = [line for line in log if line.startswith(f"Another push is at work: process {holder.pid} on ")]
    assert [line.rpartition(" ")[2] for line in waits] == ["UTC."]


def test_the_preview_links_to_the_agreements_that_it_changes(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    run(instance, job="preview")
    links = latest(instance, PREVIEW, LAST)["to_be_written"]
    billed = {row["organization_id"] for row in active.billed_usage(sandbox, LAST)}
    changed = [one for one in active.mapped if one.organization_id in billed]
    assert changed
    for one in changed:
        assert re.search(rf"\]\(https://\S+\b{one.agreement_id}\b", links)


@pytest.mark.usefixtures("sandbox")
def test_an_inactive_integration_fails_the_run_and_says_what_is_missing(instance: dg.DagsterInstance) -> None:
    result = run(instance)
    assert not result.success
    assert "not active" in failure_of(result)
    assert "run the job connect" in failure_of(result)
