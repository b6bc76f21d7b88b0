"""What a process of tests works out once, not at each use: migrations, keys, statements, commands, databases, data."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import typer.testing
from alembic.script import ScriptDirectory
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.util import LRUCache

from cw_pipeline.nordpass import tokens
from cw_pipeline.sandbox.connectwise import store
from cw_pipeline.warehouse import schema

if TYPE_CHECKING:
    from datetime import date

    import pytest
    from alembic.config import Config
    from sqlalchemy import Dialect, Engine

    from cw_pipeline.sandbox.connectwise.seed import Tables

_MOST_STATEMENTS = 5_000


def read_migrations_once(patched: pytest.MonkeyPatch) -> None:
    """Keep each folder of migrations, Dagster's among them, once it is read."""
    read = ScriptDirectory.from_config
    scripts: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        folder = config.get_main_option("script_location")
        if folder not in scripts:
            scripts[folder] = read(config)
        return scripts[folder]

    patched.setattr(ScriptDirectory, "from_config", from_config)


def check_keys_once(patched: pytest.MonkeyPatch) -> None:
    """Keep each NordPass key once it is parsed."""
    patched.setattr(tokens, "load_pem_private_key", cache(tokens.load_pem_private_key))


def compile_statements_once(patched: pytest.MonkeyPatch) -> None:
    """Let all engines of a kind share the statements that one of them compiled: there is a new engine in each test."""
    compile_with_cache = ClauseElement._compile_w_cache
    dialects: dict[tuple[object, ...], Dialect] = {}
    statements = LRUCache[Any, Any](_MOST_STATEMENTS)

    def compiled(self: ClauseElement, dialect: Dialect, *, compiled_cache: object, **more: Any) -> object:  # noqa: ANN401
        if compiled_cache is None:
            return compile_with_cache(self, dialect, compiled_cache=None, **more)
        json = (getattr(dialect, "_json_serializer", None), getattr(dialect, "_json_deserializer", None))
        kind = (type(dialect), dialect.paramstyle, dialect.server_version_info, *json)
        return compile_with_cache(self, dialects.setdefault(kind, dialect), compiled_cache=statements, **more)

    patched.setattr(ClauseElement, "_compile_w_cache", compiled)


def migrate_sqlite_once(patched: pytest.MonkeyPatch, migrated: Path) -> None:
    """Let each new SQLite warehouse be a copy of this one, which is migrated already."""
    migrate = schema.migrate

    def copy_or_migrate(engine: Engine) -> None:
        file = Path(engine.url.database or "")
        if engine.dialect.name == "sqlite" and not file.exists():
            copyfile(migrated, file)
        migrate(engine)

    patched.setattr(schema, "migrate", copy_or_migrate)


def keep_output_of_runs_in_files(patched: pytest.MonkeyPatch) -> None:
    """Let Dagster, where it is loaded, only keep what a run prints: to show it as well takes four processes a step."""
    if "dagster" in sys.modules:
        compute_logs = import_module("dagster._core.execution.compute_logs")
        patched.setattr(compute_logs, "tail_to_stream", _shown_nowhere)


def _shown_nowhere(_path: str, _stream: object) -> AbstractContextManager[None]:
    return nullcontext()


def make_schema_of_queries_once(patched: pytest.MonkeyPatch) -> None:
    """Keep the GraphQL schema of Dagster's UI, where that is loaded: it would be made anew for each query."""
    if "dagster_graphql" in sys.modules:
        cli: Any = import_module("dagster_graphql.cli")
        patched.setattr(cli, "create_schema", cache(cli.create_schema))


def seed_sandboxes_once(patched: pytest.MonkeyPatch) -> None:
    """Copy the first data of a sandbox from those of another one of its day."""
    seed = cache(store.seed_tables)

    def copied(today: date) -> Tables:
        return {name: [dict(record) for record in records] for name, records in seed(today).items()}

    patched.setattr(store, "seed_tables", copied)


def build_commands_once(patched: pytest.MonkeyPatch) -> None:
    """Keep the command line's parser once it is built: typer would build it anew for each command that is run."""
    built = cache(typer.main.get_command)
    patched.setattr(typer.main, "get_command", built)
    patched.setattr(typer.testing, "_get_command", built)
