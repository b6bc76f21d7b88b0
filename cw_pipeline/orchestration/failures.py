"""How the rooms' errors end a run: with their own sentence, and without a second try that cannot help."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.errors import CwPipelineError

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def failing_the_run() -> Generator[None]:
    """Turn a known error of the block into a failure of the step that shows its sentence."""
    try:
        yield
    except CwPipelineError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
