"""The warehouse's errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL
    from sqlalchemy.exc import DBAPIError


_CLOSED = "server closed the connection unexpectedly"
"""The driver's message when the server closes the connection, as PgBouncer does."""


class WarehouseError(CwPipelineError):
    """The warehouse cannot do what was asked."""


class DatabaseUnreachable(WarehouseError):
    """The database cannot be opened."""

    exit_code = USAGE_ERROR


class SchemaUnusable(WarehouseError):
    """The database has a schema that this version cannot work with."""

    exit_code = USAGE_ERROR


class LockHeld(WarehouseError):
    """Another push to the same ConnectWise company held the lock for as long as we waited."""

    is_transient = True


class LockLost(WarehouseError):
    """The push lock's connection broke, or its file was deleted: another push may start, so this one must stop."""

    is_transient = True


@contextmanager
def reachable(url: URL, kind: type[DBAPIError] = OperationalError) -> Generator[None]:
    """Turn the block's errors of this `kind` into `DatabaseUnreachable`, which names the database without password."""
    try:
        yield
    except kind as error:
        first_line = str(error.orig).strip().partition("\n")[0]
        msg = (
            f"The warehouse {place(url)} cannot be used: {first_line}. "
            "Check CW_PIPELINE_DATABASE_URL, that the database runs, and that its user may create and write tables."
        )
        if first_line == _CLOSED:
            msg += " If PgBouncer is in front of it: pool_mode must be session or transaction, and the pool not full."
        raise DatabaseUnreachable(msg) from None  # the driver's own traceback has the password


def place(url: URL) -> str:
    """The database's address without its password, which may also be in the query."""
    return url.set(query={}).render_as_string(hide_password=True)
