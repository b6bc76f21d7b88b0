"""Asking a person to accept what they have to know before something is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.cli.output import Output

DoneT = TypeVar("DoneT")

MAP_IT = "Map it all the same?"
BELIEVE_IT = "Are they really gone?"


def accepting_warnings(output: Output, act: Callable[[bool], DoneT], *, question: str, yes: bool) -> DoneT:
    """Do ``act``, which is told whether warnings are accepted; ask for that where there are any."""
    from cw_pipeline.setup.errors import TooManyGone, WarningsNotAccepted

    try:
        return act(yes)
    except (WarningsNotAccepted, TooManyGone) as refused:
        for warning in refused.warnings:
            output.notice(warning)
        output.asks(question, refusal=str(refused))
    return act(True)  # noqa: FBT003 - the one thing that it is told
