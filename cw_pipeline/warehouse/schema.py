"""The warehouse's schema: its revision and its migrations."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import String, column, inspect, select, table

from cw_pipeline.warehouse.errors import SchemaUnusable, place
from cw_pipeline.warehouse.lock import migration_lock
from cw_pipeline.warehouse.tables import Base
from cw_pipeline.warehouse.tenant_schema import create_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine


_MIGRATIONS = files("cw_pipeline.warehouse") / "migrations"
_VERSION = table("alembic_version", column("version_num", String))


def revisions() -> list[str]:
    """Every revision, oldest first: what the names of the migrations begin with."""
    names = sorted(migration.name for migration in (_MIGRATIONS / "versions").iterdir())
    return [name.partition("_")[0] for name in names if name[0].isdigit()]


def revision(engine: Engine) -> str | None:
    """The schema's revision; None for an empty database.

    Raises:
        SchemaUnusable: If this version does not know it, or only part of the schema exists.
    """
    with engine.connect() as connection:
        return _revision(connection)


def pending(engine: Engine) -> list[str]:
    """The revisions to which the database has yet to be migrated, in order.

    Raises:
        SchemaUnusable: As `revision` does.
    """
    current = revision(engine)
    known = revisions()
    return known if current is None else known[known.index(current) + 1 :]


def migrate(engine: Engine) -> None:
    """Migrate the schema to the newest revision, waiting for another process that is doing so.

    Raises:
        SchemaUnusable: As `revision` does; nothing is changed.
    """
    if not pending(engine):
        return
    import alembic.command  # noqa: PLC0415 - slow, and only a migration needs it
    import alembic.config  # noqa: PLC0415

    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with migration_lock(engine), engine.begin() as connection:
        create_schema(connection)
        _revision(connection)  # a newer version may have migrated it meanwhile
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    database, tables = place(connection.engine.url), set(inspect(connection).get_table_names())
    stored: Sequence[str] = connection.scalars(select(_VERSION.c.version_num)).all() if _VERSION.name in tables else []
    if not stored:
        if ours := sorted(Base.metadata.tables.keys() & tables):
            raise SchemaUnusable(
                f"The warehouse {database} has tables ({', '.join(ours[:3])}, …) but no revision: it was restored or "
                "migrated in part. Nothing was changed. Restore the whole backup, or name an empty database."
            )
        return None
    known = revisions()
    if not set(known).issuperset(stored):
        raise SchemaUnusable(
            f"The warehouse {database} has the schema {', '.join(stored)}, and cw-pipeline {version('cw-pipeline')} "
            f"knows only {known[0]} to {known[-1]}: a newer version has migrated it. Nothing was changed. "
            "Install that version, or restore the backup from before it."
        )
    return stored[0]
