"""The help: each command has an example that can be pasted, and what is typed wrongly is told with what is near."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
import typer

from cw_pipeline.cli.app import app
from cw_pipeline.cli.sandbox import FAULTS
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.cli.test_guides import parse

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own, not public
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for of_one, one in inner.items():
        yield from commands(one, f"{name} {of_one}".strip())


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", ALL)
def test_a_command_s_help_ends_with_an_example_to_paste(name: str) -> None:
    example = (ALL[name].epilog or "").removeprefix("Example: cw-pipeline ")
    assert example.startswith(name)
    parse(shlex.split(example))


def test_the_help_of_fault_lists_each_fault() -> None:
    said = " ".join(run("fault", "--help").out.split())
    assert [name for name, does in FAULTS.items() if f"- {name}: {does}" not in said] == []


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("statsu", "Did you mean 'status'"),
        ("companies lst", "Did you mean 'list'"),
        ("sync --mnth 2026-03", "--month"),
        ("products map Bussiness 3", "'business'"),
        ("sync --month 2026-3", "for example 2026-03"),
        ("fault rejcted", "rejected"),
    ],
)
def test_a_typo_is_told_with_what_is_near(typed: str, near: str) -> None:
    answer = run(*typed.split())
    assert answer.code == 2
    assert near in answer.sentence


def test_a_shell_completes_commands_and_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CW_PIPELINE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("COMP_WORDS", "cw-pipeline fault re")
    assert run().out.split() == ["report-not-final", "rejected"]
    monkeypatch.setenv("COMP_WORDS", "cw-pipeline companies s")
    assert run().out.split() == ["suggest"]
