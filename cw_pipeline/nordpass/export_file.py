"""Reading a usage export: its usage rows, or everything that is wrong with it."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from pydantic import ValidationError

from cw_pipeline.nordpass.errors import Fault, MalformedReport
from cw_pipeline.nordpass.fields import EXPECTED, UNIQUE, quoted
from cw_pipeline.nordpass.models import MOST_ORGANIZATIONS, UsageRow

_COLUMNS: Final = tuple(UsageRow.model_fields)
_HEADER: Final = f"the header {','.join(_COLUMNS)}"
_MOST_ROWS: Final = MOST_ORGANIZATIONS + 1  # with the header
_MOST_COLUMNS: Final = 100
_LONGEST_COLUMN: Final = 60
_BOOLEANS: Final = {"true": True, "false": False}
_WHAT_TO_DO: Final = "Download it again from the panel's Usage data tab and save it unedited, as CSV in UTF-8."


class _MalformedError(Exception):
    def __init__(self, *faults: Fault) -> None:
        self.faults = faults


def rows_of(content: bytes, file_name: str) -> tuple[UsageRow, ...]:
    """The usage rows of an export.

    Args:
        content: The file's bytes: UTF-8, with or without a byte order mark.
        file_name: What to call the file in an error.

    Raises:
        MalformedReport: The file is not in the documented form. All faults in cells are listed, unless the file is not
            CSV or has another header.
    """
    try:
        return tuple(_usage_rows(_records(content)))
    except _MalformedError as malformed:
        raise MalformedReport(file_name, malformed.faults, _WHAT_TO_DO) from None


def _records(content: bytes) -> Iterator[list[str]]:
    """The cells of each row, including the header and blank rows."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _MalformedError(Fault("UTF-8 text", row=content.count(b"\n", 0, error.start) + 1)) from None
    row = 1
    try:
        for cells in csv.reader(StringIO(text), strict=True):
            yield cells
            row += 1
    except csv.Error as error:
        if str(error) == "unexpected end of data":
            raise _MalformedError(Fault("a closing quote", "the end of the file", row)) from None
        raise _MalformedError(Fault("CSV with every quote closed", str(error), row)) from None


def _usage_rows(records: Iterator[list[str]]) -> list[UsageRow]:
    """The rows below the header, without blank ones."""
    header = next(records, list[str]())
    _check_header(header)
    rows: list[UsageRow] = []
    faults: list[Fault] = []
    ids: set[str] = set()
    for number, cells in enumerate(records, start=2):
        if number > _MOST_ROWS:
            raise _MalformedError(Fault(f"at most {_MOST_ROWS} rows"))
        if len(cells) > len(header):
            raise _MalformedError(Fault(f"{len(header)} columns as in the header", str(len(cells)), number))
        if not any(cells):
            continue
        row = dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))
        try:
            rows.append(UsageRow.model_validate(row | _typed(row)))
        except ValidationError as error:
            columns = [str(detail["loc"][0]) for detail in error.errors(include_url=False, include_input=False)]
            faults += [Fault(EXPECTED[column], quoted(row[column]), number, column) for column in columns]
        if (organization_id := row["organization_id"]) in ids:
            faults.append(Fault(UNIQUE, quoted(organization_id), number, "organization_id"))
        ids.add(organization_id)
    if faults:
        raise _MalformedError(*faults)
    return rows


def _check_header(header: Sequence[str]) -> None:
    if len(header) > _MOST_COLUMNS:
        raise _MalformedError(Fault(_HEADER, f"{len(header)} columns", row=1))
    if not any(header):
        raise _MalformedError(Fault(_HEADER, "nothing", row=1))
    names = [name[:_LONGEST_COLUMN] for name in header]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _MalformedError(Fault("each column once", quoted(repeated[0]) + " again", 1, repeated[0]))
    missing = [Fault("this column", "nothing", 1, name) for name in _COLUMNS if name not in names]
    unknown = [Fault(f"one of {', '.join(_COLUMNS)}", quoted(name), 1, name) for name in names if name not in _COLUMNS]
    if missing or unknown:
        raise _MalformedError(*missing, *unknown)


def _typed(row: dict[str, str]) -> dict[str, object]:
    """The cells that are not text; one in another form stays a text, which its field refuses."""
    managed, seats = row["msp_managed"], row["consumed_licenses"]
    return {
        "msp_managed": _BOOLEANS.get(managed.lower(), managed),
        "consumed_licenses": int(seats) if re.fullmatch(r"0|[1-9][0-9]{0,8}", seats) else seats,
    }
