"""Acts that fail, in a process of their own which logs all it can: commands, jobs and messages, as standard input says.

Each is an object ``{"environment": {…}, "act": "command" | "job" | "tell", "arguments": […], "breaks": bool}``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn
from unittest.mock import patch

import dagster as dg
from urllib3.connection import HTTPConnection

from cw_pipeline.cli import main
from cw_pipeline.definitions import defs
from cw_pipeline.orchestration import notify
from cw_pipeline.settings import Messages

if TYPE_CHECKING:
    from types import TracebackType


def _break(*_: object) -> NoReturn:
    raise RuntimeError("nobody expected this")


def _act(act: str, arguments: list[str]) -> None:
    if act == "command":
        with patch.object(sys, "argv", ["cw-pipeline", *arguments]):
            main()
    elif act == "job":
        name, config = arguments
        with dg.DagsterInstance.get() as instance:
            job = defs.resolve_job_def(name)
            run = job.execute_in_process(json.loads(config), instance=instance, raise_on_error=False)
        raise SystemExit(0 if run.success else 1)
    else:
        addresses = Messages().cw_pipeline_notify
        assert addresses is not None
        notify.tell(addresses, title="a title", lines=arguments)


def _product(error: Exception) -> TracebackType | None:
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_globals["__name__"] == __name__:
        begin = begin.tb_next
    return begin


def _run() -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for one in json.load(sys.stdin):
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, one["environment"]))
            if one["breaks"]:
                stack.enter_context(patch.object(HTTPConnection, "getresponse", _break))
            ended = "well"
            try:
                _act(one["act"], one["arguments"])
            except SystemExit as exit_:
                ended = f"with {exit_.code}" if exit_.code else ended
            except Exception as error:  # noqa: BLE001 - what nobody expected is what this is about
                traceback.print_exception(error)
                # As a crash report has it: with the values of the variables, but for those of this module.
                report = traceback.TracebackException(type(error), error, _product(error), capture_locals=True)
                print("".join(report.format()))  # noqa: T201
                ended = f"with {type(error).__name__}"
        print(f"{one['act']} {one['arguments'][0]} ended {ended}", flush=True)  # noqa: T201


if __name__ == "__main__":
    _run()
