"""`preview` and `sync`: a run in Dagster, and what came of each month."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import typer

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import tally
from cw_pipeline.cli.environment import (
    FromOption,
    MonthOption,
    ToOption,
    now,
    opened_dagster,
    opened_warehouse,
    read_settings,
)
from cw_pipeline.cli.output import AsJson, Output, UsageError, command_output, number
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import Month, month_options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from datetime import datetime

    from dagster import DagsterInstance

    from cw_pipeline.billing.outcomes import Outcome
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.settings import Settings
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.previews import MonthReport

_GROUPS = {"Right": RIGHT, "Not billed": NOT_BILLED, "Held": HELD, "Failed": FAILED}
_STEPS = {"monthly_usage": "usage read", "push_preview": "previewed", "connectwise_push": "synced"}


def preview(
    month: MonthOption = None, first: FromOption = None, last: ToOption = None, *, as_json: AsJson = False
) -> None:
    """What a sync would write, line by line: the dry run. By default of the last closed month."""
    with command_output(as_json=as_json) as output:
        reports = _run(output, "preview", month, first, last)
        options = month_options(reports[0].month, reports[-1].month)
        _tell(output, reports, f"Nothing was written. Carry it out with `cw-pipeline sync {options}`.")


def sync(
    month: MonthOption = None, first: FromOption = None, last: ToOption = None, *, as_json: AsJson = False
) -> None:
    """Write closed months' seats to the agreements, whatever was synced before. By default the last closed month."""
    with command_output(as_json=as_json) as output:
        reports = _run(output, "sync_now", month, first, last)
        _tell(output, reports, "Every write is in `cw-pipeline history`.")


def months_asked(
    month: Month | None, first: Month | None, last: Month | None, *, earliest: Month, moment: datetime
) -> list[Month]:
    """The months that the options name, all closed and none before ``earliest``.

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
        msg = f"--from {begin} is after --to {end}. Exchange them."
        raise UsageError(msg)
    if end > closed:
        msg = f"{end} has not closed yet. The last month that has is {closed}."
        raise UsageError(msg)
    if begin < earliest:
        msg = f"{begin} is before the first month, {earliest}. Set CW_PIPELINE_FIRST_MONTH to sync earlier ones."
        raise UsageError(msg)
    return list(begin.until(end))


def _run(
    output: Output,
    job: Literal["preview", "sync_now"],
    month: Month | None,
    first: Month | None,
    last: Month | None,
) -> list[MonthReport]:
    """Run the job for the months asked for, and return what came of each of them."""
    settings = read_settings()
    earliest = Month.parse(settings.cw_pipeline_first_month)
    months = months_asked(month, first, last, earliest=earliest, moment=now())
    with opened_warehouse(settings) as warehouse:
        _require_set_up(settings, warehouse)
        from cw_pipeline.definitions import defs
        from cw_pipeline.orchestration.runs import run_months
        from cw_pipeline.warehouse.previews import run_reports

        definition = defs.resolve_job_def(job)
        last_step = "push_preview" if job == "preview" else "connectwise_push"
        with opened_dagster(settings) as dagster, _progress(output, months, last_step) as on_month:
            run_id = run_months(definition, months, dagster, on_month=on_month)
            failure = _why_it_failed(dagster, run_id)
        with warehouse.transaction() as session:
            reports = {report.month: report for report in run_reports(session, run_id, pushed=job == "sync_now")}
    return _complete(reports, months, failure, run_id)


def _require_set_up(settings: Settings, warehouse: Warehouse) -> None:
    """Refuse before there is a run, where it is plain that the run would fail."""
    from cw_pipeline.setup.guards import require_active
    from cw_pipeline.setup.opening import open_connectwise, open_nordpass

    with open_connectwise(settings) as client, open_nordpass(settings), warehouse.transaction() as session:
        require_active(session, client)


def _why_it_failed(dagster: DagsterInstance, run_id: str) -> str | None:
    """The sentence with which a run's step failed; None if none did.

    Raises:
        KeyboardInterrupt: If that is why, for Dagster takes it as a failure of the step.
    """
    from dagster import DagsterEventType, DagsterExecutionInterruptedError

    for entry in dagster.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        data = entry.get_dagster_event().step_failure_data
        if data.error is not None and data.error.cls_name == DagsterExecutionInterruptedError.__name__:
            raise KeyboardInterrupt
        if data.user_failure_data is not None and data.user_failure_data.description:
            return data.user_failure_data.description
        return f"The run failed: {data.error_display_string.strip().splitlines()[0]}"
    return None


def _complete(
    reports: Mapping[Month, MonthReport], months: Sequence[Month], failure: str | None, run_id: str
) -> list[MonthReport]:
    """A report for each of the months: one that the run left without a word, or failed after, did not succeed."""
    from cw_pipeline.warehouse.previews import MonthReport

    error = failure or f"The run {run_id} ended before this month. See it in the Dagster UI, and run the month again."
    explained = any(report.error or _with(FAILED, report.lines) for report in reports.values())
    unexplained = failure is not None and not explained
    return [
        MonthReport(month, error=error) if unexplained or month not in reports else reports[month] for month in months
    ]


@contextmanager
def _progress(output: Output, months: Sequence[Month], last_step: str) -> Generator[Callable[[str, str], None]]:
    """Tell on standard error how far the run is: a bar on a terminal, a line for each finished month elsewhere."""
    if not output.notices.is_terminal:

        def tell(asset: str, month: str) -> None:
            if asset == last_step:
                output.notice(f"{month}: {_STEPS[asset]}")

        yield tell
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=output.notices, transient=True) as progress:
        steps = list(_STEPS).index(last_step) + 1
        task = progress.add_task("starting Dagster", total=len(months) * steps)
        yield lambda asset, month: progress.update(task, advance=1, description=f"{month} {_STEPS[asset]}")


def _tell(output: Output, reports: Sequence[MonthReport], what_next: str) -> None:
    """Say what came of each month, and end with 1 if anything was held or failed."""
    output.document({"months": [_document(report) for report in reports]})
    output.table(
        ["Month", "Lines", "Seats", *_GROUPS, "Also", "Read", "Written"],
        [_row(report) for report in reports],
        right=["Lines", "Seats", *_GROUPS, "Also", "Read", "Written"],
    )
    stuck = [(report.month, line) for report in reports for line in _with(HELD | FAILED, report.lines)]
    _tell_lines(output, "Reason", [(month, line, line.reason) for month, line in stuck])
    warned = [(report.month, line, line.warning) for report in reports for line in report.lines if line.warning]
    _tell_lines(output, "Warning", warned)
    for report in reports:
        if report.error:
            output.notice(f"{report.month}: {report.error}")
    if stuck or any(report.error for report in reports):
        output.say(
            "Some of it is held or failed: each reason says what to do about it. Then run this again; "
            "what is right already is not written again."
        )
        raise typer.Exit(HELD_OR_FAILED)
    output.say(what_next)


def _tell_lines(output: Output, what: str, told: Sequence[tuple[Month, PreviewLine, str]]) -> None:
    """Say of each line ``what`` there is to say of it."""
    if told:
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
                for month, line, sentence in told
            ],
            right=["Seats"],
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
    """Lines and seats, as in ``3: 45``."""
    return f"{len(lines)}: {_seats(lines)}" if lines else None


def _seats(lines: Iterable[PreviewLine]) -> Decimal:
    return sum((line.seats for line in lines), Decimal(0))


def _with(outcomes: frozenset[Outcome], lines: Iterable[PreviewLine]) -> list[PreviewLine]:
    return [line for line in lines if line.outcome in outcomes]
