"""The warehouse's schema: which revision a database has, and its migrations."""

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
    """Every revision, the first one first: what the names of the migrations begin with."""
    names = sorted(migration.name for migration in (_MIGRATIONS / "versions").iterdir())
    return [name.partition("_")[0] for name in names if name[0].isdigit()]


def revision(engine: Engine) -> str | None:
    """The schema's revision; None for an empty database.

    Raises:
        SchemaUnusable: If this version of the product does not know it, or only a part of the schema is there.
    """
    with engine.connect() as connection:
        return _revision(connection)


def pending(engine: Engine) -> list[str]:
    """The revisions that the database still has to be migrated to, in order.

    Raises:
        SchemaUnusable: As `revision` does.
    """
    current = revision(engine)
    known = revisions()
    return known if current is None else known[known.index(current) + 1 :]


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; where another process is doing that, wait for it.

    Raises:
        SchemaUnusable: As `revision` does; nothing was changed.
    """
    if not pending(engine):
        return
    import alembic.command  # noqa: PLC0415 - slow, and only a migration needs it
    import alembic.config  # noqa: PLC0415

    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with migration_lock(engine), engine.begin() as connection:
        create_schema(connection)
        _revision(connection)  # another process may have migrated it meanwhile, and be newer
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    here, tables = place(connection.engine.url), set(inspect(connection).get_table_names())
    found: Sequence[str] = connection.scalars(select(_VERSION.c.version_num)).all() if _VERSION.name in tables else []
    if not found:
        if ours := sorted(Base.metadata.tables.keys() & tables):
            raise SchemaUnusable(
                f"The warehouse {here} has tables ({', '.join(ours[:3])}, …) but no revision: it was restored or "
                "migrated in part. Nothing was changed. Restore the whole backup, or name an empty database."
            )
        return None
    known = revisions()
    if not set(known).issuperset(found):
        raise SchemaUnusable(
            f"The warehouse {here} has the schema {', '.join(found)}, and cw-pipeline {version('cw-pipeline')} knows "
            f"only {known[0]} to {known[-1]}: a newer version has migrated it. Nothing was changed. "
            "Install that version, or restore the backup from before it."
        )
    return found[0]
