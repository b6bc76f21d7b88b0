"""`lines accept` and `lines release`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED
from cw_pipeline_tests.support.by_hand import keep_by_hand_beside, last_day_of

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
        addition
        for addition in sandbox.connectwise.additions(mapped.agreement_id)
        if addition.get("serialNumber", "").endswith(mapped.organization_id)
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
    assert f"Invoiced too much: {line['what_to_do']} Then run `cw-pipeline sync --month {month}`." in told
    assert edited in told
    credited = run("lines", "accept", "--month", month, "--organization", edited, "--credited", "1", "--json")
    assert credited.code == 0
    assert [line["quantity"] for line in credited.document["accepted"]] == [
        accepted.document["accepted"][0]["quantity"] - 1
    ]
    assert run("sync", "--month", month).code == 0
    assert run("status", "--json").document["held"] == {}
    again = run("lines", "accept", "--month", month, "--organization", edited)
    assert again.code == 2
    assert "as it was written" in again.sentence


@pytest.fixture
def unusual(sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two organizations that used 20 seats and then 60, which is held, and all others as many as before."""
    for mapped in active.mapped:
        for month in (LAST_CLOSED.plus(-1), LAST_CLOSED):
            sandbox.nordpass.set_usage(mapped.organization_id, str(month), 20)
    one, two = (mapped.organization_id for mapped in active.mapped[:2])
    assert run("sync", "--from", str(LAST_CLOSED.plus(-1)), "--to", str(LAST_CLOSED)).code == 0
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL", "hold")
    for organization in (one, two):
        sandbox.nordpass.set_usage(organization, str(LAST_CLOSED), 60)
    return one, two


def test_unusual_usage_is_shown_released_one_by_one_or_all_at_once(unusual: tuple[str, str]) -> None:
    one, two = unusual
    month = ("--month", str(LAST_CLOSED))
    held = run("sync", *month, "--json")
    assert (held.code, held.document["months"][0]["outcomes"]["unusual"]) == (1, {"lines": 2, "seats": 120})
    shown = run("lines", "release", *month, "--json").document["unusual"]
    assert {(line["organization_id"], line["seats"], line["held"], line["released"]) for line in shown} == {
        (one, 60, True, False),
        (two, 60, True, False),
    }
    assert run("status", "--json").document["unpushed_months"] == []
    released = run("lines", "release", *month, "--organization", one)
    assert (released.code, f"cw-pipeline sync --month {LAST_CLOSED}" in released.out) == (0, True)
    assert run("status", "--json").document["unpushed_months"] == [str(LAST_CLOSED)]
    assert run("sync", *month, "--json").document["months"][0]["outcomes"]["unusual"]["lines"] == 1
    unasked = run("lines", "release", *month, "--all")
    assert (unasked.code, "give --yes" in unasked.sentence) == (2, True)
    assert run("lines", "release", *month, "--all", "--yes").code == 0
    assert run("sync", *month).code == 0
    nothing = run("lines", "release", *month, "--all", "--yes")
    assert (nothing.code, "Nothing was released." in nothing.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--organization", "Nobody"], "There is no organization Nobody."),
        (["--organization", "Nobody", "--all"], "Give either --organization or --all."),
    ],
)
def test_a_release_that_is_asked_wrongly_changes_nothing(
    unusual: tuple[str, str], arguments: list[str], sentence: str
) -> None:
    assert run("sync").code == 1
    refused = run("lines", "release", "--month", str(LAST_CLOSED), *arguments)
    assert (refused.code, sentence in refused.sentence) == (2, True)
    assert len(run("lines", "release", "--month", str(LAST_CLOSED), "--json").document["unusual"]) == len(unusual)


def test_unusual_usage_is_billed_with_a_warning_by_default(
    unusual: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CW_PIPELINE_UNUSUAL")
    synced = run("sync", "--json")
    assert synced.code == 0
    (month,) = synced.document["months"]
    assert {warning["organization_id"] for warning in month["warnings"]} == set(unusual)
    assert "60 seats used, after 20 in" in month["warnings"][0]["warning"]
    everywhere = run("lines", "release", "--json")
    assert everywhere.code == 0
    assert [(line["month"], line["seats"], line["held"]) for line in everywhere.document["unusual"]] == [
        (str(LAST_CLOSED), 60, False)
    ] * 2
    assert {line["organization_id"] for line in everywhere.document["unusual"]} == set(unusual)
    assert "To release one, give its --month." in run("lines", "release").out
    asked = run("lines", "release", "--all")
    assert (asked.code, "Give the --month" in asked.sentence) == (2, True)
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL", "perhaps")
    wrong = run("sync")
    assert (wrong.code, "CW_PIPELINE_UNUSUAL cannot be used" in wrong.sentence) == (2, True)


@pytest.fixture
def by_hand(sandbox: Sandbox, active: Active) -> list[tuple[int, int]]:
    """Lines that people keep by hand on the agreements of two mapped companies: each with its agreement."""
    return keep_by_hand_beside(sandbox, active, LAST_CLOSED, 2)


def test_lines_kept_by_hand_are_listed_ended_left_and_taken_back(
    by_hand: list[tuple[int, int]], sandbox: Sandbox
) -> None:
    (one, agreement), (two, _) = by_hand
    month = ("--month", str(LAST_CLOSED))
    held = run("sync", *month, "--json")
    assert (held.code, held.document["months"][0]["outcomes"]["billed_by_hand"]["lines"]) == (1, 2)
    listed = run("lines", "by-hand", "--json").document["lines"]
    assert {(line["addition_id"], line["proposal"], line["choice"]) for line in listed} == {
        (one, "end", None),
        (two, "end", None),
    }
    assert listed[0]["company_name"] in run("lines", "by-hand").out
    ended = run("lines", "end", str(one), "--json").document["lines"]
    assert [(line["addition_id"], line["done"], line["result"]) for line in ended] == [
        (one, True, f"ends on {listed[0]['may_bill_until']}")
    ]
    assert str(last_day_of(sandbox.connectwise, agreement, one)) == listed[0]["may_bill_until"]
    assert str(LAST_CLOSED) in run("status", "--json").document["unpushed_months"]
    assert run("lines", "leave", str(two)).code == 0
    assert run("sync", *month).code == 0
    refused = run("lines", "end", str(one), "4711")
    assert (refused.code, "There is no line 4711 that is kept by hand." in refused.sentence) == (2, True)
    assert run("lines", "undo", str(one), str(two)).code == 0
    assert last_day_of(sandbox.connectwise, agreement, one) is None
    assert run("sync", *month).code == 1
    unasked = run("lines", "end", "--all")
    assert (unasked.code, "give --yes" in unasked.sentence) == (2, True)
    assert run("lines", "end", "--all", "--yes").code == 0
    assert run("sync", *month).code == 0
    assert "Nothing was changed" in run("lines", "leave", "--all", "--yes").out
    assert run("lines", "end").code == 2
