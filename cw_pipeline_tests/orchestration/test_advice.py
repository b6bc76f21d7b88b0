"""Advice speaks the language of the place: a command on the command line, in the UI the job that does the same."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest
from dagster_shared.yaml_utils import load_run_config_yaml

import cw_pipeline
from cw_pipeline.billing.identity import Identity
from cw_pipeline.definitions import defs
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.wording.commands import accept_command, map_command, unmap_command
from cw_pipeline.wording.launchpad import in_the_ui

PACKAGE = Path(cw_pipeline.__file__).parent
ONLY_COMMANDS = ("migrate", "notify", "health", "report")
MARCH = Month(2026, 3)
ODD = 'it\'s 1e5, "[x]": {#|$HOME}'
ADVICE = [
    accept_command(Identity(MARCH, Plan.BUSINESS, ODD)),
    accept_command(Identity(MARCH, Plan.BUSINESS, "org-1"), credited=3),
    map_command(7, 12, ODD, MARCH),
    map_command(7, 12, "12"),
    unmap_command(7, ODD),
    "`cw-pipeline companies apply /some/where.csv`",
    "`cw-pipeline companies suggest --file FILE`",
    "`cw-pipeline import --type Client --status Active`",
    '`cw-pipeline products map Business "NP BUS"`',
    "`cw-pipeline products confirm`",
]


@pytest.mark.parametrize("command", ADVICE)
def test_the_config_that_the_ui_advises_can_be_launched_as_it_stands(command: str) -> None:
    advised = re.fullmatch(r"the job (\w+) \(config `(.+)`\)", in_the_ui(command))
    assert advised is not None
    config = load_run_config_yaml(advised[2])
    assert dg.validate_run_config(defs.resolve_job_def(advised[1]), config)
    assert (ODD in str(config).replace("\\'", "'")) is ("1e5" in command)


def test_every_command_in_a_sentence_has_a_job_or_stays() -> None:
    sources = [file.read_text() for file in PACKAGE.rglob("*.py") if PACKAGE / "cli" not in file.parents]
    named = {found for source in sources for found in re.findall(r"`(cw-pipeline [a-z][^`{]*)`", source)}
    assert len(named) > 10
    for command in named:
        advised = in_the_ui(f"Run `{command}`.")
        if command.split()[1] in ONLY_COMMANDS:
            assert advised == f"Run `{command}` on the command line."
        else:
            assert "cw-pipeline" not in advised, command


def test_the_options_of_a_sentence_are_the_fields_of_the_config() -> None:
    assert in_the_ui("Map it with --bill-from 2026-03.") == "Map it with bill_from 2026-03."
    assert in_the_ui("`cw-pipeline sync --from 2026-01 --to 2026-03`") == "the job sync_now for 2026-01 to 2026-03"
