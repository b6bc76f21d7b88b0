from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import yaml
from psycopg2.errors import DiskFull
from sqlalchemy.exc import OperationalError

from cw_pipeline.cli.months import chosen_months
from cw_pipeline.cli.output import UsageError
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.settings import Settings
from cw_pipeline.setup.clients import open_sync_run
from cw_pipeline.sync import sync_run
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.cli.conftest import PROGRAM, run
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT
from cw_pipeline_tests.support.active import LAST_CLOSED
from cw_pipeline_tests.support.processes import HOLD_THE_LOCK, another_process

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline_tests.support.active import Active

MOMENT = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
EARLIEST = Month(2025, 1)


def asked(month: str | None = None, first: str | None = None, last: str | None = None) -> list[str]:
    options = [Month.parse(text) if text else None for text in (month, first, last)]
    return [str(month) for month in chosen_months(*options, earliest=EARLIEST, now=MOMENT)]


def test_without_an_option_the_last_closed_month_is_meant() -> None:
    assert asked() == ["2026-03"]


def test_one_month_or_a_range_with_both_its_ends() -> None:
    assert asked("2025-01") == ["2025-01"]
    assert asked(None, "2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("2026-04", None, None), "2026-04 has not closed yet. The last month that has is 2026-03."),
        ((None, "2026-03", "2026-04"), "2026-04 has not closed yet"),
        (("2024-12", None, None), "2024-12 is before the first month, 2025-01"),
        ((None, "2026-03", "2026-02"), "--from 2026-03 is after --to 2026-02"),
        (("2026-03", "2026-03", None), "either --month"),
        (("2026-03", None, "2026-03"), "either --month"),
        ((None, "2026-03", None), "belong together"),
        ((None, None, "2026-03"), "belong together"),
    ],
)
def test_months_that_cannot_be_synced_are_refused(options: tuple[str | None, ...], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        asked(*options)


def test_a_failed_line_fails_the_command_and_shows_its_reason(sandbox: Sandbox, active: Active) -> None:
    agreement = active.mapped[0].agreement_id
    for line in sandbox.connectwise.additions(agreement):
        if line.get("serialNumber", "").startswith("NP:"):  # another test's
            sandbox.connectwise.delete_addition(agreement, line["id"])
    sandbox.faults.add(
        FaultKind.STATUS, method="POST", path=f"/finance/agreements/{agreement}/", status=400, times=None
    )
    answer = run("sync", "--from", str(LAST_CLOSED.plus(-1)), "--to", str(LAST_CLOSED))
    failed = run("sync", "--from", str(LAST_CLOSED.plus(-1)), "--to", str(LAST_CLOSED), "--json")
    sandbox.faults.clear()
    assert answer.code == 1
    assert "Refused by ConnectWise" in answer.out
    assert active.mapped[0].organization_id in answer.out
    [attention, _] = [month["attention"] for month in failed.document["months"]]
    mapped = active.mapped[0]
    assert [
        (line["organization_id"], line["company_name"], line["agreement_name"], line["outcome"]) for line in attention
    ] == [(mapped.organization_id, mapped.company_name, mapped.agreement_name, "rejected")]
    assert "HTTP 400" in attention[0]["reason"]
    assert "sync the month again" in attention[0]["what_to_do"]

    again = run("sync", "--from", str(LAST_CLOSED.plus(-1)), "--to", str(LAST_CLOSED), "--json")
    assert again.code == 0
    assert [month["outcomes"]["created"]["lines"] for month in again.document["months"]] == [1, 1]


@pytest.mark.usefixtures("active")
def test_a_sync_without_the_lock_exits_1_and_names_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_run, "LOCK_WAIT_SECONDS", 0)
    with open_sync_run(Settings(), who="", run_id="", say=print) as access:
        url = access.warehouse.engine.url.render_as_string(hide_password=False)
        psa = access.psa
    with another_process(HOLD_THE_LOCK, url, psa) as holder:
        assert holder.says() == "held"
        answer = run("sync")
    assert answer.code == 1
    assert f"Another push is at work: process {holder.pid} on " in answer.sentence
    assert "Try again when it has ended." in answer.sentence


def test_a_text_that_is_no_month_is_wrong_usage() -> None:
    answer = run("sync", "--month", "March")
    assert (answer.code, "is not a month" in answer.sentence) == (2, True)


@pytest.mark.usefixtures("active")
def test_a_report_that_is_not_final_fails_only_its_month(sandbox: Sandbox) -> None:
    sandbox.nordpass.set_report_final(str(LAST_CLOSED), final=False)
    answer = run("preview", "--from", str(LAST_CLOSED.plus(-1)), "--to", str(LAST_CLOSED), "--json")
    sandbox.nordpass.set_report_final(str(LAST_CLOSED), final=True)
    assert answer.code == 1
    before, last = answer.document["months"]
    assert before["requests"]["written"] == 0
    assert before["outcomes"]
    assert last["month"] == str(LAST_CLOSED)
    assert "is not final" in last["error"]
    assert f"{LAST_CLOSED}: " in answer.err


def test_a_held_line_exits_1_and_says_what_to_do(sandbox: Sandbox, active: Active) -> None:
    mapped = active.mapped[1]
    sandbox.nordpass.set_usage(mapped.organization_id, str(LAST_CLOSED), 7_777)
    sandbox.connectwise.edit_agreement(mapped.agreement_id, cancelledFlag=True)
    answer = run("preview")
    sandbox.connectwise.edit_agreement(mapped.agreement_id, cancelledFlag=False)
    assert answer.code == 1
    assert "Agreement is not active" in answer.out
    assert "which is not active for that period. Renew it in ConnectWise" in answer.out


def test_a_warning_about_a_line_leaves_the_exit_code_unchanged(
    sandbox: Sandbox, active: Active, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CW_PIPELINE_UNUSUAL_FIRST_SEATS", "10000")
    mapped = active.mapped[0]
    sandbox.nordpass.set_usage(mapped.organization_id, str(LAST_CLOSED), 50)
    assert run("sync").code == 0
    agreement = mapped.agreement_id
    (line,) = [
        addition
        for addition in sandbox.connectwise.additions(agreement)
        if addition["quantity"] and is_for_last_month(addition)
    ]
    sandbox.connectwise.edit_addition(agreement, line["id"], lessIncluded=3)
    answer = run("sync", "--json")
    for_people = run("preview")
    sandbox.connectwise.edit_addition(agreement, line["id"], lessIncluded=0)
    warning = (
        f"Line {line['id']} bills 47 of its 50 seats: 3 count as included in the agreement. "
        "Set its included quantity to 0 in ConnectWise before it is invoiced."
    )
    assert answer.code == 0
    assert answer.document["months"][0]["warnings"] == [
        {
            "organization_id": mapped.organization_id,
            "plan": line["invoiceDescription"].split()[1].rstrip(":"),
            "agreement_id": agreement,
            "seats": 50,
            "warning": warning,
        }
    ]
    assert for_people.code == 0
    assert warning in " ".join(for_people.out.split())
    assert run("preview", "--json").document["months"][0]["warnings"] == []


def test_seats_that_a_report_lost_are_held_until_released(sandbox: Sandbox, active: Active) -> None:
    mapped = active.mapped[2]
    sandbox.nordpass.set_usage(mapped.organization_id, str(LAST_CLOSED), 33)
    assert run("sync").code == 0
    sandbox.nordpass.set_usage(mapped.organization_id, str(LAST_CLOSED), None)
    release = f"`cw-pipeline lines release --month {LAST_CLOSED} --organization {mapped.organization_id}`"
    for command in ("preview", "sync"):
        answer = run(command, "--json")
        assert (answer.code, answer.document["months"][0]["also"]) == (1, {"unusual": {"lines": 1, "seats": 33}})
        for_people = run(command)
        assert for_people.code == 1
        assert "Unusual usage" in for_people.out
        assert release in " ".join(for_people.out.split())
    assert run("lines", "release", "--month", str(LAST_CLOSED), "--organization", mapped.organization_id).code == 0
    assert run("sync").code == 0


@pytest.mark.usefixtures("active")
def test_a_wrong_key_fails_every_month_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTWISE_PRIVATE_KEY", "not-the-key")
    answer = run("sync", "--json")
    assert answer.code == 1
    [month] = answer.document["months"]
    assert "CONNECTWISE_PRIVATE_KEY" in month["error"]
    assert "not-the-key" not in answer.out + answer.err


@pytest.mark.usefixtures("active")
def test_a_full_disk_of_dagsters_storage_ends_a_sync_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_arguments: object, **_options: object) -> None:
        raise OperationalError("INSERT INTO event_logs", {"event": "secret text"}, DiskFull("No space left on device"))

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", no_room)
    refused = run("sync", "--json")
    assert refused.code == 1
    assert refused.document["error"].startswith("Dagster's storage cannot record the run (DiskFull).")
    assert "secret text" not in refused.out + refused.err


def test_ctrl_c_stops_a_sync_and_the_next_one_continues(sandbox: Sandbox, active: Active) -> None:
    seats = {mapped.organization_id: 900 + number for number, mapped in enumerate(active.mapped)}
    for organization_id, number in seats.items():
        sandbox.nordpass.set_usage(organization_id, str(LAST_CLOSED), number)
    slow = sandbox.faults.add(FaultKind.SLOW, path="/additions")
    with subprocess.Popen(
        [PROGRAM, "sync", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert sandbox.faults.wait_for_hit(slow, timeout=60)
        process.send_signal(signal.SIGINT)
        sandbox.faults.release(slow)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Interrupted." in json.loads(out)["error"]
    assert "Traceback" not in err
    assert run("sync").code == 0
    on_lines = [
        sum(line["quantity"] for line in sandbox.connectwise.additions(mapped.agreement_id) if is_for_last_month(line))
        for mapped in active.mapped
    ]
    assert on_lines == list(seats.values())


def is_for_last_month(line: Record) -> bool:
    return str(line.get("serialNumber", "")).startswith(f"NP:{LAST_CLOSED}:")


@pytest.mark.usefixtures("active")
def test_the_log_of_runs_stays_out_of_a_commands_output(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    log = yaml.safe_load((PROJECT / "deploy" / "dagster.yaml").read_text())["python_logs"]
    (tmp_path / "dagster" / "dagster.yaml").write_text(yaml.safe_dump({"python_logs": log}))
    answer = run("preview", "--json")
    assert answer.code == 0
    assert len(answer.document["months"]) == 1
    assert "{" not in answer.err
