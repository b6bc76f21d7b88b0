"""The warehouse database: its engine and its transactions."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tenacity
from pydantic import SecretStr
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from cw_pipeline.warehouse import schema
from cw_pipeline.warehouse.errors import DatabaseUnreachable, reachable
from cw_pipeline.warehouse.tenant_schema import in_schema

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL, Connection, Engine

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2"}
_BUSY_TIMEOUT_SECONDS = 30


class Warehouse:
    """The warehouse at `url`, migrated to the current schema when it is opened.

    Args:
        url: The database's URL.
        tenant: Whose warehouse it is: on PostgreSQL a schema of this name, on SQLite a file in a folder of this name.
            None if it is alone in its database.
        who: The person or run that uses it, for the audit log.

    Raises:
        DatabaseUnreachable: If the database does not exist or refuses us.
        SchemaUnusable: If this version cannot work with its schema.
    """

    def __init__(self, url: str | SecretStr, *, tenant: str | None = None, who: str = "unknown") -> None:
        self._who = who
        self.engine = _engine(_parsed(url, tenant), tenant)
        try:
            with reachable(self.engine.url, DBAPIError):
                schema.migrate(self.engine)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Generator[Session]:
        """A session whose changes are committed together, or not at all if the block raises."""
        with (
            reachable(self.engine.url),
            Session(self.engine, expire_on_commit=False, info={"who": self._who}) as session,
            session.begin(),
        ):
            yield session

    @property
    def revision(self) -> str:
        """The schema's revision."""
        return schema.revision(self.engine) or ""

    def close(self) -> None:
        """Close the database's connections."""
        self.engine.dispose()


def pending_migrations(url: str | SecretStr, *, tenant: str | None = None) -> list[str]:
    """The revisions that opening this `Warehouse` would migrate it to, in order; changes nothing.

    Raises:
        DatabaseUnreachable, SchemaUnusable: As `Warehouse` does.
    """
    parsed = _parsed(url, tenant)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return schema.revisions()  # connecting would create the file
    engine = _engine(parsed, tenant)
    try:
        with reachable(engine.url, DBAPIError):
            return schema.pending(engine)
    finally:
        engine.dispose()


def _parsed(url: str | SecretStr, tenant: str | None) -> URL:
    try:
        parsed = make_url(url.get_secret_value() if isinstance(url, SecretStr) else url)
    except (ArgumentError, ValueError):
        raise DatabaseUnreachable(
            "CW_PIPELINE_DATABASE_URL is not a database URL. Write postgresql://user:password@host/database."
        ) from None  # the reason may quote part of the URL, and so of the password
    password = parsed.query.get("password")
    if isinstance(password, str):  # a URL's representation hides the password only where it belongs
        parsed = parsed.difference_update_query(["password"]).set(password=password)
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise DatabaseUnreachable(f"{parsed.get_backend_name()} databases are not supported. Use PostgreSQL or SQLite.")
    if tenant and driver == "sqlite" and parsed.database:
        file = Path(parsed.database)
        parsed = parsed.set(database=str(file.parent / "tenants" / tenant / file.name))
    return parsed.set(drivername=driver)


def _engine(url: URL, tenant: str | None) -> Engine:
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        return in_schema(engine, tenant) if tenant else engine
    if not url.database or url.database == ":memory:":
        raise DatabaseUnreachable(
            "The warehouse cannot be an SQLite database in memory: other processes must see it. Name a file."
        )
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(
            f"The warehouse's folder {folder} cannot be created: {error.strerror}. Name another place."
        ) from error
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None  # the begin event below opens transactions, not the driver
    _write_ahead(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


@tenacity.retry(
    retry=tenacity.retry_if_exception(
        lambda error: isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    ),
    stop=tenacity.stop_after_delay(_BUSY_TIMEOUT_SECONDS),
    wait=tenacity.wait_random(0.01, 0.1),
    reraise=True,
)
def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at the same time; SQLite does not wait if another process is setting this too."""
    connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    # Otherwise a transaction that reads and then writes would fail as soon as another one had written in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
