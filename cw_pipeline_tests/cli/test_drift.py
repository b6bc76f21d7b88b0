"""`drift`: its exit code, its table and its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def test_drift_exits_1_for_an_edited_line_and_says_what_to_do(sandbox: Sandbox, active: Active) -> None:
    month = str(LAST_CLOSED)
    run("sync", "--month", month)
    clean = run("drift", "--json")
    assert (clean.code, clean.document) == (0, {"drift": []})
    assert run("drift").code == 0

    organization, line = next(
        (mapped, line)
        for mapped in active.mapped
        for line in sandbox.connectwise.additions(mapped.agreement_id)
        if line.get("serialNumber", "").startswith(f"NP:{month}:")
        and line["serialNumber"].endswith(mapped.organization_id)
    )
    sandbox.connectwise.edit_addition(organization.agreement_id, line["id"], quantity=line["quantity"] + 1)

    drifted = run("drift", "--json")
    assert drifted.code == 1
    assert drifted.document == {
        "drift": [
            {
                "kind": "edited",
                "month": month,
                "organization_id": organization.organization_id,
                "organization_name": organization.organization_name,
                "agreement_id": organization.agreement_id,
                "addition_id": line["id"],
                "expected": f"quantity {line['quantity']}",
                "found": f"quantity {line['quantity'] + 1}",
                "what_to_do": f"Set its quantity back, or run `cw-pipeline sync --month {month}`.",
            }
        ]
    }
    for_people = run("drift")
    assert for_people.code == 1
    assert f"{organization.organization_name} ({organization.organization_id})" in for_people.out
    assert for_people.out.rstrip().endswith("Then run this again.")
