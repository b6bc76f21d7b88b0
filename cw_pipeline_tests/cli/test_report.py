from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pytest

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.sandbox import Sandbox


@pytest.mark.usefixtures("active")
def test_a_synced_month_is_reported_in_every_format(sandbox: Sandbox, tmp_path: Path) -> None:
    refused = run("report", "--json")
    assert refused.code == 2
    assert f"{LAST_CLOSED} was never pushed" in refused.document["error"]

    assert run("sync").code == 0
    page = tmp_path / "reports" / f"nordpass-seats-{LAST_CLOSED}.html"
    assert page.is_file()  # the run wrote it
    page.unlink()
    sandbox.journal.clear()
    answer = run("report", "--json")
    assert answer.code == 0
    assert answer.document["file"] == str(page)
    seats = answer.document["seats"]
    assert seats["used"] == sum(row["consumed_licenses"] for row in sandbox.nordpass.usage(str(LAST_CLOSED)))
    assert seats["used"] == seats["billed"] + seats["waiting"] + seats["not_billed"]
    assert f"NordPass seats in {LAST_CLOSED.name}" in page.read_text(encoding="utf-8")

    book, table = tmp_path / "r.xlsx", tmp_path / "new" / "r.csv"
    assert run("report", "--month", str(LAST_CLOSED), "--format", "xlsx", "--output", str(book)).code == 0
    assert openpyxl.load_workbook(book)["Organizations"].max_row > 1
    for_people = run("report", "--format", "csv", "--output", str(table))
    assert for_people.out.startswith(f"{table} has the report of {LAST_CLOSED}: {seats['used']:,} seats used, ")
    assert str(LAST_CLOSED) in table.read_text(encoding="utf-8-sig")
    assert sandbox.journal.entries() == []

    same = run("compare", str(LAST_CLOSED), str(LAST_CLOSED), "--json").document
    assert (same["before"]["pushed"], same["before"], same["lines"]) == (True, same["after"], [])
    first = sandbox.nordpass.usage(str(LAST_CLOSED))[0]
    sandbox.nordpass.set_usage(first["organization_id"], str(LAST_CLOSED), first["consumed_licenses"] + 3)
    assert run("preview").code == 0
    ids = [str(same["before"]["preview_id"]), str(same["before"]["preview_id"] + 1)]
    (line,) = [change for change in run("compare", *ids, "--json").document["lines"] if change["seats"]]
    assert (line["organization_id"], line["seats"]) == (first["organization_id"], 3)
    for_people = run("compare", *ids).out
    assert f"Preview {ids[0]}  " in for_people
    assert "+3" in for_people
    assert run("compare", str(LAST_CLOSED), "999").code == 2

    unwritable = run("report", "--output", str(tmp_path), "--json")
    assert unwritable.code == 2
    assert unwritable.document["error"] == f"{tmp_path} cannot be written: Is a directory. Write it to another place."
    assert run("report", "--format", "pdf").code == 2
