"""What a command loads: Dagster and the sandbox take seconds."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"dagster", "pandas", "sqlalchemy", "cw_pipeline.sandbox", "cw_pipeline.setup", "cw_pipeline.reports"}


def loaded_by(home: Path, *arguments: str) -> set[str]:
    script = (
        "import sys; from cw_pipeline.cli.app import app\n"
        f"try: app({list(arguments)!r})\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"CW_PIPELINE_HOME": str(home)},
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["companies", "map", "--help"]])
def test_help_loads_nothing_that_it_does_not_need(tmp_path: Path, arguments: list[str]) -> None:
    assert loaded_by(tmp_path, *arguments) & HEAVY == set()


def test_what_only_looks_loads_neither_dagster_nor_the_sandbox(tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, "status")
    assert "sqlalchemy" in loaded
    assert loaded & {"dagster", "cw_pipeline.sandbox"} == set()
