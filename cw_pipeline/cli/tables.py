"""Tables that fit the terminal: wrapped where that reads well, else a paragraph for each row."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

_BETWEEN = 3
"""Characters between two columns."""
_TALLEST = 3
"""Lines that a row may take in a table, on average."""
_INDENT = 4


def print_table(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], is_number: Callable[[str], bool]
) -> None:
    """Print the rows, without the columns that are empty in all of them.

    Args:
        console: Where to.
        columns: Their headings.
        rows: Their cells.
        is_number: Whether a cell is a number: columns of numbers are aligned right.
    """
    shown = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    headings = [columns[index] for index in shown]
    cells = [[row[index] for index in shown] for row in rows]
    if not shown:
        return
    widths = _widths(headings, cells, console.width)
    if widths is None:
        for row in cells:
            _print_paragraph(console, headings, row)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=any(headings))
    for index, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        numbers = all(is_number(row[index]) for row in cells)
        table.add_column(heading, justify="right" if numbers else "left", width=width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The widths of the columns; None where their rows would be too narrow or too tall to read."""
    columns = list(zip(headings, *rows, strict=True))
    natural = [max(map(cell_len, column)) for column in columns]
    spare = width - _BETWEEN * len(columns) + 1
    if sum(natural) <= spare:
        return natural
    least = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    spare -= sum(least)
    if spare < 0:
        return None
    wanted = [most - few for most, few in zip(natural, least, strict=True)]
    widths = [few + spare * more // sum(wanted) for few, more in zip(least, wanted, strict=True)]
    heights = (max(ceil(cell_len(cell) / size) for cell, size in zip(row, widths, strict=True) if size) for row in rows)
    return widths if sum(heights) <= _TALLEST * len(rows) else None


def _print_paragraph(console: Console, headings: Sequence[str], row: Sequence[str]) -> None:
    """The first cell, and each of the others after its heading."""
    text = Text(row[0], style="bold")
    for heading, cell in zip(headings[1:], row[1:], strict=True):
        if cell:
            text.append(" · ", style="not bold dim").append(f"{heading} ", style="not bold dim")
            text.append(cell, style="not bold")
    for number, line in enumerate(text.wrap(console, console.width - _INDENT)):
        console.print(Text(" " * _INDENT * bool(number)) + line, soft_wrap=True)
