"""Markdown for the Dagster UI in which foreign text stays what it is: a name like markup is shown as typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.https.safe_text import harmless, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Table: TypeAlias = "tuple[Sequence[str], list[tuple[object, ...]]]"
"""Headings, which end with a colon above numbers, and rows, in which None is an empty cell."""

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_ESCAPED = re.compile(rf"\\({_PUNCTUATION.pattern})")
_LINKED = re.compile(r":(?=//)|www(?=\.)|@", re.IGNORECASE)
"""What makes an address that the UI turns into a link, even where it is escaped."""
_JOINER = "\u2060"  # has no width
_BLANKS = re.compile(" +")  # an unbreakable one stays as it is
_CODE = re.compile("(`(?:ops: |cw-pipeline )[^`]*`)")
_LONGEST = 1_000
_SHOWN_IN_A_WINDOW = 1_000
"""Shorter Markdown the UI shows where it stands, in a column that is too narrow for a table."""


def escaped(text: object) -> str:
    """Foreign text as Markdown that shows it, on one line, and does nothing else."""
    line = _BLANKS.sub(" ", harmless(shortened(str(text), _LONGEST))).strip()
    return _PUNCTUATION.sub(r"\\\g<0>", _LINKED.sub(rf"\g<0>{_JOINER}", line))


def unescaped(text: str) -> str:
    """What a reader sees of text with escaped names in it, for where there is no Markdown."""
    return _ESCAPED.sub(r"\1", text).replace(_JOINER, "")


def sentence(text: str) -> str:
    """A sentence with foreign names in it, in which only commands and configs are marked up, as code."""
    return "".join(part if index % 2 else _spaced(part) for index, part in enumerate(_CODE.split(text)))


def _spaced(part: str) -> str:
    """An escaped part of a sentence, with the blanks at its ends."""
    return f"{' ' if part[:1] == ' ' else ''}{escaped(part)}{' ' if part[-1:] == ' ' else ''}" if part.strip() else part


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose cells are Markdown; columns whose heading ends with a colon are aligned to the right."""
    lines = [
        _row(heading.rstrip(":") for heading in headings),
        _row("--:" if heading.endswith(":") else "---" for heading in headings),
        *(_row("" if cell is None else str(cell) for cell in row) for row in rows),
    ]
    return "\n".join(lines)


def in_a_window(text: str) -> str:
    """Markdown that is long enough for the UI to open it in a window."""
    return text.ljust(_SHOWN_IN_A_WINDOW)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
