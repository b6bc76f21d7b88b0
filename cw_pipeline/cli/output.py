"""What every command prints: tables and sentences for people, one JSON document for programs.

Names come from ConnectWise and NordPass, so no text is ever read as markup, what could steer a terminal is removed, and
where there is no terminal no cell of a table is a formula.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import nullcontext
from dataclasses import is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from cw_pipeline.cli.tables import NUMBER, print_table
from cw_pipeline.errors import DONE, HELD_OR_FAILED, USAGE_ERROR, CwPipelineError
from cw_pipeline.https import safe_text
from cw_pipeline.vocabulary import Month
from cw_pipeline.wording.commands import for_tenant
from cw_pipeline.wording.spreadsheets import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

_WIDE = 10_000  # not a terminal: each row on one line, for grep
_LINE_BREAKS = re.compile(r"\s*[\r\n\v\f\x85\u2028\u2029]\s*|\t")


class UsageError(CwPipelineError):
    """The command cannot be run with these arguments."""

    exit_code = USAGE_ERROR


class Output:
    """What a command prints: tables and sentences for people, or one JSON document for programs.

    Args:
        as_json: Whether to print the document.

    Attributes:
        exit_code: What the command exits with; it is set where something is held or failed.
        notices: Standard error, for progress and errors.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.exit_code = DONE
        self.notices = _console(stderr=True)
        self._answers = self.notices if as_json else _console(stderr=False)
        self._tenant = os.environ.get("CW_PIPELINE_TENANT")

    def document(self, document: object) -> None:
        """Print the JSON document, a mapping or a dataclass; with `--json` only."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, default=_as_json, indent=2) + "\n")
            sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table, without the columns that are empty in every row; nothing with `--json`.

        On a terminal that is too narrow for a table each row is a paragraph.

        Args:
            columns: Their headings.
            rows: Their cells; None is an empty one.
        """
        if not self.as_json:
            cells = [["" if cell is None else self._cell(str(cell)) for cell in row] for row in rows]
            print_table(self._answers, columns, cells)

    def _cell(self, text: str) -> str:
        cell = self._printable(text)
        # What a terminal does not show may end up in a spreadsheet.
        return cell if self._answers.is_terminal or NUMBER.fullmatch(cell) else guarded(cell)

    def say(self, sentence: str) -> None:
        """Print what was done, or what to do next."""
        self._answers.print(self._printable(sentence), soft_wrap=True)

    def notice(self, *sentences: str) -> None:
        """Print progress or problems to standard error."""
        for sentence in sentences:
            self.notices.print(self._printable(sentence), soft_wrap=True)

    def _printable(self, text: str) -> str:
        return harmless(for_tenant(text, self._tenant))

    def working(self, on: str) -> AbstractContextManager[object]:
        """Show, on a terminal and without `--json`, that the block is at work on something."""
        if self.as_json or not self.notices.is_terminal:
            return nullcontext()
        return self.notices.status(Text(f"{on} …"))

    @property
    def can_ask(self) -> bool:
        """Whether there is a person at a terminal."""
        return not self.as_json and sys.stdin.isatty()

    def confirm(self, question: str, *, refusal: str, yes: bool = False) -> None:
        """Go on only if the person at the terminal says yes, or said so beforehand.

        Raises:
            UsageError: With `refusal`, if there is no terminal.
            Exit: If the answer is no.
        """
        if yes:
            return
        if not self.can_ask:
            raise UsageError(refusal)
        if not typer.confirm(question, err=True):
            self.notice("Nothing was changed.")
            raise typer.Exit(HELD_OR_FAILED)


def harmless(text: str) -> str:
    """The text on one line, without what could steer a terminal."""
    return safe_text.harmless(_LINE_BREAKS.sub(" ", text), replacement="")


def members(record: object, *names: str) -> dict[str, object]:
    """The members of `record` with these names, for a JSON document."""
    return {name: getattr(record, name) for name in names}


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def _as_json(value: object) -> object:
    match value:
        case Month() | Path():
            return str(value)
        case date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _ if is_dataclass(value):
            return vars(value)
        case _:
            raise TypeError(type(value))
