"""A tenant's schema in a PostgreSQL database that tenants share: nothing outside of it is seen or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String, column, event, func, select, table
from sqlalchemy.schema import CreateSchema

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_OPTION = "tenant_schema"
_SCHEMAS = table("pg_namespace", column("nspname", String), schema="pg_catalog")


def in_schema(engine: Engine, name: str) -> Engine:
    """The engine, all of whose transactions are in the schema `name`.

    Each transaction says so itself: a pooler in transaction mode gives it any connection, and takes no options for one.
    """
    engine.update_execution_options(**{_OPTION: name})
    event.listen(engine, "begin", _search_only_there)
    return engine


def schema_of(connection: Connection | Engine) -> str:
    """The schema that `in_schema` set; empty where tables are where the database has them by itself."""
    name: str = connection.get_execution_options().get(_OPTION, "")
    return name


def create_schema(connection: Connection) -> None:
    """Create the schema of the connection's engine, unless it is there already."""
    name = schema_of(connection)
    # Not IF NOT EXISTS, which needs the right to create one even where it exists.
    if name and connection.scalar(select(_SCHEMAS.c.nspname).where(_SCHEMAS.c.nspname == name)) is None:
        connection.execute(CreateSchema(name))


def _search_only_there(connection: Connection) -> None:
    in_this_transaction = True
    connection.execute(select(func.set_config("search_path", schema_of(connection), in_this_transaction)))
