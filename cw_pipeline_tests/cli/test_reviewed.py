"""Pushing exactly what was looked at: `sync --preview` and `approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.wording.commands import sync_or_approve
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    import pytest

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active


def test_exactly_the_reviewed_previews_are_written_or_nothing(sandbox: Sandbox, active: Active) -> None:
    mapped, before = active.mapped[0], LAST_CLOSED.plus(-1)
    for month in (before, LAST_CLOSED):
        sandbox.nordpass.set_usage(mapped.organization_id, str(month), 31)
    looked_at = run("preview", "--from", str(before), "--to", str(LAST_CLOSED), "--json").document["months"]
    first, last = (month["preview"] for month in looked_at)
    sandbox.nordpass.set_usage(mapped.organization_id, str(before), 33)
    sandbox.journal.clear()
    answer = run("sync", "--preview", str(last), "--preview", str(first), "--json")
    assert answer.code == 1
    refused, pushed = answer.document["months"]
    assert (refused["month"], pushed["month"]) == (str(before), str(LAST_CLOSED))
    assert f"preview {first} says" in refused["error"]
    assert f"({mapped.organization_id}): 31 seats → 33 seats." in refused["error"]
    assert (pushed["outcomes"], pushed["preview"]) == (looked_at[1]["outcomes"], last + 2)
    carried = [line["quantity"] for line in sandbox.connectwise.additions(mapped.agreement_id) if line["quantity"] > 30]
    assert carried == [31]

    for arguments, sentence in {
        ("--preview", str(last)): f"{LAST_CLOSED} was pushed since preview {last} was made",
        ("--preview", "999"): "There is no preview 999",
        ("--preview", str(first), "--month", str(before)): "--preview goes with neither --month",
    }.items():
        wrong = run("sync", *arguments)
        assert (wrong.code, sentence in wrong.sentence) == (2, True), wrong.sentence
    again = run("preview", "--month", str(before))
    assert f"exactly this, `cw-pipeline sync --preview {last + 3}`." in again.out
    assert run("sync", "--preview", str(last + 3)).code == 0


def test_a_preview_of_a_month_that_can_no_longer_be_synced_is_refused(
    sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.nordpass.set_usage(active.mapped[0].organization_id, str(LAST_CLOSED.plus(-1)), 31)
    run("preview", "--month", str(LAST_CLOSED.plus(-1)))
    monkeypatch.setenv("CW_PIPELINE_FIRST_MONTH", str(LAST_CLOSED))
    sandbox.journal.clear()
    for command in (("sync", "--preview", "1"), ("approve", "1")):
        refused = run(*command)
        assert (refused.code, f"is before the first month, {LAST_CLOSED}." in refused.sentence) == (2, True)
    assert sandbox.journal.writes("/finance/") == []


def test_what_waits_for_approval_is_due_until_it_is_approved(
    sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CW_PIPELINE_APPROVAL", "required")
    sandbox.nordpass.set_usage(active.mapped[1].organization_id, str(LAST_CLOSED), 42)
    before = LAST_CLOSED.plus(-1)
    assert run("status", "--json").document["to_approve"] == {}
    run("preview", "--from", str(before), "--to", str(LAST_CLOSED))
    status, for_people = run("status", "--json").document, run("status").out
    assert status["unpushed_months"] == [str(before), str(LAST_CLOSED)]
    assert status["to_approve"] == {str(before): 1, str(LAST_CLOSED): 2}
    assert status["why_unpushed"][str(LAST_CLOSED)] == "waits for approval: preview 2"
    assert "if it is right, run `cw-pipeline approve 1 2`." in for_people
    problems = " ".join(run("health", "--json").document["problems"])
    assert (
        f"{LAST_CLOSED} (waits for approval: preview 2). Look at what is previewed, and if it is right, run" in problems
    )

    approved = run("approve", "2", "--json")
    assert approved.code == 0
    assert [month["month"] for month in approved.document["months"]] == [str(LAST_CLOSED)]
    assert str(LAST_CLOSED) not in run("status", "--json").document["why_unpushed"]
    *_, act = run("history", "--acts", "--json").document["acts"]
    assert (act["act"], act["subject"], act["after"]["month"]) == ("approve preview", "2", str(LAST_CLOSED))

    again = run("approve", "2")
    assert (again.code, "was pushed since preview 2 was made" in again.sentence) == (2, True)
    assert run("history", "--acts", "--json").document["acts"][-1] == act
    run("companies", "unmap", str(active.mapped[2].company_id))
    assert run("status", "--json").document["to_approve"] == {}
    refused = run("approve", "1")
    assert (refused.code, "→ Not mapped to a company, no company, no agreement" in refused.sentence) == (1, True)
    synced = run("sync", "--month", str(before))
    assert (synced.code, "It is not what preview " in synced.out) == (0, False)


def test_nobody_is_advised_to_sync_a_month_that_waits_for_approval() -> None:
    months = ["2026-01", "2026-02", "2026-03"]
    assert sync_or_approve(months, {}, approval=False) == "Run `cw-pipeline sync --from 2026-01 --to 2026-03`."
    assert sync_or_approve(months, {"2026-02": 17}, approval=True) == (
        "Run `cw-pipeline preview --month 2026-01` and `cw-pipeline preview --month 2026-03`, and approve what is "
        "right. Look at what is previewed, and if it is right, run `cw-pipeline approve 17`."
    )
