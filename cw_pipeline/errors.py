"""The base class of the product's errors, and the exit codes of its commands."""

from __future__ import annotations

from typing import ClassVar

DONE, HELD_OR_FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130


class CwPipelineError(Exception):
    """Something failed; the message says what, with which object, and what to do next.

    Any other exception is a bug.

    Attributes:
        is_transient: Whether the same call may succeed later without anybody changing anything.
        exit_code: A command's exit code: `USAGE_ERROR` if it was called wrongly, or a setting, a right or a step of the
            setup is missing; otherwise `HELD_OR_FAILED`.
    """

    is_transient: ClassVar[bool] = False
    exit_code: ClassVar[int] = HELD_OR_FAILED
