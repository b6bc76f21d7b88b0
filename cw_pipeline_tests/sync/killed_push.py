"""A push of March in a process of its own, which may kill itself with SIGKILL at a point of its way.

A point is where something becomes final or is about to: before and after each commit to the warehouse, before each
request to ConnectWise, and after it, when ConnectWise has carried it out and nothing was made of its answer yet.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import requests
from sqlalchemy import event
from sqlalchemy.orm import Session

from cw_pipeline.sync.push import push_months
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.sync.msp import MARCH
from cw_pipeline_tests.sync.site import open_client, sync_run

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from multiprocessing.context import ForkServerProcess
    from multiprocessing.queues import SimpleQueue

_PROCESSES = multiprocessing.get_context("forkserver")  # imports once, in a process that has no threads to fork
_PROCESSES.set_forkserver_preload(["pytest", __name__])
_LONGEST = 60
"""Seconds after which a push is taken to hang."""


@dataclass(frozen=True)
class Point:
    """The ``number``-th point of those that begin with one of the ``kinds``, counted from 1."""

    number: int
    kinds: tuple[str, ...] = ("",)


def killed_push(url: str, environment: Mapping[str, str], at: Point) -> bool:
    """Push until ``at``; False if the push ended before it got there."""
    with running_push(url, environment, at) as push:
        push.join(_LONGEST)
        assert push.exitcode in {0, -signal.SIGKILL}
        return push.exitcode == -signal.SIGKILL


def points_passed(url: str, environment: Mapping[str, str]) -> list[str]:
    """Push to the end; the points that it passed, each said in words."""
    points: SimpleQueue[list[str]] = _PROCESSES.SimpleQueue()
    with running_push(url, environment, points=points) as push:
        push.join(_LONGEST)
        assert push.exitcode == 0
        return points.get()


@contextmanager
def running_push(
    url: str,
    environment: Mapping[str, str],
    at: Point | None = None,
    *,
    points: SimpleQueue[list[str]] | None = None,
    concurrency: int = 1,
) -> Generator[ForkServerProcess]:
    """A push that is under way and tells ``points`` at its end; it does not outlive the block."""
    push = _PROCESSES.Process(target=_push, args=(url, dict(environment), at, points, concurrency))
    push.start()
    yield push
    push.kill()
    push.join()
    push.close()


def _push(
    url: str,
    environment: Mapping[str, str],
    at: Point | None,
    points: SimpleQueue[list[str]] | None,
    concurrency: int,
) -> None:
    with open_client(environment) as client:
        run = replace(sync_run(client, Warehouse(url), "killed run"), concurrency=concurrency)
        passed = _notice_points(at)
        list(push_months(run, [MARCH]))
        if points is not None:
            points.put(passed)


def _notice_points(at: Point | None) -> list[str]:
    """Note every point from here on, and go no further than ``at``."""
    passed: list[str] = []

    def point(what: str) -> None:
        passed.append(what)
        if at is not None and sum(one.startswith(at.kinds) for one in passed) == at.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def commit(when: str) -> Callable[[Session], None]:
        return lambda _session: point(f"{when} a commit")

    event.listen(Session, "before_commit", commit("before"))
    event.listen(Session, "after_commit", commit("after"))
    requests.Session.send = _noticed(requests.Session.send, point)
    return passed


def _noticed(send: Callable[..., Any], point: Callable[[str], None]) -> Callable[..., Any]:
    def noticed(session: requests.Session, request: requests.PreparedRequest, **arguments: object) -> requests.Response:
        point(f"before {request.method} {request.path_url}")
        response: requests.Response = send(session, request, **arguments)
        point(f"after {request.method} {request.path_url}")
        return response

    return noticed
