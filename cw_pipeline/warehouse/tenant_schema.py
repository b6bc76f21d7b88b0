"""A tenant's own schema in a PostgreSQL database that tenants share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String, column, event, func, select, table
from sqlalchemy.schema import CreateSchema

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_OPTION = "tenant_schema"
_SCHEMAS = table("pg_namespace", column("nspname", String), schema="pg_catalog")


def in_schema(engine: Engine, name: str) -> Engine:
    """Confine all transactions of an engine to the schema `name`.

    Each transaction sets it anew: a pooler in transaction mode may give it any connection, and takes no options.
    """
    engine.update_execution_options(**{_OPTION: name})
    event.listen(engine, "begin", _search_only_there)
    return engine


def schema_of(connection: Connection | Engine) -> str:
    """The schema that `in_schema` set; empty for the database's default schema."""
    name: str = connection.get_execution_options().get(_OPTION, "")
    return name


def create_schema(connection: Connection) -> None:
    """Create the schema of the connection's engine, if it does not exist."""
    name = schema_of(connection)
    # Not IF NOT EXISTS, which needs the right to create schemas even if this one exists.
    if name and connection.scalar(select(_SCHEMAS.c.nspname).where(_SCHEMAS.c.nspname == name)) is None:
        connection.execute(CreateSchema(name))


def _search_only_there(connection: Connection) -> None:
    in_this_transaction = True
    connection.execute(select(func.set_config("search_path", schema_of(connection), in_this_transaction)))
