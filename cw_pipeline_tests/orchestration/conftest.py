"""A sandbox with an active integration, and a Dagster instance of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline_tests.orchestration.dagster_ui import PROJECT, DagsterUi, dagster_ui
from cw_pipeline_tests.support.active import LAST_CLOSED, Active, activate, use

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that the environment points to; nothing is set up yet."""
    with Sandbox() as running:
        use(monkeypatch, {**running.environment(), "CW_PIPELINE_HOME": str(tmp_path)})
        yield running


@pytest.fixture
def active(sandbox: Sandbox) -> Active:
    """An active integration with five companies mapped for the last three closed months."""
    mapped = activate(LAST_CLOSED.plus(-2))
    sandbox.journal.clear()
    return mapped


@pytest.fixture
def ui(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DagsterUi]:
    """The UI and the daemon with the settings that are shipped for one machine."""
    assert sandbox  # whose environment comes first
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with dagster_ui(tmp_path / "dagster", PROJECT / "dagster.yaml") as opened:
        yield opened


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage for one test."""
    with dg.DagsterInstance.ephemeral() as ephemeral:  # pyright: ignore[reportUnknownMemberType] - its own annotation
        yield ephemeral
