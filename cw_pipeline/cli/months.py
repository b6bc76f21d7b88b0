"""`preview`, `sync`, `approve` and `undo`: a run in Dagster, and the result of each month."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cw_pipeline.billing.outcomes import FAILED
from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, now, setup_command
from cw_pipeline.cli.month_results import print_results
from cw_pipeline.cli.options import FromOption, LimitOption, MonthOption, OrganizationsOption, PreviewOption, ToOption
from cw_pipeline.cli.output import UsageError, members
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import Month
from cw_pipeline.wording.commands import month_options
from cw_pipeline.wording.undo import what_next

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from rich.console import Console

    from cw_pipeline.setup.undo import UndoneLine
    from cw_pipeline.sync.chosen_organizations import Choice
    from cw_pipeline.warehouse.previews import StoredPreview
    from cw_pipeline.warehouse.runs import MonthResult

_SYNCED = "Every write is in `cw-pipeline history`."
_STEPS = {"monthly_usage": "usage read", "push_preview": "previewed", "connectwise_push": "synced"}


@command
def preview(
    cmd: Command,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    *,
    organization: OrganizationsOption = None,
    limit: LimitOption = None,
) -> None:
    """Show what a sync would write, line by line, without writing it. Default: the last closed month."""
    months = chosen_months(month, first, last, earliest=cmd.first_month, now=now())
    results = run_job(cmd, "preview", months, organizations=organization, limit=limit)
    previews = " ".join(f"--preview {result.preview_id}" for result in results)
    selection = "".join(f" --organization {shlex.quote(name)}" for name in organization or [])
    selection += f" --limit {limit}" if limit else ""
    next_step = (
        f"Nothing was written. To write it, run `cw-pipeline sync {month_options(months[0], months[-1])}{selection}`, "
        f"or to write exactly this, `cw-pipeline sync {previews}{selection}`."
    )
    print_results(cmd, results, next_step, pushed=False)


@command
def sync(
    cmd: Command,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    *,
    previews: PreviewOption = None,
    organization: OrganizationsOption = None,
    limit: LimitOption = None,
) -> None:
    """Write the seats of closed months to the agreements, as often as you like. Default: the last closed month."""
    if not previews:
        months = chosen_months(month, first, last, earliest=cmd.first_month, now=now())
        results = run_job(cmd, "sync_now", months, organizations=organization, limit=limit)
    elif month or first or last:
        raise UsageError("A preview is of one month, so --preview goes with neither --month, --from nor --to.")
    else:
        with cmd.warehouse.transaction() as session:
            reviewed = lazy.reviewed.reviewed_previews(session, lazy.psa.connected_psa(session), previews)
        results = _push_reviewed(cmd, reviewed, organizations=organization, limit=limit)
    print_results(cmd, results, _SYNCED, pushed=True)


@setup_command
def approve(
    cmd: Command,
    previews: Annotated[list[int], typer.Argument(metavar="ID", help="The ids of previews, one of each month.")],
) -> None:
    """Write exactly the previews that you looked at, and record that you approved them.

    A month for which a sync would now write something else is not written, and the difference is shown. Where
    CW_PIPELINE_APPROVAL is `required`, the schedule only makes previews, which wait for this.
    """
    with cmd.warehouse.transaction() as session:
        psa = lazy.psa.psa_of(lazy.guards.require_active(session, cmd.connectwise))
    reviewed = lazy.approve.approve(cmd.warehouse, psa, previews)
    print_results(cmd, _push_reviewed(cmd, reviewed), _SYNCED, pushed=True)


@setup_command
def undo(
    cmd: Command,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="The run's id, or at least its first four characters, as `history` shows them."
        ),
    ],
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write the quantities. Without this, only show what would be written.")
    ] = False,
) -> None:
    """Undo a run: give each line that it wrote the quantity that it had before, 0 where the run created the line.

    Lines that are invoiced, gone, or changed since by another run or by hand are listed and left. The months are due
    again afterwards, and the next tick of the schedule pushes them: correct what was wrong first.
    """
    recorded = lazy.runs.recorded_pushes(cmd.dagster)
    sync_run = cmd.sync_run("undo")
    with cmd.working("Reading the lines in ConnectWise"):
        undone = lazy.undo.undo_run(sync_run, run, recorded, confirmed=yes)
    cmd.document({**members(undone, "run_id", "months"), "lines": [_undone_line(line) for line in undone.lines]})
    cmd.table(*lazy.cells.undone(undone.lines))
    cmd.say(what_next(undone.run_id, undone.months, left=undone.left, confirmed=yes))
    if yes and undone.left:
        cmd.exit_code = HELD_OR_FAILED


def _undone_line(undone: UndoneLine) -> dict[str, object]:
    wrote = undone.line.wrote
    return {
        "month": wrote.identity.month,
        "organization_id": wrote.identity.organization_id,
        "organization_name": undone.organization_name,
        "plan": wrote.identity.plan,
        **members(wrote, "agreement_id", "addition_id"),
        "before_the_run": wrote.before,
        "written": wrote.quantity,
        "now": undone.line.now,
        "result": undone.result,
        "reason": undone.reason or None,
    }


def chosen_months(
    month: Month | None, first: Month | None, last: Month | None, *, earliest: Month, now: datetime
) -> list[Month]:
    """The months that the options name, all closed and none before `earliest`; the last closed one without options.

    Raises:
        UsageError: If the options contradict each other, or name a month that cannot be synced.
    """
    closed = Month.last_closed(now)
    if month and (first or last):
        raise UsageError("Give either --month, or --from and --to.")
    if bool(first) != bool(last):
        raise UsageError("--from and --to belong together. For one month give --month.")
    begin, end = first or month or closed, last or month or closed
    if begin > end:
        raise UsageError(f"--from {begin} is after --to {end}. Swap them.")
    if end > closed:
        raise UsageError(f"{end} has not closed yet. The last month that has is {closed}.")
    if begin < earliest:
        raise UsageError(
            f"{begin} is before the first month, {earliest}. Set CW_PIPELINE_FIRST_MONTH to sync earlier ones."
        )
    return list(begin.until(end))


def _push_reviewed(
    cmd: Command,
    reviewed: Mapping[Month, StoredPreview],
    *,
    organizations: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[MonthResult]:
    """Push exactly what a person looked at, in one run for all months that follow each other.

    Raises:
        UsageError: If one of the months cannot be synced any more.
    """
    runs: list[list[Month]] = []
    for month in sorted(reviewed):
        chosen_months(month, None, None, earliest=cmd.first_month, now=now())
        if runs and runs[-1][-1].plus(1) == month:
            runs[-1].append(month)
        else:
            runs.append([month])
    results: list[MonthResult] = []
    for months in runs:
        previews = [reviewed[month].id for month in months]
        results += run_job(cmd, "sync_now", months, organizations=organizations, limit=limit, previews=previews)
    return results


def run_job(
    cmd: Command,
    job: Literal["preview", "sync_now"],
    months: Sequence[Month],
    *,
    organizations: Sequence[str] | None = None,
    limit: int | None = None,
    previews: Sequence[int] = (),
    title: str = "",
) -> list[MonthResult]:
    """Run the job for months that follow each other, and return the result of each.

    Settings, state and names are checked first, so that there is no run that cannot succeed.

    Args:
        cmd: The command.
        job: What to run.
        months: For which months.
        organizations: For which organizations, by id or exact name; the results have only their lines.
        limit: For how many organizations at most.
        previews: The previews to push exactly, by id.
        title: The title of the progress bar. With one, nothing is shown off a terminal: the caller tells of the step.
    """
    warehouse, pushed = cmd.warehouse, job == "sync_now"
    with warehouse.transaction() as session:
        lazy.guards.require_active(session, cmd.connectwise)
    organizations, limit = organizations or [], limit or 0
    config = {"organizations": [*organizations], "limit": limit, "previews": [*previews]}
    choice = lazy.lookup.choice_of(warehouse, organizations, limit)
    _ = cmd.nordpass
    definition = lazy.definitions.defs.resolve_job_def(job)
    with _progress(cmd, title, months, "connectwise_push" if pushed else "push_preview") as on_month:
        run_id = lazy.runs.run_months(definition, months, cmd.dagster, on_month=on_month, config=config)
        failure = lazy.runs.failure_of(run_id, cmd.dagster)
    with warehouse.transaction() as session:
        results = lazy.run_results.run_results(session, run_id, pushed=pushed)
    results = _complete(results, months, failure, run_id)
    return [_of_the_chosen(result, choice, pushed=pushed) for result in results]


def _of_the_chosen(result: MonthResult, choice: Choice, *, pushed: bool) -> MonthResult:
    """The result without the lines of organizations that were not chosen; a push has none of those left out."""
    left_out = frozenset[str]() if pushed else choice.left_out(result.lines)
    if choice.organizations:
        left_out |= {line.organization_id for line in result.lines} - choice.organizations
    return replace(result, lines=tuple(line for line in result.lines if line.organization_id not in left_out))


def _complete(
    results: Sequence[MonthResult], months: Sequence[Month], failure: str | None, run_id: str
) -> list[MonthResult]:
    """A result for each of the months; one that the run did not reach, or failed after, has an error."""
    explained = any(result.error or any(line.outcome in FAILED for line in result.lines) for result in results)
    by_month = {result.month: result for result in results} if explained or failure is None else {}
    error = failure or f"The run {run_id} ended before this month. See it in the Dagster UI, and run the month again."
    return [by_month.get(month) or lazy.run_results.MonthResult(month, error=error) for month in months]


def _progress(
    cmd: Command, title: str, months: Sequence[Month], last_step: str
) -> AbstractContextManager[Callable[[str, str], None]]:
    """Show progress on standard error, as assets are done.

    That is a bar on a terminal, else a line for each finished month, unless a `title` says that it is a step of more.
    """
    if cmd.notices.is_terminal and not cmd.as_json:
        return _progress_bar(cmd.notices, title, months, last_step)

    def notice(asset: str, month: str) -> None:
        if asset == last_step and not title:
            cmd.notice(f"{month}: {_STEPS[asset]}")

    return nullcontext(notice)


@contextmanager
def _progress_bar(
    console: Console, title: str, months: Sequence[Month], last_step: str
) -> Generator[Callable[[str, str], None]]:
    """A bar that moves with each step."""
    from rich import progress  # noqa: PLC0415 - slow, and few commands need it

    columns = (
        progress.TextColumn("[bold]{task.description}[/]"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[step]}"),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        steps = list(_STEPS).index(last_step) + 1
        task = bar.add_task(title, total=len(months) * steps, step="starting Dagster")

        def advance(asset: str, month: str) -> None:
            if asset in _STEPS:
                bar.update(task, advance=1, step=f"{month} {_STEPS[asset]}")

        yield advance
