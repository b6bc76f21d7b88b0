"""The command line, run in this process with an environment of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from typer.testing import CliRunner

from cw_pipeline.cli.app import app
from cw_pipeline.sandbox import Sandbox
from cw_pipeline_tests.support.active import LAST_CLOSED, activate, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cw_pipeline_tests.support.active import Active

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/cli-json.schema.json").read_text(encoding="utf-8"))
PROGRAM = Path(sys.executable).with_name("cw-pipeline")


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What it said on standard error, on one line."""
        return " ".join(self.err.split())


def run(*arguments: str) -> Answer:
    """Run `cw-pipeline` with these arguments; an error that it does not know is raised."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert "Traceback" not in result.output
    answer = Answer(result.exit_code, result.stdout, result.stderr)
    of_ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" in of_ours and not answer.err.startswith("Usage: "):
        validate_document(answer.document, arguments)
    return answer


def validate_document(document: object, arguments: Sequence[str]) -> None:
    """Make sure that a document is one that docs/reference/cli-json.schema.json describes for the command."""
    words = [
        word
        for before, word in pairwise(("", *arguments))
        if before != "--tenant" and (word == "--acts" or not word.startswith("-"))
    ]
    command = next(name for count in (2, 1) if (name := " ".join(words[:count])) in SCHEMA["$defs"])
    described = {"anyOf": [{"$ref": f"#/$defs/{command}"}, {"$ref": "#/$defs/error"}], "$defs": SCHEMA["$defs"]}
    validator = Draft202012Validator(described, format_checker=FormatChecker())
    validator.validate(document)  # pyright: ignore[reportUnknownMemberType] - its stubs are not complete


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """A sandbox for all tests of a module; what they set up is kept in a home of each."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(shared: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """The sandbox, with nothing set up: the environment points to it and to an empty home."""
    use(monkeypatch, {**shared.environment(), "CW_PIPELINE_HOME": str(tmp_path)})
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return shared


@pytest.fixture
def active(sandbox: Sandbox) -> Active:  # noqa: ARG001 - the environment points to it
    """An active integration with three companies mapped for the last two closed months."""
    return activate(LAST_CLOSED.plus(-1), companies=3)
