"""The form of the mapping file: a CSV that spreadsheets open and save without harm, or cells pasted from one.

Only ids are read; names are for people. No text is a formula.
"""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from cw_pipeline.setup.errors import MappingFileRefused, NotPossible
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.wording.spreadsheets import guarded, unguarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cw_pipeline.warehouse.names import Named
    from cw_pipeline.warehouse.tables import AgreementRow

_MONTHS_OF_SPREADSHEETS = ("%b-%y", "%b-%Y", "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y/%m")
_MOST_BYTES = 16 * 1024 * 1024
_MOST_ROWS = 100_000
_LONGEST_ID = 255
CHOOSE = "choose: "


class Cells(NamedTuple):
    """A row's cells. The field names are the header; the last one is left out unless a mapping has trial months."""

    company_id: str = ""
    company_name: str = ""
    agreement_id: str = ""
    agreement_name: str = ""
    organization_id: str = ""
    organization_name: str = ""
    bill_from: str = ""
    trial_months: str = ""


_USUAL_HEADER = Cells._fields[:-1]


@dataclass(frozen=True)
class Row:
    """A row of a file; an empty cell is None.

    Attributes:
        number: As a spreadsheet shows it; the header is row 1.
        cut_short: Whether cells are missing at its end: spreadsheets leave out columns that are empty in many rows.
    """

    number: int
    cells: Cells
    company_id: int
    agreement_id: int | None
    organization_id: str | None
    bill_from: Month | None
    trial_months: int | None
    cut_short: bool

    @property
    def is_bare(self) -> bool:
        """Whether the row names neither agreement nor organization, and so unmaps the company."""
        return self.agreement_id is None and self.organization_id is None


def to_choose(records: Iterable[Named | AgreementRow]) -> str:
    """What a person may choose from, with ids; empty if that is nothing."""
    choices = "; ".join(map(name_and_id, records))
    return choices and f"{CHOOSE}{choices}"


def write_rows(file: Path, rows: Iterable[Cells], *, mode: Literal["w", "x"]) -> None:
    """Write the file; with `mode` `x` only if it does not exist.

    Raises:
        NotPossible: If it cannot be written, or exists.
    """
    text = csv_of(rows)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open(mode, encoding="utf-8-sig", newline="") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise NotPossible(
            f"{file} cannot be written: {error.strerror}. Nothing was changed. Name another file."
        ) from error


def csv_of(rows: Iterable[Cells]) -> str:
    """The text of a mapping file."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table_of(rows))
    return text.getvalue()


def table_of(rows: Iterable[Cells]) -> tuple[Sequence[str], ...]:
    """The header and the rows, none of whose cells is a formula."""
    rows = list(rows)
    header = Cells._fields if any(row.trial_months for row in rows) else _USUAL_HEADER
    return (header, *([guarded(cell) for cell in row[: len(header)]] for row in rows))


def read_rows(source: Path | str) -> tuple[list[Row], list[str]]:
    """The rows of a file, or of pasted text, that can be read, and what is wrong with the others; no empty rows.

    Raises:
        MappingFileRefused: If it is not a mapping file at all.
    """
    file = name_of(source)
    text = source if isinstance(source, str) else _text_of(source)
    header, _, _ = text.partition("\n")
    # Spreadsheets of some countries write semicolons; cells that are copied out of one are separated by tabs.
    delimiter = next((character for character in "\t;" if character in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        table = list(islice(reader, _MOST_ROWS + 1))
    except csv.Error as error:
        raise MappingFileRefused(file, [f"it is not CSV ({error})"]) from error
    if len(table) > _MOST_ROWS:
        raise MappingFileRefused(file, [f"it has more than {_MOST_ROWS} rows"])
    columns = tuple(cell.strip() for cell in table[0]) if table else ()
    if columns not in {Cells._fields, _USUAL_HEADER}:
        raise MappingFileRefused(file, [f"row 1: the header has to be {','.join(_USUAL_HEADER)}"])
    rows: list[Row] = []
    faults: list[str] = []
    for number, texts in enumerate(table[1:], start=2):
        if any(map(str.strip, texts)):
            try:
                rows.append(_parsed(number, texts, len(columns)))
            except ValueError as error:
                faults.append(f"row {number}: {error}")
    return rows, faults


def name_of(source: Path | str) -> str:
    """What a file, or pasted text, is called."""
    return "The pasted CSV" if isinstance(source, str) else str(source)


def _text_of(file: Path) -> str:
    try:
        if file.exists() and not file.is_file():
            raise MappingFileRefused(file, ["it is not a file"])
        if file.stat().st_size > _MOST_BYTES:
            raise MappingFileRefused(file, [f"it is larger than {_MOST_BYTES} bytes"])
        # Only names can have letters that a spreadsheet saved in another encoding, and they are not read.
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise MappingFileRefused(file, [f"it cannot be read ({error.strerror})"]) from error


def _parsed(number: int, texts: Sequence[str], columns: int) -> Row:
    if len(texts) > columns:
        raise ValueError(f"{columns} cells are expected, {len(texts)} found")
    cells = Cells(*(unguarded(text.strip()) for text in texts))
    for column in ("company_id", "agreement_id", "organization_id", "bill_from", "trial_months"):
        if len(getattr(cells, column)) > _LONGEST_ID:
            raise ValueError(f"{column} is longer than {_LONGEST_ID} letters")
    company_id = _number("company_id", cells.company_id)
    if company_id is None:
        raise ValueError("company_id is empty")
    return Row(
        number,
        cells,
        company_id,
        agreement_id=_number("agreement_id", cells.agreement_id),
        organization_id=cells.organization_id or None,
        bill_from=_month(cells.bill_from) if cells.bill_from else None,
        trial_months=_number("trial_months", cells.trial_months),
        cut_short=len(texts) < columns,
    )


def _number(column: str, text: str) -> int | None:
    if text and not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(f"{column} {text} is not a number")
    return int(text) if text else None


def _month(text: str) -> Month:
    for form in _MONTHS_OF_SPREADSHEETS:
        try:
            day = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if day.day == 1:
            return Month.of(day)
    return Month.parse(text)
