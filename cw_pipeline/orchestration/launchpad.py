"""What a job's Launchpad begins with.

Its tab opens with every field at its default, at which a job changes nothing, and Dagster keeps no comments there. So a
job's description has a link that opens the Launchpad filled with a run config with comments. The description does not
show that config, because its panel in the UI is too narrow.
"""

import inspect
from collections.abc import Callable
from urllib.parse import urlencode

import dagster as dg

from cw_pipeline.orchestration.tenant import LOCATION


def described(job: str, about: str, example: str) -> str:
    """A job's description in Markdown, with a link to its Launchpad, filled with `example`."""
    return f"{about}\n\n[Open the Launchpad with comments]({filled_in(job, example)})\n"


def filled_in(job: str, config: str) -> str:
    """The address of a job's Launchpad, filled with a run config."""
    return f"/locations/{LOCATION}/jobs/{job}/playground/setup?{urlencode({'config': config})}"


def launchable(example: str) -> Callable[[Callable[[], None]], dg.JobDefinition]:
    """Make a function a job that its docstring describes, with a link to its Launchpad, filled with `example`."""

    def job(function: Callable[[], None]) -> dg.JobDefinition:
        return dg.job(description=described(function.__name__, inspect.getdoc(function) or "", example))(function)

    return job
