"""What the benchmarks keep of what they measured, also when a group breaks off."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.harness import COLUMNS, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kept results, of two groups; the rows of `broken` break off."""
    file = tmp_path / "results.md"
    file.write_text(
        "# Old\n\n## Sound.\n\nOld sound.\n\n## Other.\n\nOld other.\n\n## Gone.\n\nOld.\n", encoding="utf-8"
    )

    def sound(*_: object) -> Iterator[Row]:
        yield Row.at_most("drift", 3, 2, "{} s")

    def broken(*_: object) -> Iterator[Row]:
        yield Row.at_most("fine", 1, 2, "{} s")
        msg = "no answer\nat all"
        raise AssertionError(msg)

    def group(about: str, rows: object) -> tuple[object, tuple[str, ...]]:
        return SimpleNamespace(__doc__=about, rows=rows), COLUMNS

    groups = {"broken": group("Broken.", broken), "sound": group("Sound.", sound), "other": group("Other.", sound)}
    monkeypatch.setattr(benchmarks, "GROUPS", groups)
    monkeypatch.setattr(benchmarks, "RESULTS", file)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    return benchmarks.main()


def test_a_group_replaces_its_own_rows_only(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "sound") == 0
    kept = results.read_text(encoding="utf-8")
    assert [line for line in kept.splitlines() if line.startswith("## ")] == [
        "## Sound.",
        "## Other.",
        "## What is over its limit, and why",
    ]
    assert "commit " in kept
    assert "| drift | 3 s | ≤ 2 s | **over** |" in kept
    assert "Old other." in kept
    assert "Old sound." not in kept


def test_a_group_that_breaks_off_is_named_and_loses_no_other(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "broken", "sound") == 1
    kept = results.read_text(encoding="utf-8")
    assert kept.index("| fine | 1 s |") < kept.index("**This group failed here**") < kept.index("## Sound.")
    assert "no answer" in kept
    assert "| drift | 3 s |" in kept


def test_a_small_trial_is_only_printed(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = results.read_text(encoding="utf-8")
    assert run(monkeypatch, "--agreements", "20", "sound") == 0
    assert "| drift | 3 s |" in capsys.readouterr().out
    assert results.read_text(encoding="utf-8") == before
