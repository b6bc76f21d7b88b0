"""The guides name only commands, options and sections that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from cw_pipeline.cli import app

PROJECT = Path(__file__).parents[2]
GUIDES = ["README.md", "docs/runbook.md"]

COMMAND = re.compile(r"cw-pipeline ([^`#;\n]+)")
LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(file: Path) -> set[str]:
    """What the headings of a file can be linked to by, as GitHub makes it."""
    headings = HEADING.findall(file.read_text())
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def options_and_commands(command: Any) -> tuple[set[str], dict[str, Any]]:  # noqa: ANN401 - typer's own, not public
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return options, getattr(command, "commands", {})


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_exists_with_its_options(guide: str) -> None:
    lines = COMMAND.findall((PROJECT / guide).read_text().replace("\\\n", ""))
    assert len(lines) > 10
    for line in lines:
        options, commands = options_and_commands(typer.main.get_command(app))
        for word in line.split():
            if word.startswith("--"):
                assert word in options, line
            elif commands:
                assert word in commands, line
                options, commands = options_and_commands(commands[word])


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_of_a_guide_leads_somewhere(guide: str) -> None:
    here = PROJECT / guide
    links = [link for link in LINK.findall(here.read_text()) if any(link)]
    assert links
    for path, anchor in links:
        target = here.parent / path if path else here
        assert target.is_file(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
