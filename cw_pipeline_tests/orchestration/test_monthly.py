"""The monthly assets: each month by itself, however many are in a run."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.definitions import defs
from cw_pipeline.integration import connection
from cw_pipeline.orchestration import monthly
from cw_pipeline.orchestration.monthly import PREVIEW, PUSH, USAGE
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.warehouse import lock
from cw_pipeline_tests.active import LAST_CLOSED
from cw_pipeline_tests.warehouse.processes import HOLD_THE_LOCK, another_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Engine

    from cw_pipeline.billing.months import Month
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.sync.push import PushedMonth
    from cw_pipeline.sync.run import SyncRun
    from cw_pipeline_tests.active import Active

FIRST, MIDDLE, LAST = LAST_CLOSED.plus(-2), LAST_CLOSED.plus(-1), LAST_CLOSED
MONTHS = [FIRST, MIDDLE, LAST]


def run(
    instance: dg.DagsterInstance,
    months: Sequence[Month] = (LAST,),
    *,
    job: str = "sync_now",
    assets: Sequence[dg.AssetSpec] | None = None,
    retries: int = 0,
) -> dg.ExecuteInProcessResult:
    tags = {
        "dagster/asset_partition_range_start": str(months[0]),
        "dagster/asset_partition_range_end": str(months[-1]),
    }
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=str(months[0]) if len(months) == 1 else None,
        tags=tags if len(months) > 1 else None,
        raise_on_error=False,
        asset_selection=[spec.key for spec in assets] if assets else None,
        run_config={"ops": {"sync_months": {"config": {"retries": retries}}}},
    )


def materialized(instance: dg.DagsterInstance, spec: dg.AssetSpec) -> set[str]:
    return instance.get_materialized_partitions(spec.key)


def latest(instance: dg.DagsterInstance, spec: dg.AssetSpec, month: Month) -> dict[str, Any]:
    """The metadata of the month's latest materialization."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=spec.key, asset_partitions=[str(month)]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return {name: value.value for name, value in materialization.metadata.items()}


def our_lines(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [
        addition
        for addition in sandbox.connectwise.records("additions")
        if addition.get("serialNumber", "").startswith(PREFIX)
    ]


def billed(sandbox: Sandbox, active: Active) -> set[str]:
    """The mapped organizations that used seats which are billed."""
    return {
        row["organization_id"]
        for row in sandbox.nordpass.usage(str(LAST))
        if row["organization_id"] in active.organization_ids
        and row["license_type"] == "Standard"
        and row["consumed_licenses"]
    }


def the_check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    return check


def nothing_held(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    return the_check(result, "nothing_held")


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    data = result.failure_data_for_node("sync_months")
    assert data is not None
    assert data.user_failure_data is not None
    return data.user_failure_data.description or ""


@pytest.mark.usefixtures("active")
def test_a_run_over_months_materializes_each_asset_for_each_month_once(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
    result = run(instance, MONTHS)
    assert result.success
    for spec in (USAGE, PREVIEW, PUSH):
        events = instance.fetch_materializations(spec.key, limit=100).records
        assert sorted(event.partition_key or "" for event in events) == [str(month) for month in MONTHS]
    assert {line["serialNumber"][3:10] for line in our_lines(sandbox)} == {str(month) for month in MONTHS}


def test_a_run_over_months_reads_each_agreements_lines_once(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    run(instance, MONTHS)
    reads = [entry.path for entry in sandbox.journal.reads("additions")]
    assert len(reads) == len(set(reads)) == len(active.mapped)


@pytest.mark.usefixtures("active")
def test_a_second_run_writes_nothing(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    run(instance, MONTHS)
    sandbox.journal.clear()
    assert run(instance, MONTHS).success
    assert sandbox.journal.writes() == []
    assert latest(instance, PUSH, LAST)["requests_written"] == 0


@pytest.mark.usefixtures("active")
def test_a_month_whose_report_is_not_final_fails_and_the_others_are_written(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
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
def test_a_line_that_failed_fails_its_month_alone_and_every_other_line_is_written(
    sandbox: Sandbox, instance: dg.DagsterInstance, status: int
) -> None:
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=f"NP:{MIDDLE}", times=1, status=status)
    result = run(instance, MONTHS)
    assert not result.success
    assert f"{MIDDLE}: 1 line(s) failed, the others were written." in failure_of(result)
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
    assert latest(instance, PREVIEW, LAST)["lines_created"] == len(billed(sandbox, active))
    assert materialized(instance, PUSH) == set()


@pytest.mark.usefixtures("active")
def test_a_push_alone_makes_a_preview_of_its_own_where_the_kept_one_no_longer_holds(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
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
def test_a_push_alone_pushes_the_months_that_have_usage_and_fails_the_one_that_has_none(
    sandbox: Sandbox, instance: dg.DagsterInstance
) -> None:
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
    assert latest(instance, PUSH, LAST)["lines_created"] == len(billed(sandbox, active))
    assert [line for line in sandbox.connectwise.records("additions") if "billCustomer" not in line] == spoilt


def test_after_a_disconnect_a_push_writes_nothing_and_says_what_is_missing(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert active.mapped
    assert run(instance, job="preview").success
    with Access().warehouse() as warehouse:
        connection.disconnect(warehouse, tmp_path / "backup.csv")
    result = run(instance, assets=[PUSH])
    assert not result.success
    assert "cw-pipeline connect" in failure_of(result)
    assert sandbox.journal.writes() == []


@pytest.mark.usefixtures("active")
def test_a_disconnect_between_a_run_s_preview_and_its_push_lets_nothing_be_written(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    push_months = monthly.push_months

    def disconnected(sync: SyncRun, months: Sequence[Month]) -> Iterator[PushedMonth]:
        connection.disconnect(sync.warehouse, tmp_path / "backup.csv")
        return push_months(sync, months)

    monkeypatch.setattr(monthly, "push_months", disconnected)
    result = run(instance, MONTHS)
    assert not result.success
    assert failure_of(result).splitlines() == [
        f"{month}: The integration is not active any more. Nothing is written. See `cw-pipeline status`."
        for month in MONTHS
    ]
    assert sandbox.journal.writes() == []
    assert materialized(instance, PUSH) == set()


@pytest.mark.usefixtures("active")
def test_a_run_says_in_its_log_which_process_pushes_and_goes_on_when_that_has_ended(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Access().sync_run("", print) as access:
        url = access.warehouse.engine.url.render_as_string(hide_password=False)
        psa = access.psa
    with another_process("-c", HOLD_THE_LOCK, url, psa) as holder:
        assert holder.says() == "held"
        who_holds = lock._who_holds

        def asked(engine: Engine, psa: str) -> str:
            holder.go_on()
            return who_holds(engine, psa)

        monkeypatch.setattr(lock, "_who_holds", asked)
        result = run(instance)
    assert result.success
    assert our_lines(sandbox)
    log = [entry.user_message for entry in instance.all_logs(result.run_id)]
    waits = [line for line in log if line.startswith(f"Another push is at work: process {holder.pid} on ")]
    assert [line.rpartition(" ")[2] for line in waits] == ["UTC."]


@pytest.mark.usefixtures("active")
def test_seats_over_outcomes_are_the_seats_used(instance: dg.DagsterInstance) -> None:
    result = run(instance)
    assert the_check(result, "seats_add_up").passed
    metadata = latest(instance, PUSH, LAST)
    groups = ("seats_right", "seats_not_billed", "seats_held", "seats_failed")
    assert sum(metadata[group] for group in groups) == metadata["seats_used"] > 0


def test_usage_of_organizations_that_nobody_mapped_is_a_warning_with_its_seats_and_money(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    check = the_check(run(instance), "nothing_unmapped")
    prices = {item["identifier"]: Decimal(item["price"]) for item in sandbox.connectwise.records("catalog")}
    price = {"Business": prices["NORDPASS-BUS"], "Enterprise": prices["NORDPASS-ENT"]}
    unbilled = [
        row
        for row in sandbox.nordpass.usage(str(LAST))
        if row["organization_id"] not in active.organization_ids
        and row["license_type"] == "Standard"
        and row["msp_managed"]
        and row["consumed_licenses"]
    ]
    seats = sum(row["consumed_licenses"] for row in unbilled)
    money = sum(row["consumed_licenses"] * price[row["plan"]] for row in unbilled)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["lines_by_month"].value == {str(LAST): {"unmapped": len(unbilled)}}
    assert (check.metadata["seats"].value, check.metadata["money_at_stake"].value) == (seats, f"{money:.2f}")
    assert check.description is not None
    assert f"with {seats} seats, worth {money:.2f}, are billed to nobody" in check.description


def test_a_mapped_organization_without_a_row_is_a_warning_with_its_name_in_every_month_s_run(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    missing = active.mapped[0]
    sandbox.nordpass.set_usage(missing.organization_id, str(FIRST), None)
    for months in ([FIRST], [LAST]):
        result = run(instance, months)
        assert result.success
        check = the_check(result, "nothing_missing")
        assert (check.asset_key, check.passed, check.severity) == (USAGE.key, False, dg.AssetCheckSeverity.WARN)
        shown = f"{FIRST}: {missing.organization_name} ({missing.organization_id})"
        assert check.metadata["organizations"].value == [shown]
        assert f"no row in the usage reports of {FIRST}" in (check.description or "")
        assert missing.organization_name not in (check.description or "")
    sandbox.nordpass.set_usage(missing.organization_id, str(FIRST), 0)
    assert the_check(run(instance, [FIRST]), "nothing_missing").passed


def test_a_failed_line_is_an_error_that_is_told_also_in_the_runs_of_other_months_until_its_month_is_synced(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    refused = active.mapped[0].organization_id
    sandbox.nordpass.set_usage(refused, str(FIRST), 5)
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=refused, times=1, status=400)
    for result, success in ((run(instance, [FIRST]), False), (run(instance, [LAST]), True)):
        assert result.success is success
        check = the_check(result, "nothing_failed")
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert check.metadata["lines_by_month"].value == {str(FIRST): {"rejected": 1}}
        assert check.metadata["seats"].value == 5
    assert the_check(run(instance, [FIRST]), "nothing_failed").passed


def test_a_held_line_leaves_the_run_green_with_a_warning_that_names_its_seats(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    sandbox.connectwise.edit_agreement(active.mapped[0].agreement_id, cancelledFlag=True)
    result = run(instance)
    assert result.success
    check = nothing_held(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert latest(instance, PUSH, LAST)["lines_agreement_inactive"] == 1
    table = latest(instance, PREVIEW, LAST)["preview"]
    assert table.records[0].data["outcome"] == "agreement_inactive"


def test_a_line_held_in_an_earlier_month_warns_in_every_month_s_run_until_that_month_is_synced(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    held = active.mapped[0]
    for month in MONTHS:
        sandbox.nordpass.set_usage(held.organization_id, str(month), 5)
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    assert not nothing_held(run(instance, [FIRST])).passed
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=False)

    following = run(instance, [LAST])
    assert following.success
    assert latest(instance, PUSH, LAST)["seats_held"] == 0
    check = nothing_held(following)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["lines_by_month"].value == {str(FIRST): {"agreement_inactive": 1}}

    resolved = nothing_held(run(instance, [FIRST]))
    assert resolved.passed
    assert resolved.metadata["lines_by_month"].value == {}


def test_a_held_month_warns_also_where_no_month_of_the_run_could_be_pushed(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    sandbox.nordpass.set_usage(active.mapped[0].organization_id, str(FIRST), 5)
    sandbox.connectwise.edit_agreement(active.mapped[0].agreement_id, cancelledFlag=True)
    run(instance, [FIRST])
    sandbox.nordpass.set_report_final(str(LAST), final=False)
    failed = run(instance, [LAST])
    assert not failed.success
    assert not nothing_held(failed).passed


def test_the_preview_links_to_the_agreements_that_it_changes(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    run(instance, job="preview")
    links = latest(instance, PREVIEW, LAST)["agreements"]
    changed = [one for one in active.mapped if one.organization_id in billed(sandbox, active)]
    assert changed
    for one in changed:
        assert f"[Agreement {one.agreement_id}](https://" in links


@pytest.mark.usefixtures("active")
def test_a_month_that_may_pass_by_itself_is_tried_again_if_asked(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monthly, "RETRY_SECONDS", 0)
    sandbox.nordpass.set_report_final(str(LAST), final=False)
    result = run(instance, retries=2)
    assert not result.success
    restarts = [event for event in result.all_events if event.event_type_value == "STEP_RESTARTED"]
    assert len(restarts) == 2


def test_a_report_that_is_final_at_the_second_try_makes_the_run_a_success(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monthly, "RETRY_SECONDS", 0)
    not_final = {**sandbox.nordpass.report(str(LAST)), "final": False, "next_cursor": None}
    fault = sandbox.faults.add(FaultKind.STATUS, path="/usage/monthly", status=200, reply=json.dumps(not_final))
    result = run(instance, retries=6)
    assert result.success
    assert sandbox.faults.hits(fault) == 1
    restarts = [event for event in result.all_events if event.event_type_value == "STEP_RESTARTED"]
    assert len(restarts) == 1
    for spec in (USAGE, PREVIEW, PUSH):
        assert len(instance.fetch_materializations(spec.key, limit=10).records) == 1
    assert {line["serialNumber"][13:] for line in our_lines(sandbox)} == billed(sandbox, active)


@pytest.mark.usefixtures("active")
def test_a_line_that_is_confirmed_at_the_second_try_makes_the_run_a_success(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monthly, "RETRY_SECONDS", 0)
    sandbox.faults.add(FaultKind.RESET_BEFORE, method="POST", path="additions")
    assert run(instance, retries=6).success
    assert materialized(instance, PUSH) == {str(LAST)}
    serial_numbers = [line["serialNumber"] for line in our_lines(sandbox)]
    assert len(serial_numbers) == len(set(serial_numbers))
    assert latest(instance, PUSH, LAST)["seats_failed"] == 0


@pytest.mark.usefixtures("sandbox")
def test_an_integration_that_is_not_active_fails_the_run_and_says_what_is_missing(instance: dg.DagsterInstance) -> None:
    result = run(instance)
    assert not result.success
    assert "not active" in failure_of(result)
    assert "cw-pipeline connect" in failure_of(result)
