"""The JSON documents and their schema: each command has one, and it is strict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator, ValidationError

from cw_pipeline.cli.app import app
from cw_pipeline_tests.cli.conftest import SCHEMA, validate_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer


def commands(group: typer.Typer, prefix: str = "") -> Iterator[str]:
    """The names of all commands."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield prefix + (command.name or command.callback.__name__)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, f"{prefix}{inner.name} ")


def test_the_schema_is_sound_and_describes_every_command() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    names = set(commands(app))
    assert len(names) > 20
    assert names - SCHEMA["$defs"].keys() == set()


@pytest.mark.parametrize(
    "document",
    [
        {"accepted": [{"addition_id": "7", "agreement_id": 1, "plan": "Business", "quantity": 2}]},
        {"accepted": [{"addition_id": 7, "agreement_id": 1, "plan": "Family", "quantity": 2}]},
        {"accepted": [{"addition_id": 7, "agreement_id": 1, "plan": "Business"}]},
        {"accepted": [], "more": 1},
    ],
    ids=["wrong type", "unknown plan", "missing member", "unknown member"],
)
def test_a_document_that_differs_from_the_schema_is_noticed(document: object) -> None:
    with pytest.raises(ValidationError):
        validate_document(document, ["lines", "accept"])
