"""The job `accept_lines`: accepting invoiced lines in the UI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.warehouse.tables import AuditEntry
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.orchestration import job_runs, monthly_runs
from cw_pipeline_tests.orchestration.job_runs import refusal, rows, told_of_mapping
from cw_pipeline_tests.orchestration.monthly_runs import LAST, latest

if TYPE_CHECKING:
    import dagster as dg

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def accept(instance: dg.DagsterInstance, organization: str, **more: str) -> dg.ExecuteInProcessResult:
    config = {"month": str(LAST), "organization": organization, **more}
    return job_runs.run(instance, "accept_lines", "accept_invoiced_lines", config)


def held(instance: dg.DagsterInstance) -> set[str]:
    """The codes under which lines of the month are held after a sync."""
    assert monthly_runs.run(instance).success
    return {"invoice_unclear", "credit_due"} & {
        name.removeprefix("lines_") for name in latest(instance, PUSH, LAST) if name.startswith("lines_")
    }


def seats_of_the_held_line(instance: dg.DagsterInstance) -> dict[str, int]:
    """The seats of the only held line, wherever people see it."""
    _headings, _line, row, *_reasons = latest(instance, PUSH, LAST)["needs_a_person"].splitlines()
    on_page = row.split(" | ")[3]
    check = monthly_runs.run(instance).get_asset_check_evaluations()
    (seats,) = [one.metadata["seats"].value for one in check if one.check_name == "nothing_held"]
    (in_status,) = run("status", "--json").document["held_lines"]
    (attention,) = run("preview", "--json").document["months"][0]["attention"]
    return {
        "month": int(on_page),
        "check": int(str(seats)),
        "status": in_status["seats"],
        "attention": attention["seats"],
    }


@pytest.fixture
def edited(sandbox: Sandbox, active: Active, instance: dg.DagsterInstance) -> str:
    """An organization whose line of last month was invoiced and then given one seat more."""
    organization = active.mapped[0].organization_id
    sandbox.nordpass.set_usage(organization, str(LAST), 5)
    assert monthly_runs.run(instance).success
    (line,) = [one for one in monthly_runs.our_lines(sandbox) if one["serialNumber"].endswith(organization)]
    sandbox.connectwise.invoice(line["agreementId"], until=datetime.now(UTC).date().replace(day=28))
    sandbox.connectwise.edit_addition(line["agreementId"], line["id"], quantity=6)
    return organization


def test_an_edited_line_is_accepted_and_then_the_credit_for_it(edited: str, instance: dg.DagsterInstance) -> None:
    assert held(instance) == {"invoice_unclear"}
    accepted = accept(instance, edited)
    assert accepted.success
    assert held(instance) == {"credit_due"}
    assert seats_of_the_held_line(instance) == {"month": 1, "check": 1, "status": 1, "attention": 1}
    credited = accept(instance, edited, credited="1")
    assert credited.success
    assert held(instance) == set()
    acts = [(act.who, act.after["counts_for"]) for act in rows(AuditEntry) if act.action == "accept lines"]
    assert acts == [(f"Dagster run {accepted.run_id}", ["6"]), (f"Dagster run {credited.run_id}", ["5"])]
    assert len(told_of_mapping(instance)) == 2


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        pytest.param({"month": "March"}, "month: 'March' is not a month.", id="not a month"),
        pytest.param({"credited": "a lot"}, "'a lot' is not a number of seats.", id="not a number"),
        pytest.param({"credited": "1"}, "What an invoiced line of ", id="edited and not accepted first"),
        pytest.param({"organization": "Nobody"}, "There is no organization Nobody.", id="unknown organization"),
    ],
)
def test_an_acceptance_that_is_refused_records_nothing(
    edited: str, instance: dg.DagsterInstance, more: dict[str, str], sentence: str
) -> None:
    refused = accept(instance, **{"organization": edited, **more})
    assert refusal(refused, "accept_invoiced_lines").startswith(sentence)
    assert [act for act in rows(AuditEntry) if act.action == "accept lines"] == []
    assert told_of_mapping(instance) == []
