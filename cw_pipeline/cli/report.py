"""`report`: a month's report as a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, now
from cw_pipeline.cli.options import AsJson, MonthOption
from cw_pipeline.vocabulary import Month


class _Format(StrEnum):
    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"


def report(
    month: MonthOption = None,
    file_format: Annotated[
        _Format, typer.Option("--format", help="A page to read and print, a workbook, or a table of organizations.")
    ] = _Format.HTML,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; one that is there is replaced. Default: in the home folder.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a synced month's report: what each customer owes and is billed, and what is not. Default: the last month.

    It reads the warehouse alone. The page needs nothing from elsewhere, so that it can be sent and kept.
    """
    with command(as_json=as_json) as running:
        settings, chosen = running.settings, month or Month.last_closed(now())
        with running.warehouse.transaction() as session:
            made = lazy.month_report.month_report(session, chosen)
        file = output or lazy.report_files.usual_file(settings.own_folder, chosen, file_format.value)
        lazy.report_files.write_report(made, file, file_format.value, tenant=settings.tenant_key)
        running.document(
            {
                "month": made.month,
                "file": file.absolute(),
                "format": file_format.value,
                "pushed_at": made.pushed_at,
                "run_id": made.run_id,
                "seats": {
                    "used": made.seats.used,
                    "billed": made.seats.billed,
                    "waiting": made.seats.waiting,
                    "not_billed": made.seats.not_billed,
                },
                "worth": {
                    "billed": made.worth_billed.money,
                    "waiting": made.worth_waiting.money,
                    "not_billed": made.worth_not_billed.money,
                },
            }
        )
        seats = made.seats
        running.say(
            f"{file.absolute()} has the report of {made.month}: {seats.used:,} seats used, {seats.billed:,} billed, "
            f"{seats.waiting:,} waiting, {seats.not_billed:,} not billed."
        )
