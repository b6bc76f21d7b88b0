"""`fault`: what it lets go wrong in the sandbox that runs, and what a sync then says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.cli.sandbox import FAULTS
from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.named_faults import NAMED
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED, activate, use

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOWN = {
    "nordpass-down": "NordPass",
    "report-not-final": "not final",
    "connectwise-down": "the connection broke",
    "right-missing": "Finance > Agreements: Inquire",
    "held": "Agreement is not active",
    "rejected": "Refused by ConnectWise",
    "unconfirmed": "Unknown whether it was written",
    "by-hand": "Also billed by hand",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The home of a sandbox that runs and has a synced month, and its port."""
    folder = tmp_path_factory.mktemp("home")
    with Sandbox(home=folder / "sandbox") as sandbox, pytest.MonkeyPatch.context() as patch:
        use(patch, {**sandbox.environment(), "CW_PIPELINE_HOME": str(folder)})
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        patch.setattr("cw_pipeline.connectwise.http.MAX_ATTEMPTS", 1)
        patch.setattr("cw_pipeline.nordpass.transport.ATTEMPTS", 1)
        activate(LAST_CLOSED, companies=5)
        assert run("sync").code == 0
        yield folder, sandbox.url.rpartition(":")[2]


def test_each_fault_is_explained() -> None:
    assert FAULTS.keys() == NAMED.keys()


@pytest.mark.parametrize("name", SHOWN)
def test_a_sync_shows_the_fault_that_is_on(name: str, home: tuple[Path, str]) -> None:
    _, port = home
    on = run("fault", name, "--port", port, "--json")
    assert (on.code, on.document) == (0, {"switched_on": name, "month": str(LAST_CLOSED)})
    failed = run("sync")
    assert failed.code != 0
    assert SHOWN[name] in failed.out + failed.err
    assert run("fault", "--off", "--port", port).code == 0
    run("sync")


def test_what_was_edited_by_hand_is_drift(home: tuple[Path, str]) -> None:
    assert "drift` finds it" in run("fault", "edited", "--port", home[1]).out
    assert "quantity" in run("drift").out


def test_where_no_sandbox_runs_it_says_how_to_start_one(home: tuple[Path, str]) -> None:
    answer = run("fault", "held", "--port", "9")
    assert answer.code == 2
    assert f"No sandbox of {home[0]} runs on port 9. Start it with `cw-pipeline sandbox`" in answer.sentence
