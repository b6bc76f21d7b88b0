"""`companies map --trial-months`: a month that bills nobody, beside what is billed by hand, and what shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED
from cw_pipeline_tests.support.by_hand import keep_by_hand_beside

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def test_a_trial_month_is_compared_with_what_is_billed_by_hand(
    sandbox: Sandbox, active: Active, tmp_path: Path
) -> None:
    month = str(LAST_CLOSED)
    ((_, agreement),) = keep_by_hand_beside(sandbox, active, LAST_CLOSED, 1)
    (mapped,) = [company for company in active.mapped if company.agreement_id == agreement]
    usage = {row["organization_id"]: row["consumed_licenses"] for row in sandbox.nordpass.usage(month)}
    used = usage[mapped.organization_id]
    assert run("sync", "--month", month).code == 1
    answer = run(
        *("companies", "map", str(mapped.company_id), "--agreement", str(agreement)),
        *("--organization", mapped.organization_id, "--bill-from", month, "--trial-months", "1", "--yes"),
    )
    assert answer.code == 0
    assert f"with 1 trial month from {month} on that are billed to nobody" in answer.out
    assert run("sync", "--month", month).code == 0
    (line,) = [
        addition
        for addition in sandbox.connectwise.additions(agreement)
        if addition.get("serialNumber", "").startswith(f"NP:{month}") and addition["quantity"]
    ]
    assert (line["billCustomer"], line["quantity"]) == ("DoNotBill", used)
    (sentence,) = run("status", "--json").document["trial_months"]
    assert f"is billed to nobody from {month} to {month}, and billed from {LAST_CLOSED.plus(1)} on" in sentence
    assert sentence.replace(" ", "") in "".join(run("status").err.split())
    page = tmp_path / "report.html"
    assert run("report", "--month", month, "--output", str(page)).code == 0
    (_, _, section) = page.read_text().partition("Trial months, beside what is billed by hand")
    row, _, _ = section.partition("</table>")
    for number in (f"{used:,}", "12", f"{used - 12:+,}"):
        assert f'<td class="number">{number}</td>' in row
