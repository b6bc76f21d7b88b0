"""One usage export: its bytes, checked cell by cell, become usage rows, or nothing does."""

import csv
import re
from collections.abc import Callable, Hashable, Mapping
from io import StringIO
from typing import Any, Final, cast

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from cw_pipeline.nordpass.errors import Fault, MalformedReport
from cw_pipeline.nordpass.fields import EXPECTED, UNIQUE, shown
from cw_pipeline.nordpass.models import MOST_LICENSES, MOST_ORGANIZATIONS, LicenseType, Plan, UsageRow, is_id, is_text

_MOST_ROWS: Final = MOST_ORGANIZATIONS + 1  # with the header
_MOST_COLUMNS: Final = 100
_LONGEST_COLUMN: Final = 60
_BOOLEANS: Final = {"true": True, "false": False}
_WHAT_TO_DO: Final = "Download it again from the panel's Usage data tab and save it unedited, as CSV in UTF-8."


def _is_count(text: str) -> bool:
    return re.fullmatch(r"0|[1-9][0-9]{0,8}", text) is not None and int(text) <= MOST_LICENSES


def _column(holds: Callable[[str], bool], *, unique: bool = False) -> pa.Column:
    return pa.Column(checks=pa.Check(holds, element_wise=True), unique=unique, report_duplicates="exclude_first")


SCHEMA: Final = pa.DataFrameSchema(
    {
        "organization_id": _column(is_id, unique=True),
        "organization_name": _column(is_text),
        "plan": _column(lambda text: text in set(Plan)),
        "license_type": _column(lambda text: text in set(LicenseType)),
        "msp_managed": _column(lambda text: text.lower() in _BOOLEANS),
        "consumed_licenses": _column(_is_count),
    },
    strict=True,
)
"""An export's texts, before any of them is converted."""


def rows_of(content: bytes, file_name: str) -> tuple[UsageRow, ...]:
    """The usage rows of an export.

    Args:
        content: The file's bytes: UTF-8, with or without a byte order mark.
        file_name: What to call the file in an error.

    Raises:
        MalformedReport: The file is not in the documented form; the error lists every fault.
    """
    table = _texts(content, file_name)
    try:
        SCHEMA.validate(table, lazy=True)
    except SchemaErrors as errors:
        cases = cast("pd.DataFrame", errors.failure_cases)
        faults = [_schema_fault(case) for case in cases.to_dict(orient="records")]
        raise MalformedReport(file_name, sorted(faults, key=lambda fault: fault.row or 0), _WHAT_TO_DO) from None
    return tuple(
        UsageRow(
            organization_id=record["organization_id"],
            organization_name=record["organization_name"],
            plan=Plan(record["plan"]),
            license_type=LicenseType(record["license_type"]),
            msp_managed=_BOOLEANS[record["msp_managed"].lower()],
            consumed_licenses=int(record["consumed_licenses"]),
        )
        for record in table.to_dict(orient="records")
    )


def _texts(content: bytes, file_name: str) -> pd.DataFrame:
    """The cells as texts, under the file's header, indexed by the row numbers that a spreadsheet shows."""
    try:
        text = content.decode("utf-8-sig")
        columns = len(next(csv.reader(StringIO(text)), ()))
        if columns > _MOST_COLUMNS:
            fault = Fault(f"the header {','.join(SCHEMA.columns)}", f"{columns} columns", row=1)
            raise MalformedReport(file_name, [fault], _WHAT_TO_DO)
        # Told of no header, pandas makes no column an index, renames no repeated column and refuses a longer row.
        cells = pd.read_csv(
            StringIO(text),
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            nrows=_MOST_ROWS + 1,
        )
    except UnicodeDecodeError as error:
        fault = Fault("UTF-8 text", row=content.count(b"\n", 0, error.start) + 1)
    except pd.errors.EmptyDataError:
        fault = Fault(f"the header {','.join(SCHEMA.columns)}", "nothing", row=1)
    except (pd.errors.ParserError, csv.Error) as error:
        fault = _syntax_fault(str(error))
    else:
        if len(cells) > _MOST_ROWS:
            raise MalformedReport(file_name, [Fault(f"at most {_MOST_ROWS} rows")], _WHAT_TO_DO)
        header = [str(name)[:_LONGEST_COLUMN] for name in cells.iloc[0]]
        table = cells.iloc[1:].set_axis(header, axis="columns").set_axis(range(2, len(cells) + 1), axis="index")
        repeated = sorted({name for name in header if header.count(name) > 1})
        if not repeated:
            return table[(table != "").any(axis="columns")]  # a blank line is no row
        fault = Fault("each column once", shown(repeated[0]) + " again", row=1, column=repeated[0])
    raise MalformedReport(file_name, [fault], _WHAT_TO_DO)


def _syntax_fault(words: str) -> Fault:
    """Translate pandas' two complaints about CSV itself; it counts lines from 1, but rows with an open quote from 0."""
    if too_long := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", words):
        expected, row, found = too_long.groups()
        return Fault(f"{expected} columns as in the header", found, row=int(row))
    if unclosed := re.search(r"EOF inside string starting at row (\d+)", words):
        return Fault("a closing quote", "the end of the file", row=int(unclosed[1]) + 1)
    return Fault("CSV", words)


def _schema_fault(case: Mapping[Hashable, Any]) -> Fault:
    """Translate one of pandera's failure cases."""
    value = str(case["failure_case"])
    if case["check"] == "column_in_dataframe":
        return Fault("this column", "nothing", row=1, column=value)
    if case["check"] == "column_in_schema":
        return Fault(f"one of {', '.join(SCHEMA.columns)}", shown(value), row=1, column=value)
    expected = UNIQUE if case["check"] == "field_uniqueness" else EXPECTED[case["column"]]
    return Fault(expected, shown(value), row=int(case["index"]), column=case["column"])
