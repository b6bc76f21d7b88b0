"""Locks that the database holds: across processes and machines, and gone when their holder dies."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Text, bindparam, column, create_engine, delete, func, insert, select, text, true, values
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from cw_pipeline.warehouse.errors import LockHeld, LockLost, reachable
from cw_pipeline.warehouse.tables import LockHolderRow
from cw_pipeline.warehouse.tenant_schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Connection, Engine


_CONNECTION = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 50_000}
"""Each end of a lock's connection notices within a minute that the other machine is gone. In seconds, but the last in
milliseconds: it is needed because keepalives stop while sent data is unacknowledged."""
_NO_LIMIT = dict.fromkeys(("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"), 0)
"""A role's own limits would end the wait or the push."""


class HeldLock:
    """A lock that is held as long as its database connection lives; threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._file = _file_of(connection)
        self._connection_lock = threading.Lock()

    def check(self) -> None:
        """Make sure that the lock is still ours.

        Raises:
            LockLost: If the connection that held it broke, or its file was deleted, so that others find it unlocked.
        """
        try:
            with self._connection_lock:
                self._connection.exec_driver_sql("SELECT 1")
        except (DBAPIError, PendingRollbackError) as error:  # the latter from the second check on
            raise LockLost(
                "The connection that holds the push lock broke. Nothing more is written; run the sync again."
            ) from error
        if _file_of(self._connection) != self._file:
            file = self._connection.engine.url.database
            raise LockLost(
                f"The push lock's file {file} was deleted, so that another push may have begun. Nothing more "
                "is written; run the sync again, and leave such files alone while anything runs."
            )


@contextmanager
def push_lock(engine: Engine, psa: str, *, wait_seconds: int, on_wait: Callable[[str], None]) -> Generator[HeldLock]:
    """Hold the one lock for pushes to `psa`, waiting for it at most `wait_seconds`.

    Unless it is free at once, `on_wait` gets a sentence that says who holds it.

    Raises:
        LockHeld: If another push holds it for all that time.
        LockLost: If its file was deleted meanwhile.
    """
    with _connection(engine, psa) as connection:
        lock = HeldLock(connection)
        with reachable(engine.url):
            if not _acquire(connection, psa, 0):
                on_wait(_who_holds(engine, psa))
                if not _acquire(connection, psa, wait_seconds):
                    raise LockHeld(f"{_who_holds(engine, psa)} Try again when it has ended.")
        lock.check()
        with _named_as_holder(engine, psa):
            yield lock


@contextmanager
def migration_lock(engine: Engine, *, wait_seconds: int = 60) -> Generator[None]:
    """Hold the lock under which the schema is changed.

    Raises:
        LockHeld: If another process is still changing it after `wait_seconds`.
    """
    name = f"{schema_of(engine)}migrations"
    with _connection(engine, name) as connection:
        if not _acquire(connection, name, wait_seconds):
            raise LockHeld(
                "Another process is changing the warehouse's schema and does not finish. Look for it and try again."
            )
        yield


def lock_setup(session: Session) -> None:
    """Make other setup transactions wait until this one ends; on SQLite every transaction does so from its start."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_number(f"{schema_of(connection)}acts"))))


_INSERT_HOLDER = insert(LockHolderRow)
_DELETE_HOLDER = (
    delete(LockHolderRow).where(LockHolderRow.psa == bindparam("psa")).execution_options(synchronize_session=False)
)
_DELETE_US = _DELETE_HOLDER.where(
    LockHolderRow.holder == bindparam("holder"), LockHolderRow.since == bindparam("since")
)
"""Only our own row: if the lock was lost, another process may be named by now."""


@contextmanager
def _named_as_holder(engine: Engine, psa: str) -> Generator[None]:
    """Show to those who wait, while the block runs, that this process holds the lock."""
    ours = {
        "psa": psa,
        "holder": f"process {os.getpid()} on {socket.gethostname()}",
        "since": datetime.now(UTC),
    }
    with reachable(engine.url), Session(engine) as session, session.begin():
        session.execute(_DELETE_HOLDER, {"psa": psa})
        session.execute(_INSERT_HOLDER, ours)
    try:
        yield
    finally:
        with reachable(engine.url), Session(engine) as session, session.begin():
            session.execute(_DELETE_US, ours)


def _who_holds(engine: Engine, psa: str) -> str:
    """Who holds the lock, as far as is known: for a moment it can still name a holder that was killed."""
    with Session(engine) as session:
        holder = session.get(LockHolderRow, psa)
    if holder is None:
        return "Another push is at work."
    return f"Another push is at work: {holder.holder}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC."


_File: TypeAlias = tuple[int, int]
"""A file whatever its name: device and inode."""


def _file_of(connection: Connection) -> _File | None:
    """The file that the path of an SQLite lock leads to now; None without a file, and on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return None
    try:
        status = Path(connection.engine.url.database or "").stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _connection(engine: Engine, name: str) -> Generator[Connection]:
    """A connection for this lock alone, with which it ends.

    On SQLite it goes to a file beside the database, because a transaction on the database itself would block the very
    writes that the lock protects. The file stays when no process has it locked: whoever deleted it might do so just
    when another process locks it.
    """
    if engine.dialect.name == "sqlite":
        database = Path(engine.url.database or "").resolve()  # one lock, whatever path leads to the database
        url = engine.url.set(database=f"{database}.{_number(name):x}.lock")
        arguments = {"check_same_thread": False}
    else:
        url, arguments = engine.url, {"connect_timeout": 10, **_CONNECTION}
    lock_engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
    try:
        with reachable(engine.url):
            connected = lock_engine.connect()
        with connected as connection:
            yield connection
    finally:
        lock_engine.dispose()


def _acquire(connection: Connection, name: str, wait_seconds: int) -> bool:
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA busy_timeout = {wait_seconds * 1000:d}"))
        statement = text("BEGIN EXCLUSIVE")
    else:
        _begin(connection, wait_seconds)
        statement = text("SELECT pg_advisory_xact_lock(:number)").bindparams(number=_number(name))
    try:
        connection.execute(statement)
    except OperationalError as error:
        if not _is_lock_timeout(error):
            raise
        if connection.dialect.name == "postgresql":
            connection.execute(text("ROLLBACK"))
        return False
    return True


def _begin(connection: Connection, wait_seconds: int) -> None:
    """Begin the transaction that will hold the lock, on PostgreSQL.

    A session could hold it too, but a pooler may share one session among several clients, and each would have the lock.
    At this isolation an idle transaction has no snapshot, and does not hold up vacuuming.
    """
    links = {f"tcp_{setting.removeprefix('tcp_')}": value for setting, value in _CONNECTION.items()}
    lock_timeout = max(1, wait_seconds * 1000)  # 0 would wait for ever
    wanted = values(column("name", Text), column("value", Text), name="wanted").data(
        [(name, str(value)) for name, value in {**_NO_LIMIT, **links, "lock_timeout": lock_timeout}.items()]
    )
    in_this_transaction, is_known = true(), func.current_setting(wanted.c.name, true()).is_not(None)
    connection.execute(text("BEGIN ISOLATION LEVEL READ COMMITTED"))
    connection.execute(select(func.set_config(wanted.c.name, wanted.c.value, in_this_transaction)).where(is_known))


def _is_lock_timeout(error: OperationalError) -> bool:
    return "database is locked" in str(error.orig) or getattr(error.orig, "pgcode", None) == "55P03"


def _number(name: str) -> int:
    """A lock's name as the 63-bit number that PostgreSQL's advisory locks are known by."""
    return int.from_bytes(hashlib.sha256(f"cw_pipeline {name}".encode()).digest()[:8], "big") >> 1
