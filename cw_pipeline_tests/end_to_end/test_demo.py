"""The demonstration, which a newcomer sees first, and the UI after it: from the wheel, outside of the checkout."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.definitions import defs
from cw_pipeline_tests.end_to_end.conftest import PROJECT, Webserver, until
from cw_pipeline_tests.support.deployment import free_port

if TYPE_CHECKING:
    from collections.abc import Generator

PROGRAMS = Path(sys.executable).parent
ASSETS = "{ assetNodes { assetKey { path } } }"


def shape(output: str) -> list[str]:
    """The words of the demonstration, but for its numbers, its outcomes, and the command at its end."""
    words = re.sub(r"[━-╿]", " ", output[: output.index("See the runs")])
    words = " ".join(re.sub(r"\d(?:[\d,.-]*\d)?", "#", words).split())
    words = re.sub(r"([a-z# ]+: # \((# → )?# seats\)(, )?)+", " outcomes ", words)
    return re.sub(r"(?<=not billed:)( # [a-z ]+,?)+", " outcomes ", words).split()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which what the wheel installs is the first that is found; the wheel is built from the checkout."""
    uv, site, wheels = PROGRAMS / "uv", tmp_path / "site", tmp_path / "wheels"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", wheels, PROJECT], check=True)
    into_site = ["--quiet", "--no-deps", "--python", sys.executable, "--target", site]
    subprocess.run([uv, "pip", "install", *into_site, *wheels.glob("*.whl")], check=True)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, (site / "bin", PROGRAMS, os.environ["PATH"]))))
    outside = tmp_path / "outside"
    outside.mkdir()
    return outside


@contextmanager
def ui(command: str, folder: Path) -> Generator[Webserver]:
    """The UI that a command starts, in a process group of its own."""
    port = free_port()
    with (folder / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"{command} --port {port}"], cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    webserver = Webserver(f"http://127.0.0.1:{port}")
    try:
        until(lambda: webserver.query("{ version }"))
        yield webserver
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_demonstration_invoices_every_seat_of_a_year_exactly_once(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTWISE_SITE_URL", "https://a-real-site.example.com")
    monkeypatch.setenv("COLUMNS", "160")
    command = ["cw-pipeline", "demo", "--port", str(free_port())]
    demo = subprocess.run(command, cwd=installed, check=True, capture_output=True, text=True)
    assert demo.stderr == ""  # nothing is between the steps where both streams go to one file
    told = demo.stdout
    again = told[told.index("7. ") : told.index("8. ")]
    assert " 0 writes" in again
    assert "≠" not in told
    assert len(told.splitlines()) < 80
    correction = told[told.index("10. ") : told.index("11. ")]
    assert "new line: 1 (0 → 2 seats)" in correction
    assert "a-real-site" not in told
    tutorial = (PROJECT / "docs" / "tutorial" / "demo.md").read_text(encoding="utf-8")
    assert shape("".join(re.findall(r"```text\n(.*?)```", tutorial, re.DOTALL))) == shape(told)

    with ui(told.splitlines()[-1], installed) as webserver:
        nodes = until(lambda: webserver.query(ASSETS)["assetNodes"])
    graph = defs.resolve_asset_graph()
    there = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"/".join(node["assetKey"]["path"]) for node in nodes} == there

    monkeypatch.setenv("DAGSTER_HOME", str(installed / ".cw_pipeline" / "demo" / "dagster"))
    with dg.DagsterInstance.get() as instance:
        shown = {key.to_user_string() for key in instance.all_asset_keys()}
    made = {key.to_user_string() for key in graph.materializable_asset_keys}
    # Drift is looked after daily, and invoices when a person asks; a command reports the others.
    assert shown == made - {"drift", "reconciliation"} | {"connection", "mapped_products"}
