"""How the UI shows lists: as tables of texts, of which only the beginning is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Details: TypeAlias = "dict[str, dg.MetadataValue]"

_MOST_ROWS = 200
"""What is shown stays in Dagster's storage for good."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """A table; where it is too long to keep, its last row says how much was left out."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if len(cells) > _MOST_ROWS:
        cells[_MOST_ROWS:] = [[f"and {len(cells) - _MOST_ROWS} more", *[""] * (len(columns) - 1)]]
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in cells]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in columns]))
