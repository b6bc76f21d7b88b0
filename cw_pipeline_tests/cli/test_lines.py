"""`lines accept`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


@pytest.fixture
def edited(sandbox: Sandbox, active: Active) -> str:
    """An organization whose line of last month was invoiced and then edited."""
    month = str(LAST_CLOSED)
    run("sync", "--month", month)
    mapped = active.mapped[0]
    (line,) = [
        one
        for one in sandbox.connectwise.additions(mapped.agreement_id)
        if one.get("serialNumber", "").endswith(mapped.organization_id)
    ]
    sandbox.connectwise.invoice(line["agreementId"], until=datetime.now(UTC).date().replace(day=28))
    sandbox.connectwise.edit_addition(line["agreementId"], line["id"], quantity=line["quantity"] + 1)
    return mapped.organization_id


def test_an_edited_invoiced_line_is_held_until_accepted_and_credited(edited: str) -> None:
    month = str(LAST_CLOSED)
    held = run("sync", "--month", month)
    assert held.code == 1
    assert "cw-pipeline lines accept" in held.out + held.err
    accepted = run("lines", "accept", "--month", month, "--organization", edited, "--json")
    assert accepted.code == 0
    assert len(accepted.document["accepted"]) == 1
    synced = run("sync", "--month", month, "--json")
    # One seat more than was used is accepted as billed: that is a credit, and no longer a riddle.
    assert set(synced.document["months"][0]["outcomes"]) >= {"credit_due"}
    assert "invoice_unclear" not in synced.out
    due = run("sync", "--month", month)
    accept = f"`cw-pipeline lines accept --month {month} --organization {edited} --credited 1`"
    assert accept.replace(" ", "") in "".join(due.out.replace("│", " ").split())
    status = run("status", "--json")
    assert status.document["held"] == {month: 1}
    (line,) = status.document["held_lines"]
    assert (line["month"], line["organization_id"], line["outcome"]) == (month, edited, "credit_due")
    assert accept in line["reason"]
    told = " ".join(run("status").out.split())
    assert f"credit_due: {line['what_to_do']} Then run `cw-pipeline sync --month {month}`." in told
    assert edited in told
    credited = run("lines", "accept", "--month", month, "--organization", edited, "--credited", "1", "--json")
    assert credited.code == 0
    assert [one["quantity"] for one in credited.document["accepted"]] == [
        accepted.document["accepted"][0]["quantity"] - 1
    ]
    assert run("sync", "--month", month).code == 0
    assert run("status", "--json").document["held"] == {}
    again = run("lines", "accept", "--month", month, "--organization", edited)
    assert again.code == 2
    assert "as it was written" in again.sentence
