"""Other processes on the same warehouse: each does one thing at a time, when it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from sqlalchemy import create_engine, text

if TYPE_CHECKING:
    from collections.abc import Generator

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

    def __init__(self, process: subprocess.Popen[str], told: IO[str], said: IO[str]) -> None:
        self._process = process
        self._told = told
        self._said = said

    @property
    def pid(self) -> int:
        return self._process.pid

    def says(self) -> str:
        """Its next line; empty when it has ended."""
        return self._said.readline().strip()

    def go_on(self) -> None:
        self._told.write("\n")
        self._told.flush()

    def exit_code(self) -> int:
        """How it ended; it is waited for."""
        return self._process.wait(_LONGEST)

    def kill(self) -> None:
        """Kill it with SIGKILL, and return when it is gone."""
        self._process.kill()
        self._process.wait()


@contextmanager
def another_process(*arguments: str, **environment: str) -> Generator[Other]:
    """A Python process with these arguments and, beside ours, this environment; it does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Other(process, process.stdin, process.stdout)
        finally:
            process.kill()


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
