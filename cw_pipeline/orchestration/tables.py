"""How the UI shows lists: as tables of texts, of which only the beginning is kept.

Names come from ConnectWise and NordPass. The UI shows the texts of tables and of JSON as they are, but reads Markdown
and descriptions as markup: no name belongs there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Details: TypeAlias = "dict[str, dg.MetadataValue]"

_MOST_ROWS = 200
"""What is shown stays in Dagster's storage for good."""
_LONGEST_TEXT = 1_000


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """A table; where it is too long to keep, its last row says how much was left out."""
    cells = [["" if cell is None else _beginning(str(cell)) for cell in row] for row in rows]
    if len(cells) > _MOST_ROWS:
        cells[_MOST_ROWS:] = [[f"and {len(cells) - _MOST_ROWS} more", *[""] * (len(columns) - 1)]]
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in cells]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in columns]))


def names(texts: Sequence[str]) -> dg.MetadataValue:
    """Names, as JSON; where they are too many to keep, the last one says how many were left out."""
    more = [f"and {len(texts) - _MOST_ROWS} more"] if len(texts) > _MOST_ROWS else []
    return dg.MetadataValue.json([*map(_beginning, texts[:_MOST_ROWS]), *more])


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
