"""The root of all errors that this product raises on purpose, and the exit codes of its commands."""

from __future__ import annotations

from typing import ClassVar

DONE, HELD_OR_FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130


class CwPipelineError(Exception):
    """Something did not work; the message says what, on what, and what to do next.

    Any other exception is a fault in the program.

    Attributes:
        is_transient: Whether the same call may succeed later without anybody changing anything.
        exit_code: What a command exits with: `USAGE_ERROR` where it was called wrongly, or where a setting, a right or
            a step of the setup is missing; `HELD_OR_FAILED` otherwise.
    """

    is_transient: ClassVar[bool] = False
    exit_code: ClassVar[int] = HELD_OR_FAILED
