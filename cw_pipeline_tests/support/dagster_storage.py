"""Dagster's SQLite storages as a process of tests has them: new ones are copies, and their connections stay open.

Dagster would make each storage by migrations, and open and close a connection for each event.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from shutil import copyfile, copytree
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import pytest

_STORAGES = ("event_log.sqlite.sqlite_event_log", "runs.sqlite.sqlite_run_storage")
_FOLDERS = ("history", "schedules")
_MOST_ENGINES = 24


@dataclass(frozen=True)
class _Engines:
    """The engines used last, by URL, each with the inode of its file once there is one."""

    kept: OrderedDict[str, tuple[int | None, Engine]] = field(
        default_factory=OrderedDict[str, tuple[int | None, Engine]]
    )

    def get(self, url: str, create: Callable[..., Engine], options: dict[str, Any]) -> Engine:
        """The engine of a file, whose connections only `close` closes."""
        now = _inode(url)
        if url in self.kept:
            inode, engine = self.kept.pop(url)
            if inode in {None, now}:
                self.kept[url] = now, engine
                return engine
            Engine.dispose(engine)  # the file was replaced
        engine = create(url, **{name: value for name, value in options.items() if name != "poolclass"})
        engine.dispose = _leave_open
        self.kept[url] = now, engine
        if len(self.kept) > _MOST_ENGINES:
            _, (_, oldest) = self.kept.popitem(last=False)
            Engine.dispose(oldest)
        return engine

    def close(self) -> None:
        """Close every connection, after which the files hold everything."""
        for _, engine in self.kept.values():
            Engine.dispose(engine)


def _leave_open(close: bool = True) -> None:  # noqa: FBT001, FBT002 - as SQLAlchemy has it
    pass


def _inode(url: str) -> int | None:
    try:
        return Path(url.removeprefix("sqlite:///").partition("?")[0]).stat().st_ino
    except FileNotFoundError:
        return None


@contextmanager
def quick_dagster_storages(patched: pytest.MonkeyPatch, folder: Path) -> Generator[None]:
    """Where Dagster is loaded, copy its storages from those in `folder`, and keep their connections."""
    if "dagster" not in sys.modules:
        yield
        return
    engines = _Engines()
    for name in _STORAGES:
        _keep_engines(patched, import_module(f"dagster._core.storage.{name}"), engines)
    _copy_storages(patched, folder, engines)
    yield
    engines.close()


def _keep_engines(patched: pytest.MonkeyPatch, storage: Any, engines: _Engines) -> None:  # noqa: ANN401 - a module
    create = storage.create_engine

    def kept(url: str, **options: Any) -> Engine:  # noqa: ANN401 - as SQLAlchemy has them
        return engines.get(url, create, options)

    patched.setattr(storage, "create_engine", kept)


def _copy_storages(patched: pytest.MonkeyPatch, folder: Path, engines: _Engines) -> None:
    storage: Any = import_module("dagster._core.storage.sqlite_storage").DagsterSqliteStorage
    events: Any = import_module(f"dagster._core.storage.{_STORAGES[0]}").SqliteEventLogStorage
    made, of_a_run = folder / "storage", folder / "run.db"
    make, make_for_a_run = storage.__init__, events._initdb

    def copy_or_make(self: object, base_dir: str, inst_data: object = None) -> None:
        is_new = not any((Path(base_dir) / name).exists() for name in _FOLDERS)
        if is_new and made.exists():
            copytree(made, base_dir, dirs_exist_ok=True)
        make(self, base_dir, inst_data)
        if is_new and not made.exists():
            engines.close()
            for name in _FOLDERS:
                copytree(Path(base_dir) / name, made / name)

    def copy_or_make_for_a_run(self: object, engine: Engine, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002 - as Dagster has it
        file = Path(engine.url.database or "")
        is_new = not file.exists() and not for_index_shard
        if is_new and of_a_run.exists():
            copyfile(of_a_run, file)
            return
        make_for_a_run(self, engine, for_index_shard)
        if is_new:
            engines.close()
            copyfile(file, of_a_run)

    patched.setattr(storage, "__init__", copy_or_make)
    patched.setattr(events, "_initdb", copy_or_make_for_a_run)
