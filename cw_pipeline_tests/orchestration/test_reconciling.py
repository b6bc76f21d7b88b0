"""The job `reconcile`: our invoiced lines beside the invoices, in the UI."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.messages import HEADINGS
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES
from cw_pipeline_tests.orchestration import job_runs, monthly_runs
from cw_pipeline_tests.orchestration.job_runs import refusal
from cw_pipeline_tests.orchestration.monthly_runs import LAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox.connectwise.invoicing import Invoice
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def reconcile(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return job_runs.run(instance, "reconcile", "reconciliation", config)


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    assert result.success
    (found,) = result.get_asset_check_evaluations()
    assert (found.check_name, found.severity) == ("billed_as_pushed", dg.AssetCheckSeverity.WARN)
    return found


@pytest.fixture
def invoices(sandbox: Sandbox, active: Active, instance: dg.DagsterInstance) -> Iterator[list[Invoice]]:
    """The last month is synced and invoiced, and the API member may read invoices; those with lines of ours."""
    for mapped in active.mapped:
        sandbox.nordpass.set_usage(mapped.organization_id, str(LAST), 5)
    assert monthly_runs.run(instance).success
    made = [sandbox.connectwise.invoice(one.agreement_id)[0] for one in active.mapped]
    assert monthly_runs.run(instance).success
    sandbox.connectwise.set_role(SEED_ROLE | TO_READ_INVOICES)
    yield made
    sandbox.connectwise.set_role(SEED_ROLE)


def test_the_check_passes_then_warns_of_customers_seats_and_money(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, invoices: list[Invoice]
) -> None:
    good = check(reconcile(instance))
    assert (good.passed, good.description) == (True, None)

    number, lines = invoices[0]["number"], invoices[0]["lines"]
    line = next(one for one in lines if (one["serial_number"] or "").startswith(f"NP:{LAST}:"))
    sandbox.connectwise.edit_invoice(number, quantities={line["addition_id"]: Decimal(3)})
    result = reconcile(instance, first=str(LAST))
    found = check(result)
    worth = f"{2 * Decimal(line['unit_price']):,.2f}"
    assert not found.passed
    assert found.description is not None
    assert f"from the invoices, by 2 seats, worth {worth} USD. " in found.description
    assert f"{active.mapped[0].company_name} ({LAST}, -2 seats)" in found.description.replace("\\&", "&")
    assert found.metadata["customers"].value == [f"{active.mapped[0].company_name} ({LAST}, -2 seats)"]
    (event,) = result.asset_materializations_for_node("reconciliation")
    shown = event.metadata
    assert (shown["differing"].value, shown["quantity_differs"].value, shown["source"].value) == (1, 1, "invoices")
    assert {row["month"] for row in job_runs.records(shown["months"])} == {str(LAST)}
    (row,) = job_runs.records(shown["differences"])
    assert (row["invoice"], row["difference"]) == (f"{number} of {invoices[0]['made_on']}", "-2")
    assert "the job accept_lines" in row["what_to_do"]


@pytest.mark.usefixtures("invoices")
def test_a_missing_right_is_named_and_a_bad_month_refused(sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    assert refusal(reconcile(instance, first="March"), "reconciliation").startswith("first: 'March' is not a month.")
    sandbox.connectwise.set_role(SEED_ROLE)
    assert "give its role Finance > Invoicing: Inquire" in refusal(reconcile(instance), "reconciliation")


def test_a_message_has_words_for_every_check_that_people_act_on() -> None:
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert checks - HEADINGS.keys() == {"seats_add_up"}
