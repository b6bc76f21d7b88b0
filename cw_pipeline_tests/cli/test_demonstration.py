"""How the demonstration ends: a row a month, whatever is not equal, and where to look at it."""

from __future__ import annotations

import shlex
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cw_pipeline.cli import demonstration
from cw_pipeline.cli.demonstration_rows import print_rows
from cw_pipeline.sandbox import Sandbox
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.cli.conftest import run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_month_is_a_row_and_only_organizations_that_differ_are_listed() -> None:
    equal = [{"organization_id": f"org-{number}", "organization_name": "E", "consumed_licenses": 0} for number in "123"]
    differing = {"organization_id": "org-4", "organization_name": "[bold]Umbrella", "consumed_licenses": 7}
    output = StringIO()
    with Sandbox() as sandbox:
        usage = {Month(2026, 1): equal, Month(2026, 2): [*equal, differing]}
        assert print_rows(Console(file=output, width=120), sandbox, usage) == (6, 7)
    rows = [row.split() for row in output.getvalue().splitlines() if "│ 2026" in row]
    cells = [[cell for cell in row if cell != "│"] for row in rows]
    assert cells == [
        ["2026-01", "3", "0", "0", "0", "="],
        ["2026-02", "4", "7", "0", "0", "≠"],
        ["2026-02", "[bold]Umbrella", "7", "0", "0"],
    ]


@pytest.mark.parametrize(("balanced", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_all_is_equal(monkeypatch: pytest.MonkeyPatch, balanced: bool, code: int) -> None:  # noqa: FBT001
    def run_demo(console: Console, folder: Path, *, port: int) -> bool:  # noqa: ARG001
        return balanced

    monkeypatch.setattr(demonstration, "run_demo", run_demo)
    answer = run("demo", "--json")
    assert (answer.code, answer.document) == (code, {"balanced": balanced})


def test_outside_a_clone_it_names_a_command_that_works_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demonstration.start_the_ui(tmp_path, 8443) == "make dev"
    monkeypatch.setattr(demonstration, "__file__", str(tmp_path / "site-packages" / "cw_pipeline" / "cli" / "x.py"))
    folder = tmp_path / "my demo"
    home, dagster_home, program, *arguments = shlex.split(demonstration.start_the_ui(folder, 8443))
    assert (home, dagster_home) == (f"CW_PIPELINE_HOME={folder}", f"DAGSTER_HOME={folder}/dagster")
    assert (program, arguments) == (
        "cw-pipeline",
        ["sandbox", "--port", "8443", "--", "dg", "dev", "--workspace", f"{folder}/workspace.yaml"],
    )
