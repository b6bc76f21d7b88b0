"""How much the warehouse is asked."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import event

from cw_pipeline.warehouse.tables import Base

if TYPE_CHECKING:
    from collections.abc import Generator

    from cw_pipeline.warehouse.database import Warehouse


@contextmanager
def counted_work(warehouse: Warehouse) -> Generator[Counter[str]]:
    """How many `statements` the block executes, and how many rows of each table it loads."""
    work = Counter[str]()

    def load(row: Base, _context: object) -> None:
        work[row.__tablename__] += 1

    def execute(*_args: object) -> None:
        work["statements"] += 1

    event.listen(Base, "load", load, propagate=True)
    event.listen(warehouse.engine, "before_cursor_execute", execute)
    try:
        yield work
    finally:
        event.remove(Base, "load", load)
        event.remove(warehouse.engine, "before_cursor_execute", execute)
