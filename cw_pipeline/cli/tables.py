"""Tables that fit the terminal: wrapped where that reads well, else a paragraph for each row."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

NUMBER = re.compile(r"[+-]?[0-9]+(,[0-9]{3})*(\.[0-9]+)?( [A-Z]{3})?")
"""A number or an amount."""
_NUMBERS = re.compile(rf"(({NUMBER.pattern})(: | → )?){{0,2}}")
_BETWEEN = 3
"""Characters between two columns."""
_TALLEST = 3
"""Lines that a row may take in a table, on average."""
_INDENT = 4


def print_table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows, without the columns that are empty in all of them. Columns of numbers are aligned right."""
    filled = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    if not filled:
        return
    headings = [columns[index] for index in filled]
    rows = [[row[index] for index in filled] for row in rows]
    widths = _widths(headings, rows, console.width)
    if widths is None:
        for row in rows:
            _print_paragraph(console, headings, row)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=any(headings))
    for heading, width, *cells in zip(headings, widths, *rows, strict=True):
        justify = "right" if all(map(_NUMBERS.fullmatch, cells)) else "left"
        table.add_column(heading, justify=justify, width=width, overflow="fold")
    for row in rows:
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
    missing = sum(natural) - sum(least)
    widths = [few + spare * (most - few) // missing for few, most in zip(least, natural, strict=True)]
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
