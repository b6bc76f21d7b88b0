"""A push of March in a process of its own, as on another machine, which may kill itself with SIGKILL on its way.

A point is where something becomes final or is about to: before and after each commit to the warehouse, before each
request to ConnectWise, and after it, when ConnectWise has carried it out and nothing was made of its answer yet.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import TYPE_CHECKING, Any

import pytest
from requests.adapters import HTTPAdapter
from sqlalchemy import event
from sqlalchemy.orm import Session

from cw_pipeline.sync.push import push_months
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.support.clients import open_client, sync_run
from cw_pipeline_tests.support.fake_msp import MARCH
from cw_pipeline_tests.support.once import compile_statements_once
from cw_pipeline_tests.support.processes import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from requests import PreparedRequest, Response

_LONGEST = 60
"""Seconds after which a push is taken to hang."""


@dataclass(frozen=True)
class Point:
    """The `number`-th point of those that begin with one of the `kinds`, counted from 1."""

    number: int
    kinds: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class RunningPush:
    """A push that is under way."""

    process: ForkServerProcess
    _said: Connection

    def says(self) -> str:
        """Its next sentence.

        Raises:
            EOFError: If it ends without one.
        """
        return _next(self._said)

    def exit_code(self) -> int | None:
        """How it ended; it is waited for."""
        self.process.join(_LONGEST)
        return self.process.exitcode

    def kill(self) -> None:
        """Kill it with SIGKILL, and return when it is gone."""
        self.process.kill()
        self.process.join()


def _next(told: Connection) -> Any:  # noqa: ANN401 - whatever was sent
    assert told.poll(_LONGEST), f"The push has said nothing for {_LONGEST} seconds."
    return told.recv()


def killed_push(url: str, environment: Mapping[str, str], at: Point) -> bool:
    """Push until `at`; False if the push ended before it got there."""
    with running_push(url, environment, at) as push:
        return _was_killed(push.exit_code())


def _was_killed(exit_code: int | None) -> bool:
    assert exit_code in {0, -signal.SIGKILL}
    return exit_code == -signal.SIGKILL


class Pushes:
    """Pushes that are killed, each in a process that is forked from one that has pushed once.

    What a push has to load and to compile takes many times what the push itself does.
    """

    def __init__(self, ours: Connection) -> None:
        self._ours = ours
        self.points: list[str] = _next(ours)
        """The points that the first push passed, which came to its end."""

    def kill(self, at: Point) -> bool:
        """Push until `at`; False if the push ended before it got there."""
        self._ours.send(at)
        return _was_killed(_next(self._ours))


@contextmanager
def killed_pushes(url: str, environment: Mapping[str, str]) -> Generator[Pushes]:
    """Push once, to the end; then as often as it is asked for."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_fork_pushes, args=(url, dict(environment), theirs))
    with ours:
        with theirs:  # closed once it has its own, so that its end is noticed
            process.start()
        try:
            yield Pushes(ours)  # pyright: ignore[reportArgumentType] - Windows has others
        finally:
            process.kill()
            process.join()
            process.close()


def _fork_pushes(url: str, environment: Mapping[str, str], ours: Connection) -> None:
    compile_statements_once(pytest.MonkeyPatch())
    ours.send(_push(url, environment))
    gc.disable()  # it would touch, and so copy, every page that a child shares with this process
    while True:
        at: Point = ours.recv()
        child = os.fork()
        if child == 0:
            _push(url, environment, at)
            os._exit(0)
        ours.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@contextmanager
def running_push(
    url: str,
    environment: Mapping[str, str],
    at: Point | None = None,
    *,
    concurrency: int = 1,
    machine: str = "elsewhere",
) -> Generator[RunningPush]:
    """A push that is under way; it does not outlive the block."""
    hear_said, said = PROCESSES.Pipe(duplex=False)
    more = {"concurrency": concurrency, "machine": machine, "said": said}
    process = PROCESSES.Process(target=_push, args=(url, dict(environment), at), kwargs=more)
    with hear_said:
        with said:  # ours are closed once it has its own, so that its end is noticed
            process.start()
        try:
            yield RunningPush(process, hear_said)  # pyright: ignore[reportArgumentType] - Windows has others
        finally:
            process.kill()
            process.join()
            process.close()


def _push(
    url: str,
    environment: Mapping[str, str],
    at: Point | None = None,
    *,
    concurrency: int = 1,
    machine: str = "elsewhere",
    said: Connection | None = None,
) -> list[str]:
    """Push to the end, or until this process is killed at a point; the points that were passed."""
    socket.gethostname = lambda: machine
    with open_client(environment) as client, closing(Warehouse(url)) as warehouse:
        run = sync_run(client, warehouse, "killed run")
        run = replace(run, concurrency=concurrency, say=said.send if said else run.say)
        passed = _notice_points(at)
        list(push_months(run, [MARCH]))
        return passed


def _notice_points(at: Point | None) -> list[str]:
    """Note every point from here on, and go no further than `at`."""
    passed: list[str] = []

    def point(what: str) -> None:
        passed.append(what)
        if at is not None and sum(one.startswith(at.kinds) for one in passed) == at.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def commit(when: str) -> Callable[[Session], None]:
        return lambda _session: point(f"{when} a commit")

    event.listen(Session, "before_commit", commit("before"))
    event.listen(Session, "after_commit", commit("after"))
    HTTPAdapter.send = _noticed(HTTPAdapter.send, point)
    return passed


def _noticed(send: Callable[..., Any], point: Callable[[str], None]) -> Callable[..., Any]:
    def noticed(adapter: HTTPAdapter, request: PreparedRequest, **arguments: object) -> Response:
        point(f"before {request.method} {request.path_url}")
        response: Response = send(adapter, request, **arguments)
        point(f"after {request.method} {request.path_url}")
        return response

    return noticed
