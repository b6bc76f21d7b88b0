"""`preview` and `sync`: a run in Dagster, and the result of each month."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import tally
from cw_pipeline.cli import rooms
from cw_pipeline.cli.command import command, now
from cw_pipeline.cli.options import AsJson, FromOption, MonthOption, ToOption
from cw_pipeline.cli.output import UsageError, number
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import Month, month_options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from datetime import datetime

    from rich.console import Console

    from cw_pipeline.billing.outcomes import Outcome
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.cli.command import Command
    from cw_pipeline.cli.output import Output
    from cw_pipeline.warehouse.previews import MonthReport

_GROUPS = {"Right": RIGHT, "Not billed": NOT_BILLED, "Held": HELD, "Failed": FAILED}
_STEPS = {"monthly_usage": "usage read", "push_preview": "previewed", "connectwise_push": "synced"}


def preview(
    month: MonthOption = None, first: FromOption = None, last: ToOption = None, *, as_json: AsJson = False
) -> None:
    """Show what a sync would write, line by line, without writing it. Default: the last closed month."""
    with command(as_json=as_json) as running:
        reports = _run(running, "preview", month, first, last)
        options = month_options(reports[0].month, reports[-1].month)
        _print_months(running, reports, f"Nothing was written. To write it, run `cw-pipeline sync {options}`.")


def sync(
    month: MonthOption = None, first: FromOption = None, last: ToOption = None, *, as_json: AsJson = False
) -> None:
    """Write the seats of closed months to the agreements, again if need be. Default: the last closed month."""
    with command(as_json=as_json) as running:
        reports = _run(running, "sync_now", month, first, last)
        _print_months(running, reports, "Every write is in `cw-pipeline history`.")


def months_asked(
    month: Month | None, first: Month | None, last: Month | None, *, earliest: Month, moment: datetime
) -> list[Month]:
    """The months that the options name, all closed and none before `earliest`.

    Raises:
        UsageError: If the options contradict each other, or name a month that cannot be synced.
    """
    closed = Month.last_closed(moment)
    if month is not None and (first is not None or last is not None):
        raise UsageError("Give either --month, or --from and --to.")
    if (first is None) != (last is None):
        raise UsageError("--from and --to belong together. For one month give --month.")
    begin, end = (first, last) if first is not None and last is not None else (month or closed, month or closed)
    if begin > end:
        msg = f"--from {begin} is after --to {end}. Swap them."
        raise UsageError(msg)
    if end > closed:
        msg = f"{end} has not closed yet. The last month that has is {closed}."
        raise UsageError(msg)
    if begin < earliest:
        msg = f"{begin} is before the first month, {earliest}. Set CW_PIPELINE_FIRST_MONTH to sync earlier ones."
        raise UsageError(msg)
    return list(begin.until(end))


def _run(
    running: Command, job: Literal["preview", "sync_now"], month: Month | None, first: Month | None, last: Month | None
) -> list[MonthReport]:
    """Run the job for the chosen months; a report for each of them.

    Settings and state are checked first, so that there is no run that cannot succeed.
    """
    months = months_asked(month, first, last, earliest=running.first_month, moment=now())
    warehouse = running.warehouse
    with warehouse.transaction() as session:
        rooms.guards.require_active(session, running.connectwise)
    _ = running.nordpass
    definition = rooms.definitions.defs.resolve_job_def(job)
    last_step = "push_preview" if job == "preview" else "connectwise_push"
    with _progress(running, months, last_step) as on_month:
        run_id = rooms.runs.run_months(definition, months, running.dagster, on_month=on_month)
        failure = rooms.runs.failure_of(run_id, running.dagster)
    with warehouse.transaction() as session:
        found = rooms.previews.run_reports(session, run_id, pushed=job == "sync_now")
    return _complete({report.month: report for report in found}, months, failure, run_id)


def _complete(
    reports: Mapping[Month, MonthReport], months: Sequence[Month], failure: str | None, run_id: str
) -> list[MonthReport]:
    """A report for each of the months; one that the run did not report, or failed after, has an error."""
    error = failure or f"The run {run_id} ended before this month. See it in the Dagster UI, and run the month again."
    explained = any(report.error or _with(FAILED, report.lines) for report in reports.values())
    unexplained = failure is not None and not explained
    kept: Mapping[Month, MonthReport] = {} if unexplained else reports
    return [kept.get(month) or rooms.previews.MonthReport(month, error=error) for month in months]


@contextmanager
def _progress(output: Output, months: Sequence[Month], last_step: str) -> Generator[Callable[[str, str], None]]:
    """Show progress on standard error: a bar on a terminal, else a line for each finished month."""
    if not output.notices.is_terminal:

        def tell(asset: str, month: str) -> None:
            if asset == last_step:
                output.notice(f"{month}: {_STEPS[asset]}")

        yield tell
        return
    with progress_bar(output.notices, "", months, last_step) as on_month:
        yield on_month


@contextmanager
def progress_bar(
    console: Console, title: str, months: Sequence[Month], last_step: str
) -> Generator[Callable[[str, str], None]]:
    """A bar that the function it yields moves, given an asset and a month; nothing if there is no terminal."""
    columns = (
        TextColumn("[bold]{task.description}[/]"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        steps = list(_STEPS).index(last_step) + 1
        task = progress.add_task(title, total=len(months) * steps, step="starting Dagster")
        yield lambda asset, month: progress.update(task, advance=1, step=f"{month} {_STEPS[asset]}")


def _print_months(output: Output, reports: Sequence[MonthReport], next_step: str) -> None:
    """Print each month's result; the exit code says whether anything was held or failed."""
    output.document({"months": [_document(report) for report in reports]})
    output.table(
        ["Month", "Lines", "Seats", *_GROUPS, "Also", "Read", "Written"],
        [_row(report) for report in reports],
    )
    stuck = [(report.month, line) for report in reports for line in _with(HELD | FAILED, report.lines)]
    _print_lines(output, "Reason", [(month, line, line.reason) for month, line in stuck])
    warned = [(report.month, line, line.warning) for report in reports for line in report.lines if line.warning]
    _print_lines(output, "Warning", warned)
    for report in reports:
        if report.error:
            output.notice(f"{report.month}: {report.error}")
    if stuck or any(report.error for report in reports):
        output.say(
            "Some lines are held or failed. Do what each reason says, then run this again: "
            "lines that are right are not written again."
        )
        output.exit_code = HELD_OR_FAILED
        return
    output.say(next_step)


def _print_lines(output: Output, what: str, lines: Sequence[tuple[Month, PreviewLine, str]]) -> None:
    """Print each line with its sentence, in a column named `what`."""
    if lines:
        output.table(
            ["Month", "Organization", "Plan", "Outcome", "Seats", what],
            [
                (
                    month,
                    f"{line.organization_name} ({line.organization_id})",
                    line.plan,
                    f"{line.outcome} (also)" if line.also else line.outcome,
                    line.seats,
                    sentence,
                )
                for month, line, sentence in lines
            ],
        )


def _document(report: MonthReport) -> dict[str, object]:
    if report.error is not None:
        return {"month": report.month, "error": report.error}
    return {
        "month": report.month,
        "outcomes": _tallies(line for line in report.lines if not line.also),
        "also": _tallies(line for line in report.lines if line.also),
        "warnings": [
            {
                "organization_id": line.organization_id,
                "plan": line.plan,
                "agreement_id": line.agreement_id,
                "seats": number(line.seats),
                "warning": line.warning,
            }
            for line in report.lines
            if line.warning
        ],
        "requests": {"read": report.requests_read, "written": report.requests_written},
    }


def _tallies(lines: Iterable[PreviewLine]) -> dict[str, object]:
    return {outcome: {"lines": one.lines, "seats": number(one.seats)} for outcome, one in tally(lines).items()}


def _row(report: MonthReport) -> tuple[object, ...]:
    if report.error is not None:
        return (report.month, *[None] * (len(_GROUPS) + 4), "failed")
    rows = [line for line in report.lines if not line.also]
    return (
        report.month,
        len(rows),
        _seats(rows),
        *(_cell(_with(group, rows)) for group in _GROUPS.values()),
        _cell([line for line in report.lines if line.also]),
        report.requests_read,
        report.requests_written,
    )


def _cell(lines: Sequence[PreviewLine]) -> str | None:
    """Lines and seats, as in `3: 45`."""
    return f"{len(lines)}: {_seats(lines)}" if lines else None


def _seats(lines: Iterable[PreviewLine]) -> Decimal:
    return sum((line.seats for line in lines), Decimal(0))


def _with(outcomes: frozenset[Outcome], lines: Iterable[PreviewLine]) -> list[PreviewLine]:
    return [line for line in lines if line.outcome in outcomes]
