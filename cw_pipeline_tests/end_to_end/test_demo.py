"""The demonstration, which is what a newcomer sees first."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from rich.console import Console

from cw_pipeline.cli.demonstration import run_demo
from cw_pipeline.definitions import defs

if TYPE_CHECKING:
    import pytest

PROGRAM = Path(sys.executable).with_name("dagster")


def test_the_demonstration_invoices_every_seat_of_a_year_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTWISE_SITE_URL", "https://a-real-site.example.com")
    output = StringIO()
    assert run_demo(Console(file=output, width=160), tmp_path / "demo", port=0)
    told = output.getvalue()
    again = told[told.index("7. ") : told.index("8. ")]
    assert " 0 writes" in again
    assert "≠" not in told
    assert len(told.splitlines()) < 80
    correction = told[told.index("10. ") : told.index("11. ")]
    assert "1 created: 0 → 2 seats" in correction
    assert "make dev" in told.splitlines()[-1]
    assert "a-real-site" not in told

    command = [PROGRAM, "definitions", "validate", "--workspace", str(tmp_path / "demo" / "workspace.yaml")]
    subprocess.run(command, check=True, capture_output=True)

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "demo" / "dagster"))
    with dg.DagsterInstance.get() as instance:
        shown = {key.to_user_string() for key in instance.all_asset_keys()}
    there = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert shown == there - {"drift", "closed_months"}  # which are looked after daily
