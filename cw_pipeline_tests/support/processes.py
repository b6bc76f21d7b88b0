"""Other processes on the same warehouse: each does one thing at a time, when it is told to."""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sqlalchemy import create_engine, text

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

PROCESSES = multiprocessing.get_context("forkserver")
"""Starts processes from one that has no threads, and in which all is imported that they need: Dagster takes seconds."""
PROCESSES.set_forkserver_preload(["pytest", "cw_pipeline.definitions", "cw_pipeline_tests.support.killed_push"])

_LONGEST = 60
"""Seconds after which a process is taken to hang."""

OPEN_WHEN_TOLD = """
import sys
from cw_pipeline.warehouse.database import Warehouse
print("ready", flush=True)
sys.stdin.readline()
Warehouse(sys.argv[1]).close()
print("opened", flush=True)
"""

HOLD_THE_LOCK = """
import sys
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.lock import push_lock
warehouse = Warehouse(sys.argv[1])
with push_lock(warehouse.engine, sys.argv[2], wait_seconds=0, on_wait=print):
    print("held", flush=True)
    sys.stdin.readline()
"""

WAIT_FOR_THE_LOCK = """
import sys
from functools import partial
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.lock import push_lock
warehouse = Warehouse(sys.argv[1])
sys.stdin.readline()
with push_lock(warehouse.engine, sys.argv[2], wait_seconds=600, on_wait=partial(print, flush=True)):
    pass
"""


class Other:
    """Another Python process."""

    def __init__(self, process: ForkServerProcess, told: IO[str], said: IO[str]) -> None:
        self._process = process
        self._told = told
        self._said = said
        assert process.pid is not None
        self.pid = process.pid

    def says(self) -> str:
        """Its next line; empty when it has ended."""
        return self._said.readline().strip()

    def go_on(self) -> None:
        self._told.write("\n")
        self._told.flush()

    def exit_code(self) -> int | None:
        """How it ended; it is waited for."""
        self._process.join(_LONGEST)
        return self._process.exitcode

    def kill(self) -> None:
        """Kill it with SIGKILL, and return when it is gone."""
        self._process.kill()
        self._process.join()


@dataclass(frozen=True)
class Start:
    """What a process starts with beside its standard streams."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: Path

    def enter(self, *, stdin: int, stdout: int, stderr: int = 2) -> None:
        """Let this process be as if it had been started so, with these standard streams."""
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.argv[1:] = self.arguments
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)


@contextmanager
def another_process(script: str, *arguments: str, **environment: str) -> Generator[Other]:
    """A process that runs a script with these arguments and, beside ours, this environment, as long as the block."""
    hear, tell = PROCESSES.Pipe(duplex=False)
    listen, say = PROCESSES.Pipe(duplex=False)
    start = Start(arguments, os.environ | environment, Path.cwd())
    process = PROCESSES.Process(target=_run, args=(script, start, hear, say))
    with hear, say:  # ours are closed once it has its own, so that its end is noticed
        process.start()
    with tell, listen, os.fdopen(os.dup(tell.fileno()), "w") as told, os.fdopen(os.dup(listen.fileno())) as said:
        try:
            yield Other(process, told, said)  # pyright: ignore[reportArgumentType] - Windows has others
        finally:
            process.kill()
            process.join()
            process.close()


def _run(script: str, start: Start, hear: Connection, say: Connection) -> None:
    with hear, say:
        start.enter(stdin=hear.fileno(), stdout=say.fileno())
    exec(script, {"__name__": "__main__"})


def break_lock_connections(url: str) -> None:
    """End every connection to this PostgreSQL database that holds a lock like the push lock."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                "WHERE locktype = 'advisory' AND datname = current_database()"
            )
        )
    engine.dispose()
