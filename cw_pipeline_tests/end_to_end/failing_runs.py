"""Acts that fail, in a process of their own which logs all it can: commands, jobs and messages.

Each is an object `{"environment": {…}, "act": "command" | "job" | "tell", "arguments": […], "breaks": bool, "faults":
[{…}]}`; the faults are the sandbox's. After a job its failure is told, as the daemon does.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import patch

import dagster as dg
from urllib3.connection import HTTPConnection

from cw_pipeline import notifications as notify
from cw_pipeline.cli.app import main
from cw_pipeline.definitions import defs
from cw_pipeline.sandbox.control import SandboxControl
from cw_pipeline.settings import Messages
from cw_pipeline_tests.orchestration.monthly_runs import Watcher
from cw_pipeline_tests.support.processes import PROCESSES, Start

if TYPE_CHECKING:
    from types import TracebackType


def _break(*_: object) -> NoReturn:
    raise RuntimeError("nobody expected this")


def _act(act: str, arguments: list[str]) -> None:
    if act == "command":
        with patch.object(sys, "argv", ["cw-pipeline", *arguments]):
            main()
    elif act == "job":
        name, config, *month = arguments
        with dg.DagsterInstance.get() as instance:
            watcher = Watcher(instance)
            run = defs.resolve_job_def(name).execute_in_process(
                json.loads(config), instance=instance, partition_key=month[0] if month else None, raise_on_error=False
            )
            print(*watcher.ticks())  # noqa: T201
        raise SystemExit(0 if run.success else 1)
    else:
        addresses = Messages().cw_pipeline_notify
        assert addresses is not None
        for address in notify.addresses(addresses):
            print(address.name, address.send("a title", arguments))  # noqa: T201


def _product(error: Exception) -> TracebackType | None:
    begin = error.__traceback__
    while begin is not None and begin.tb_frame.f_globals["__name__"] == __name__:
        begin = begin.tb_next
    return begin


def _switch_on(faults: list[dict[str, Any]], stack: ExitStack) -> None:
    if not faults:
        return
    bundle = Path(os.environ["CONNECTWISE_CA_BUNDLE"])
    sandbox = stack.enter_context(SandboxControl(os.environ["CONNECTWISE_SITE_URL"], bundle))
    stack.callback(sandbox.act, "clear_faults")
    for fault in faults:
        sandbox.act("add_fault", **fault)


def _run(acts: list[dict[str, Any]], start: Start, stdout: Path, stderr: Path) -> None:
    with Path(os.devnull).open() as nothing, stdout.open("wb") as out, stderr.open("wb") as err:
        start.enter(stdin=nothing.fileno(), stdout=out.fileno(), stderr=err.fileno())
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for one in acts:
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, one["environment"]))
            _switch_on(one["faults"], stack)
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


def failing_runs(acts: list[dict[str, Any]], environment: dict[str, str], folder: Path) -> tuple[bytes, bytes]:
    """Let the acts fail one after the other in a process in `folder`; its standard output and standard error."""
    acts = [{"environment": {}, "breaks": False, "faults": []} | act for act in acts]
    with TemporaryDirectory() as streams:
        stdout, stderr = Path(streams) / "stdout", Path(streams) / "stderr"
        start = Start((), os.environ | environment, folder)
        process = PROCESSES.Process(target=_run, args=(acts, start, stdout, stderr))
        process.start()
        process.join()
        assert process.exitcode == 0, stderr.read_text()
        process.close()
        return stdout.read_bytes(), stderr.read_bytes()
