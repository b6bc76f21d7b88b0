"""What happens to the warehouse as a whole: it is lost, or restored from a backup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cw_pipeline.sync.outdated_warehouse import RecordedPush
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import tables

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Backup:
    """A copy of the warehouse, and what there was outside of it when it was made."""

    rows: Rows
    recorded: dict[Month, RecordedPush]
    """What Dagster's storage said."""
    known_pushes: frozenset[tuple[Month, str]]
    lines: dict[int, tuple[Any, ...]]
    """Our lines in ConnectWise, each as far as the ledger accounts for it."""


def rows_of(warehouse: Warehouse) -> Rows:
    """Everything that the warehouse holds."""
    with warehouse.transaction() as session:
        return {
            table.name: [dict(row._mapping) for row in session.execute(table.select())]
            for table in tables.Base.metadata.sorted_tables
        }


def fill(warehouse: Warehouse, rows: Rows) -> None:
    """Let the warehouse hold this and nothing else."""
    with warehouse.transaction() as session:
        for table in reversed(tables.Base.metadata.sorted_tables):
            session.execute(table.delete())
        for table in tables.Base.metadata.sorted_tables:
            if rows.get(table.name):
                session.execute(table.insert(), rows[table.name])


SET_UP = ("integration", "products", "product_mappings", "companies", "agreements", "organizations", "company_mappings")
"""What people enter again, as it was, after the warehouse was lost."""
