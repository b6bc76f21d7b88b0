"""What every room's tests share: warehouses on both databases, and the seed of what is tried at random."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.support.dagster_storage import quick_dagster_storages
from cw_pipeline_tests.support.kept_servers import kept_servers
from cw_pipeline_tests.support.once import (
    build_commands_once,
    check_keys_once,
    compile_statements_once,
    keep_output_of_runs_in_files,
    make_schema_of_queries_once,
    migrate_sqlite_once,
    read_migrations_once,
    seed_sandboxes_once,
)
from cw_pipeline_tests.support.pooler import pooled
from cw_pipeline_tests.support.postgres import (
    PostgresWarehouses,
    postgres_database,
    postgres_server,
    trade_safety_for_speed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 4 * 2**30
_LONGEST = ("end_to_end/test_workers", "end_to_end/test_many_tenants", "sync/test_killed", "stateful/", "end_to_end/")
"""What waits or computes longest."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed where none was asked for, before Hypothesis looks and before xdist hands it to its workers."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(10**9))
    _keep_files_in_memory()
    gc.disable()  # while so much is imported
    # Or each process that imports Dagster would compile it anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _keep_files_in_memory() -> None:
    """Databases need not wait for a disk, where there is a file system in memory that has room for them."""
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _NEEDED_BYTES:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # asks again


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    first = [f"cw_pipeline_tests/{name}" for name in _LONGEST]
    items.sort(key=lambda item: [not item.nodeid.startswith(name) for name in first])


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported, and look at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def what_never_changes(sqlite_schema: Path) -> Iterator[None]:
    """Migrations are read, keys checked, statements compiled, commands built, databases and sandboxes made once."""
    with pytest.MonkeyPatch.context() as patched:
        read_migrations_once(patched)
        check_keys_once(patched)
        compile_statements_once(patched)
        build_commands_once(patched)
        migrate_sqlite_once(patched, sqlite_schema)
        keep_output_of_runs_in_files(patched)
        make_schema_of_queries_once(patched)
        seed_sandboxes_once(patched)
        with kept_servers(patched), quick_dagster_storages(patched, sqlite_schema.parent):
            yield


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to try the same again."""
    return f"hypothesis seed: repeat with --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it again at the end, where a failure is read."""
    terminalreporter.write_line(pytest_report_header(config))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server, started once a session; it need not survive a power cut."""
    with postgres_server(cleanup_mode="stop") as server:
        trade_safety_for_speed(server.get_uri())
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """A new, empty database on the PostgreSQL server."""
    with postgres_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_warehouses(postgres_url: str) -> PostgresWarehouses:
    """Warehouses on the PostgreSQL server."""
    return PostgresWarehouses(postgres_url)


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
    warehouses: PostgresWarehouses = request.getfixturevalue("postgres_warehouses")
    with warehouses.lend() as url:
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
