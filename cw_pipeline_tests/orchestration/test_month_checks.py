"""The checks of the monthly assets: what is not billed as it should be, in whatever month, is told by every run."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH, USAGE
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.wording.markdown import unescaped
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MONTHS,
    latest,
    nothing_held,
    our_lines,
    run,
    the_check,
)

if TYPE_CHECKING:
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.orchestration.dagster_ui import DagsterUi
    from cw_pipeline_tests.support.active import Active


@pytest.mark.usefixtures("active")
def test_seats_over_outcomes_are_the_seats_used(instance: dg.DagsterInstance) -> None:
    result = run(instance)
    assert the_check(result, "seats_add_up").passed
    metadata = latest(instance, PUSH, LAST)
    groups = ("seats_billed", "seats_not_billed", "seats_held", "seats_failed")
    assert sum(metadata[group] for group in groups) == metadata["seats_used"] > 0


def test_unmapped_usage_is_a_warning_with_its_seats_and_money(
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
    assert check.metadata["by_month"].value == {str(LAST): {"unmapped": len(unbilled)}}
    assert (check.metadata["seats"].value, check.metadata["money_at_stake"].value) == (seats, f"{money:,.2f} USD")
    assert check.description is not None
    assert f"with {seats} seats, worth {money:,.2f} USD, of " in check.description


def test_a_mapped_organization_without_usage_warns_in_every_run(
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
        assert f"{missing.organization_name} ({FIRST})" in unescaped(check.description or "")
    sandbox.nordpass.set_usage(missing.organization_id, str(FIRST), 0)
    assert the_check(run(instance, [FIRST]), "nothing_missing").passed


def test_a_failed_line_is_an_error_in_every_run_until_synced(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    refused = active.mapped[0].organization_id
    sandbox.nordpass.set_usage(refused, str(FIRST), 5)
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", body=refused, times=1, status=400)
    for result, success in ((run(instance, [FIRST]), False), (run(instance, [LAST]), True)):
        assert result.success is success
        check = the_check(result, "nothing_failed")
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert check.metadata["by_month"].value == {str(FIRST): {"rejected": 1}}
        assert check.metadata["seats"].value == 5
    assert the_check(run(instance, [FIRST]), "nothing_failed").passed


def test_a_held_line_is_a_warning_that_names_its_seats(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    sandbox.connectwise.edit_agreement(active.mapped[0].agreement_id, cancelledFlag=True)
    result = run(instance)
    assert result.success
    check = nothing_held(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert latest(instance, PUSH, LAST)["lines_agreement_inactive"] == 1
    assert "Agreement is not active" in latest(instance, PREVIEW, LAST)["needs_a_person"]


def test_a_held_line_warns_in_every_run_until_its_month_is_synced(
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
    assert check.metadata["by_month"].value == {str(FIRST): {"agreement_inactive": 1}}

    resolved = nothing_held(run(instance, [FIRST]))
    assert resolved.passed
    assert resolved.metadata["by_month"].value == {}


def test_a_held_month_warns_even_if_the_run_pushed_no_month(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    sandbox.nordpass.set_usage(active.mapped[0].organization_id, str(FIRST), 5)
    sandbox.connectwise.edit_agreement(active.mapped[0].agreement_id, cancelledFlag=True)
    run(instance, [FIRST])
    sandbox.nordpass.set_report_final(str(LAST), final=False)
    failed = run(instance, [LAST])
    assert not failed.success
    assert not nothing_held(failed).passed


def test_a_line_with_a_warning_warns_in_every_run_until_fixed(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance
) -> None:
    mapped = active.mapped[0]
    for organization_id, month in product(active.organization_ids, MONTHS):
        sandbox.nordpass.set_usage(organization_id, str(month), 5)
    assert the_check(run(instance, [FIRST]), "nothing_warned").passed
    (line,) = [one for one in our_lines(sandbox) if mapped.organization_id in one["serialNumber"]]
    sandbox.connectwise.edit_addition(mapped.agreement_id, line["id"], billCustomer="DoNotBill")
    result = run(instance, [FIRST])
    assert result.success
    check = the_check(result, "nothing_warned")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["seats"].value == 5
    assert check.metadata["by_month"].value == {str(FIRST): {"unchanged": 1}}
    for asset in (PREVIEW, PUSH):
        shown = unescaped(latest(instance, asset, FIRST)["needs_a_person"])
        assert "is DoNotBill: its 5 seats are not billed." in shown

    sandbox.connectwise.edit_addition(mapped.agreement_id, line["id"], billCustomer="Billable")
    assert not the_check(run(instance, [LAST]), "nothing_warned").passed
    assert the_check(run(instance, [FIRST]), "nothing_warned").passed


def test_the_ui_shows_the_checks_of_a_month_that_fails_later(sandbox: Sandbox, active: Active, ui: DagsterUi) -> None:
    for month in (FIRST, LAST):
        assert ui.launch("sync_now", str(month)).status is dg.DagsterRunStatus.SUCCESS
    sandbox.nordpass.set_usage(active.mapped[0].organization_id, str(FIRST), 77)
    sandbox.faults.add(FaultKind.STATUS, method="PATCH", path="additions", times=1, status=400)
    time.sleep(1 - time.time() % 1)  # Dagster compares times, of which its SQLite storage keeps whole seconds
    assert ui.launch("sync_now", str(FIRST)).status is dg.DagsterRunStatus.FAILURE
    assert ui.check_status("nothing_failed") == "FAILED"
