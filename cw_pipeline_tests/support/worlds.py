"""What a small MSP has come to, kept: others get there in much less time than it took the first one."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cw_pipeline.sync.previews import Previews

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.fake_msp import Msp

_NO_STATE = frozenset({"lock", "today", "changed", "_lock", "_today", "_changed", "role", "settings"})
"""What the parts of a sandbox have in common, and how it was set to behave."""


@dataclass(frozen=True)
class _World:
    """What the sandbox holds, the database, and the previews that were made."""

    sandbox: bytes
    database: Path
    previews: tuple[Previews, ...]


@dataclass(frozen=True)
class Worlds:
    """The worlds that were reached, by name, with copies of their databases in a folder."""

    folder: Path
    _reached: dict[str, _World] = field(default_factory=dict[str, _World])

    def reach(self, name: str, msp: Msp, act: Callable[[], None]) -> None:
        """Let `act` happen to the MSP, or what came of it the first time; on PostgreSQL it happens each time."""
        on_sqlite = msp.run.warehouse.engine.dialect.name == "sqlite"
        if on_sqlite and name in self._reached:
            _bring(msp, self._reached[name])
            return
        act()
        if on_sqlite:
            self._reached[name] = _taken(msp, self.folder / f"{name}.db")


def _taken(msp: Msp, database: Path) -> _World:
    with _connected(msp, database) as (warehouse, copy):
        warehouse.backup(copy)
    return _World(state_of(msp.sandbox), database, tuple(msp.previews))


def _bring(msp: Msp, world: _World) -> None:
    with _connected(msp, world.database) as (warehouse, copy):
        copy.backup(warehouse)
    restore(msp.sandbox, world.sandbox)
    msp.previews[:] = world.previews


@contextmanager
def _connected(msp: Msp, database: Path) -> Generator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    with (
        closing(msp.run.warehouse.engine.raw_connection()) as connection,
        closing(sqlite3.connect(database)) as copy,
    ):
        warehouse: Any = connection.driver_connection
        yield warehouse, copy


def state_of(sandbox: Sandbox) -> bytes:
    """What the sandbox holds, its journal included."""
    return pickle.dumps(
        [{name: value for name, value in part.items() if name not in _NO_STATE} for part in _parts(sandbox)]
    )


def restore(sandbox: Sandbox, state: bytes) -> None:
    """Let the sandbox hold what it, or another one, held."""
    for part, values in zip(_parts(sandbox), pickle.loads(state), strict=True):
        part.update(values)


def _parts(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [vars(part) for part in (sandbox.connectwise, sandbox.nordpass, sandbox.journal)]
