"""`preview`, a sync of some organizations, and `undo`: what is written, and what a person looks at before."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    import pytest

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def test_a_preview_shows_each_write_and_where_other_seats_go(
    sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL_FIRST_SEATS", "10000")
    written, changed, held = active.mapped
    run("sync")
    sandbox.nordpass.set_usage(changed.organization_id, str(LAST_CLOSED), 4_321)
    sandbox.nordpass.set_usage(held.organization_id, str(LAST_CLOSED), 8_888)
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    for_people, answer = run("preview"), run("preview", "--json")
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=False)
    usage = {row["organization_id"]: row["consumed_licenses"] for row in sandbox.nordpass.usage(str(LAST_CLOSED))}
    assert for_people.code == 1
    rows = [" ".join(row.split()) for row in for_people.out.splitlines()]
    [row] = [row for row in rows if "→ 4321" in row and "line " in row]
    for name in (changed.company_name, changed.organization_id, changed.agreement_name):
        assert name in row
    assert not any("→" in row and written.organization_id in row for row in rows)
    [month] = answer.document["months"]
    [attention] = month["attention"]
    assert attention == {
        "organization_id": held.organization_id,
        "organization_name": held.organization_name,
        "company_id": held.company_id,
        "company_name": held.company_name,
        "agreement_id": held.agreement_id,
        "agreement_name": held.agreement_name,
        "plan": attention["plan"],
        "seats": 8_888,
        "also": False,
        "outcome": "agreement_inactive",
        "reason": attention["reason"],
        "what_to_do": attention["what_to_do"],
    }
    assert "Renew it in ConnectWise" in attention["reason"]
    [sentence] = [re.sub(r", preview \d+:", ":", row) for row in rows if "seats used" in row]
    unmapped = month["outcomes"]["unmapped"]["seats"]
    billed = usage[written.organization_id] + 4_321
    assert sentence.startswith(f"{LAST_CLOSED}: {sum(usage.values()):,} seats used: {billed:,} to be billed, ")
    assert f"not mapped to a company: {unmapped:,}" in sentence
    assert "8,888 held (agreement is not active: 8,888)" in sentence
    unmapped_lines = month["outcomes"]["unmapped"]["lines"]
    assert f"{LAST_CLOSED} Not mapped to a company {unmapped_lines} {unmapped}" in rows


def test_one_organization_first_leaves_the_month_due_until_the_rest_is_pushed(
    sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL_FIRST_SEATS", "10000")
    month = str(LAST_CLOSED)
    for seats, mapped in enumerate(active.mapped, start=3_001):
        sandbox.nordpass.set_usage(mapped.organization_id, month, seats)
    first = active.mapped[0]
    shown = run("preview", "--organization", first.organization_name)
    assert shown.code == 0
    assert "→ 3001" in " ".join(shown.out.split())
    assert "3002" not in shown.out
    [_, exactly] = re.findall(r"`cw-pipeline (sync [^`]*)`", " ".join(shown.out.split()))
    answer = run(*shlex.split(exactly), "--json")
    assert answer.code == 0
    [pushed] = answer.document["months"]
    part = {"organizations": 1, "of_organizations": 3, "seats": 3_001, "of_seats": 9_006}
    assert ([*pushed["outcomes"].values()], pushed["partly_pushed"]) == ([{"lines": 1, "seats": 3_001}], part)
    status = run("status", "--json").document
    assert status["partly_pushed"] == {month: part}
    assert status["why_unpushed"][month] == "only 1 of 3 organizations, 3,001 of 9,006 seats are pushed"
    limited = run("sync", "--limit", "1")
    assert limited.code == 0
    assert f"{month}: 2 of 3 organizations, " in limited.out
    assert "The month stays due" in limited.out
    refused = run("sync", "--organization", "Nobody")
    assert (refused.code, refused.sentence.split(".")[0]) == (2, "There is no organization Nobody")
    assert run("sync").code == 0
    assert month not in run("status", "--json").document["unpushed_months"]


def test_a_run_is_undone_after_a_look_at_what_that_writes(
    sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL_FIRST_SEATS", "10000")
    mapped, month = active.mapped[0], str(LAST_CLOSED)
    sandbox.nordpass.set_usage(mapped.organization_id, month, 60)
    run("sync")
    sandbox.nordpass.set_usage(mapped.organization_id, month, 61)
    run("sync")
    run_id = run("history", "--month", month, "--json").document["entries"][-1]["run_id"]
    assert run_id[:8] in run("history", "--month", month).out
    sandbox.journal.clear()
    shown = run("undo", run_id[:8])
    assert shown.code == 0
    assert "61 → 60" in " ".join(shown.out.split())
    assert f"`cw-pipeline undo {run_id[:8]} --yes`" in shown.out
    planned = run("undo", run_id[:8], "--json").document["lines"]
    assert [(line["before_the_run"], line["now"], line["result"]) for line in planned] == [(60, 61, "planned")]
    assert sandbox.journal.writes("/finance/") == []
    undone = run("undo", run_id, "--yes")
    assert undone.code == 0
    assert f"So {month} is due again" in undone.out
    assert run("status", "--json").document["why_unpushed"][month] == "a run was undone since"
    again = run("undo", run_id, "--yes", "--json")
    assert (again.code, again.document) == (0, {"run_id": run_id, "months": [], "lines": []})
    refused = run("undo", "nobody")
    assert (refused.code, refused.sentence.split(".")[0]) == (2, "There is no run nobody")
    assert "undo run" in run("history", "--acts").out
    assert run("sync").code == 0
