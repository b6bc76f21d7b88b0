"""Known errors end a run with their own sentence, without a stack trace, and without a retry that cannot help."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster_shared.error import SerializableErrorInfo

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.vocabulary import Month
from cw_pipeline.wording.launchpad import in_the_ui


class _WithoutTrace(DagsterUserCodeProcessError):
    """Dagster shows a stack trace with each error, except for one of another process, which brings its own: here none.

    If a later Dagster changes that, the trace is back and nothing else changes.
    """

    def __init__(self, sentence: str) -> None:
        error = SerializableErrorInfo(f"{sentence}\n", [], dg.Failure.__name__)
        super().__init__(sentence, user_code_process_error_infos=[error])


class Failed(dg.Failure, _WithoutTrace):
    """A failure that a person can mend: the UI shows only its sentence, in which jobs replace commands.

    The step is not tried again.
    """

    def __init__(self, sentence: str, metadata: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(in_the_ui(sentence), metadata, allow_retries=False)


@contextmanager
def failing_the_run() -> Generator[None]:
    """Turn a known error of the block into a failure of the step that shows its sentence."""
    try:
        yield
    except CwPipelineError as error:
        raise Failed(str(error)) from error


def configured_month(field: str, text: str) -> Month | None:
    """The month that a config field names; None if it is empty.

    Raises:
        Failed: If it is not a month; names the field.
    """
    try:
        return Month.parse(text) if text else None
    except ValueError as error:
        raise Failed(f"{field}: {error}") from None
