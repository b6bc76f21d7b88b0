"""How known errors end a run: with their own sentence, and without a retry that cannot help."""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.vocabulary import Month
from cw_pipeline.wording.launchpad import in_the_ui


@contextmanager
def failing_the_run() -> Generator[None]:
    """Turn a known error of the block into a failure of the step that shows its sentence."""
    try:
        yield
    except CwPipelineError as error:
        raise dg.Failure(description=in_the_ui(str(error)), allow_retries=False) from error


def configured_month(field: str, text: str) -> Month:
    """The month that a config field names.

    Raises:
        Failure: If it is not one; names the field.
    """
    try:
        return Month.parse(text)
    except ValueError as error:
        raise dg.Failure(f"{field}: {error}", allow_retries=False) from None
