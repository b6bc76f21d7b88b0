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
    """Where a month's report is kept in a deployment's `folder` if nobody names another place."""
    return folder / "reports" / f"nordpass-seats-{month}.{file_format}"


def write_report(report: MonthlyReport, file: Path, file_format: FileFormat, *, tenant: str | None = None) -> None:
    """Write the report; a file that is there is replaced.

    Args:
        report: The report.
        file: Where to; its folder is made if it is not there.
        file_format: As what.
        tenant: For which tenant the commands in it are.

    Raises:
        FileNotWritten: If it cannot be written there.
    """
    content = _content(report, file_format, tenant)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}. Write it to another place."
        raise FileNotWritten(msg) from error


def _content(report: MonthlyReport, file_format: FileFormat, tenant: str | None) -> bytes:
    if file_format == "html":
        return page(report, tenant=tenant).encode()
    from cw_pipeline.reports.month_report import tables  # noqa: PLC0415 - slow, and only spreadsheets need it

    make = tables.workbook if file_format == "xlsx" else tables.comma_separated
    return make(report, tenant=tenant)
