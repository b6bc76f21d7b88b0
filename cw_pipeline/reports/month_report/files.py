"""The report as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.reports.month_report.page import page

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.reports.month_report.report import MonthlyReport
    from cw_pipeline.vocabulary import Month


FileFormat: TypeAlias = Literal["html", "xlsx", "csv"]


class FileNotWritten(CwPipelineError):
    """The file cannot be written where it should be."""

    exit_code = USAGE_ERROR


def usual_file(folder: Path, month: Month, file_format: FileFormat) -> Path:
    """Where a month's report is kept in a deployment's `folder` by default."""
    return folder / "reports" / f"nordpass-seats-{month}.{file_format}"


def write_report(report: MonthlyReport, file: Path, file_format: FileFormat, *, tenant: str | None = None) -> None:
    """Write the report to `file`, whose folder is made if needed and which is replaced if it exists.

    The commands in it are for `tenant`.

    Raises:
        FileNotWritten: If it cannot be written there.
    """
    if file_format == "html":
        content = page(report, tenant=tenant).encode()
    else:
        from cw_pipeline.reports.month_report import tables  # noqa: PLC0415 - slow, and only spreadsheets need it

        make = tables.workbook if file_format == "xlsx" else tables.comma_separated
        content = make(report, tenant=tenant)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}. Write it to another place."
        raise FileNotWritten(msg) from error
