"""Every run config that a person can copy out of the documents and the jobs' descriptions is valid."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote_plus

import dagster as dg
import pytest
from dagster_shared.yaml_utils import load_run_config_yaml

from cw_pipeline.definitions import defs

PROJECT = Path(__file__).parents[2]
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
JOBS = list(defs.resolve_all_job_defs())
CONFIG = re.compile(
    r"`(ops: [^`]+)`|^ +(ops: [^\n]+)$|^```yaml\n((?:#[^\n]*\n)*ops:\n.+?)^```\n", re.MULTILINE | re.DOTALL
)


def configs(text: str) -> list[str]:
    """Those in a line, in an indented line, and in a block of YAML."""
    return ["".join(found) for found in CONFIG.findall(text)]


EXAMPLES = [
    *(
        pytest.param(config, id=f"{file.name}: {config[:60]}")
        for file in DOCUMENTS
        for config in configs(file.read_text())
    ),
    *(
        pytest.param(unquote_plus(config), id=job.name)
        for job in JOBS
        for config in re.findall(r"\?config=([^)]+)\)", job.description or "")
    ),
]


def test_the_documents_and_the_descriptions_have_examples() -> None:
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("config", EXAMPLES)
def test_an_example_of_a_config_can_be_launched_as_it_stands(config: str) -> None:
    document = load_run_config_yaml(config)
    ops = document["ops"]
    assert isinstance(ops, dict)
    jobs = [job for job in JOBS if ops.keys() <= {node.name for node in job.nodes} and not job.name.startswith("__")]
    assert jobs
    for job in jobs:
        assert dg.validate_run_config(job, document)
