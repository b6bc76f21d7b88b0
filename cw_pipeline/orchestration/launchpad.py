"""Jobs of one op, and the run config that their Launchpad opens with.

The Launchpad's own tab shows every field at its default, without comments. So a job's description links to a Launchpad
that is filled with the same config, in which comments explain each field.
"""

import json
from collections.abc import Iterator
from textwrap import indent, wrap
from typing import get_args
from urllib.parse import urlencode

import dagster as dg
from pydantic import ConfigDict

from cw_pipeline.orchestration.tenant import LOCATION, TAGS

_COMMENT_WIDTH = 80


class JobConfig(dg.Config):
    """The config of a job's op. The string below a field is its description."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def one_op_job(name: str, op: dg.OpDefinition, config: type[JobConfig] | None = None) -> dg.JobDefinition:
    """A job of `op` with the op's description and, if it has a config, a link to its commented Launchpad."""
    about = op.description or ""
    description = about if config is None else with_launchpad(name, about, op.name, config)
    return dg.GraphDefinition(name, node_defs=[op], description=description).to_job(tags=TAGS)


def with_launchpad(job: str, about: str, op: str, config: type[JobConfig]) -> str:
    """A description in Markdown that ends with a link to the job's Launchpad, filled with every field of `config`."""
    fields = indent("\n".join(_commented(config)), " " * 6)
    link = filled_in(job, f"ops:\n  {op}:\n    config:\n{fields}\n")
    return f"{about}\n\n[Open the Launchpad with comments]({link})\n"


def filled_in(job: str, config: str) -> str:
    """The address of a job's Launchpad, filled with a run config."""
    return f"/locations/{LOCATION}/jobs/{job}/playground/setup?{urlencode({'config': config})}"


def _commented(config: type[JobConfig]) -> Iterator[str]:
    """Lines of YAML: each field at its default, below its description; the fields of a list's items as a comment."""
    for name, field in config.model_fields.items():
        yield from wrap(field.description or "", _COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"{name}: {json.dumps('' if field.is_required() else field.default)}"
        for item in get_args(field.annotation):
            if isinstance(item, type) and issubclass(item, JobConfig):
                yield from (f"# {name}:", "#   -")
                yield from (f"#     {line}" for line in _commented(item))
