"""`preview` and `sync`: a run in Dagster, and the result of each month."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cw_pipeline.billing.outcomes import FAILED
from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, now, setup_command
from cw_pipeline.cli.month_results import print_preview, print_sync
from cw_pipeline.cli.options import (
    AsJson,
    FromOption,
    LimitOption,
    MonthOption,
    OrganizationsOption,
    PreviewOption,
    ToOption,
)
from cw_pipeline.cli.output import UsageError
from cw_pipeline.vocabulary import Month, month_options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from datetime import datetime

    from rich.console import Console

    from cw_pipeline.cli.command import Command
    from cw_pipeline.cli.output import Output
    from cw_pipeline.sync.choice import Choice
    from cw_pipeline.warehouse.previews import StoredPreview
    from cw_pipeline.warehouse.runs import MonthResult

_STEPS = {"monthly_usage": "usage read", "push_preview": "previewed", "connectwise_push": "synced"}


def preview(
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    organization: OrganizationsOption = None,
    limit: LimitOption = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a sync would write, line by line, without writing it. Default: the last closed month."""
    with command(as_json=as_json) as running:
        months = months_asked(month, first, last, earliest=running.first_month, moment=now())
        reports = _run(running, "preview", months, _chosen(organization, limit))
        made = " ".join(f"--preview {report.preview_id}" for report in reports)
        options = month_options(months[0], months[-1])
        whose = "".join(f" --organization {shlex.quote(one)}" for one in organization or [])
        whose += f" --limit {limit}" if limit else ""
        print_preview(
            running,
            reports,
            f"Nothing was written. To write it, run `cw-pipeline sync {options}{whose}`, or to write exactly this, "
            f"`cw-pipeline sync {made}{whose}`.",
        )


def sync(
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    *,
    previews: PreviewOption = None,
    organization: OrganizationsOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the seats of closed months to the agreements, again if need be. Default: the last closed month."""
    with command(as_json=as_json) as running:
        if not previews:
            months = months_asked(month, first, last, earliest=running.first_month, moment=now())
            reports = _run(running, "sync_now", months, _chosen(organization, limit))
        elif month or first or last:
            raise UsageError("A preview is of one month, so --preview goes with neither --month, --from nor --to.")
        else:
            with running.warehouse.transaction() as session:
                psa = lazy.psa.connected_psa(session)
                reviewed = lazy.reviewed.reviewed_previews(session, psa, previews)
            reports = _push_reviewed(running, reviewed, _chosen(organization, limit))
        print_sync(running, reports, "Every write is in `cw-pipeline history`.")


def approve(
    previews: Annotated[list[int], typer.Argument(metavar="ID", help="The ids of previews, one of each month.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write exactly the previews that you looked at, and record that you approved them.

    A month for which a sync would write something else by now is not written, and what differs is said. What the
    schedule previewed waits for this where CW_PIPELINE_APPROVAL is `required`.
    """
    with setup_command(as_json=as_json) as running:
        with running.warehouse.transaction() as session:
            lazy.guards.require_active(session, running.connectwise)
            psa = lazy.psa.connected_psa(session)
        reports = _push_reviewed(running, lazy.approve.approve(running.warehouse, psa, previews), _chosen(None, None))
        print_sync(running, reports, "Every write is in `cw-pipeline history`.")


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


def _chosen(organizations: Sequence[str] | None, limit: int | None) -> dict[str, object]:
    """For whom a run is, as its config says it."""
    return {"organizations": [*(organizations or [])], "limit": limit or 0}


def _push_reviewed(
    running: Command, reviewed: Mapping[Month, StoredPreview], chosen: Mapping[str, object]
) -> list[MonthResult]:
    """Push exactly what a person looked at, in one run for all months that follow each other; a report for each.

    Raises:
        UsageError: If one of the months cannot be synced any more.
    """
    together: list[list[Month]] = []
    for month in sorted(reviewed):
        months_asked(month, None, None, earliest=running.first_month, moment=now())
        if together and together[-1][-1].plus(1) == month:
            together[-1].append(month)
        else:
            together.append([month])
    return [
        report
        for months in together
        for report in _run(
            running, "sync_now", months, {**chosen, "previews": [reviewed[month].id for month in months]}
        )
    ]


def _run(
    running: Command,
    job: Literal["preview", "sync_now"],
    months: Sequence[Month],
    config: Mapping[str, Any],
) -> list[MonthResult]:
    """Run the job for these months; a report for each of them, of the chosen organizations.

    Settings, state and names are checked first, so that there is no run that cannot succeed.
    """
    warehouse = running.warehouse
    with warehouse.transaction() as session:
        lazy.guards.require_active(session, running.connectwise)
    choice = lazy.lookup.choice_of(warehouse, config["organizations"], config["limit"])
    _ = running.nordpass
    definition = lazy.definitions.defs.resolve_job_def(job)
    last_step = "push_preview" if job == "preview" else "connectwise_push"
    with _progress(running, months, last_step) as on_month:
        run_id = lazy.runs.run_months(definition, months, running.dagster, on_month=on_month, config=config)
        failure = lazy.runs.failure_of(run_id, running.dagster)
    with warehouse.transaction() as session:
        found = lazy.run_results.run_results(session, run_id, pushed=job == "sync_now")
    reports = _complete({report.month: report for report in found}, months, failure, run_id)
    return [_of_the_chosen(report, choice, pushed=job == "sync_now") for report in reports]


def _of_the_chosen(report: MonthResult, choice: Choice, *, pushed: bool) -> MonthResult:
    """The report without the lines of organizations that were not chosen; a push has none of those left out."""
    left_out = frozenset[str]() if pushed else choice.left_out(report.lines)
    if choice.organizations:
        left_out |= {line.organization_id for line in report.lines} - choice.organizations
    return replace(report, lines=tuple(line for line in report.lines if line.organization_id not in left_out))


def _complete(
    reports: Mapping[Month, MonthResult], months: Sequence[Month], failure: str | None, run_id: str
) -> list[MonthResult]:
    """A report for each of the months; one that the run did not report, or failed after, has an error."""
    error = failure or f"The run {run_id} ended before this month. See it in the Dagster UI, and run the month again."
    explained = any(report.error or any(line.outcome in FAILED for line in report.lines) for report in reports.values())
    unexplained = failure is not None and not explained
    kept: Mapping[Month, MonthResult] = {} if unexplained else reports
    return [kept.get(month) or lazy.run_results.MonthResult(month, error=error) for month in months]


@contextmanager
def _progress(output: Output, months: Sequence[Month], last_step: str) -> Generator[Callable[[str, str], None]]:
    """Show progress on standard error: a bar on a terminal, else a line for each finished month."""
    if output.as_json or not output.notices.is_terminal:

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
    from rich.progress import (  # noqa: PLC0415 - slow, and few commands need it
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

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

        def advance(asset: str, month: str) -> None:
            if asset in _STEPS:
                progress.update(task, advance=1, step=f"{month} {_STEPS[asset]}")

        yield advance
