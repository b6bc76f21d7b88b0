"""The job `release_lines`: releasing unusual usage in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.warehouse.tables import AuditEntry
from cw_pipeline_tests.orchestration import job_runs, monthly_runs
from cw_pipeline_tests.orchestration.job_runs import refusal, rows
from cw_pipeline_tests.orchestration.monthly_runs import LAST, latest

if TYPE_CHECKING:
    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def release(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return job_runs.run(instance, "release_lines", "release_unusual_usage", {"month": str(LAST), **config})


def unusual_seats(instance: dg.DagsterInstance) -> tuple[object, object]:
    """Of the month's push: the seats that the check says are held, and their worth."""
    result = monthly_runs.run(instance)
    assert result.success
    (held,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "nothing_held"]
    return held.metadata["seats"].value, held.metadata["money_at_stake"].value


@pytest.fixture
def unusual(sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organization that is billed for the first time, for 120 seats, which is held."""
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL", "hold")
    for mapped in active.mapped:
        sandbox.nordpass.set_usage(mapped.organization_id, str(LAST), 5)
    organization = active.mapped[0].organization_id
    sandbox.nordpass.set_usage(organization, str(LAST), 120)
    return organization


@pytest.mark.parametrize("chosen", ["one", "all"])
def test_unusual_usage_is_shown_and_then_released(unusual: str, instance: dg.DagsterInstance, chosen: str) -> None:
    seats, worth = unusual_seats(instance)
    assert seats == 120
    assert worth
    assert "release_unusual_usage" in str(latest(instance, PUSH, LAST)["needs_a_person"])
    shown = release(instance)
    assert shown.success
    (observed,) = shown.asset_observations_for_node("release_unusual_usage")
    assert "120 seats used" in str(observed.metadata["waiting"].value)
    in_any = release(instance, month="")
    assert in_any.success
    (row,) = job_runs.records(in_any.asset_observations_for_node("release_unusual_usage")[0].metadata["waiting"])
    assert (row["month"], row["outcome"], row["seats"]) == (str(LAST), "Unusual usage", "120")
    refused = release(instance, organizations=[unusual, "Nobody"])
    assert refusal(refused, "release_unusual_usage").startswith("There is no organization Nobody.")
    assert [act for act in rows(AuditEntry) if act.action == "release lines"] == []

    released = release(instance, **({"organizations": [unusual]} if chosen == "one" else {"everything": True}))
    assert released.success
    (act,) = [act for act in rows(AuditEntry) if act.action == "release lines"]
    assert (act.who, act.subject) == (f"Dagster run {released.run_id}", f"{LAST} {unusual}")
    assert unusual_seats(instance)[0] == 0
