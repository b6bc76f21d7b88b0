"""The monthly assets, `monthly_usage`, `push_preview`, `connectwise_push` and `month_report`: one step, many months.

They are one step, as the models of a dbt project are, because a month that fails must not stop the others. Dagster runs
nothing after a failed step, and marks every partition of a successful one as materialized. So each month that succeeds
is recorded at once by a materialization of its own, and the step fails at its end if any month did: exactly the bad
months show as failed. Any of the four can be materialized alone.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration import checks, metadata
from cw_pipeline.orchestration.assets.month_report import MONTH_REPORT, log_reports
from cw_pipeline.orchestration.failures import Failed
from cw_pipeline.orchestration.launchpad import JobConfig
from cw_pipeline.orchestration.resources import Access, StepContext
from cw_pipeline.orchestration.runs import recorded_pushes
from cw_pipeline.orchestration.tenant import PUSH_KEY, PUSH_POOL, asset_key
from cw_pipeline.orchestration.unpushed import evaluate_unpushed
from cw_pipeline.settings import Approval
from cw_pipeline.setup.lookup import choice_of
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline.sync.month_loop import MonthEvent, MonthFailed, MonthLoop
from cw_pipeline.sync.reviewed import require_of, reviewed_previews
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.warehouse.previews import StoredPreview, latest_previews
from cw_pipeline.warehouse.pushes import PushedMonth
from cw_pipeline.warehouse.runs import writes_of_run
from cw_pipeline.warehouse.usage import StoredReport
from cw_pipeline.wording.cells import cancelled
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.seats import where_seats_go

USAGE = dg.AssetSpec(
    asset_key("monthly_usage"),
    description="A month's usage of every organization, as NordPass reports it; final reports only.",
    kinds={"nordpass"},
    skippable=True,
)
PREVIEW = dg.AssetSpec(
    asset_key("push_preview"),
    deps=[USAGE, asset_key("mapped_organizations")],
    description=(
        "What a push would do for a month, line by line, with a reason for each: the dry run. Choose a month under "
        "Partitions; Overview shows the one that was previewed last."
    ),
    kinds={"python"},
    skippable=True,
)
PUSH = dg.AssetSpec(
    PUSH_KEY,
    deps=[PREVIEW],
    description=(
        "A month's seats on the lines of the ConnectWise agreements. Choose a month under Partitions; Overview shows "
        "the one that was synced last. month_report sums up who is not billed, and why."
    ),
    kinds={"connectwise"},
    skippable=True,
)
RETRY_SECONDS = 600
STEPS = frozenset({USAGE.key, PREVIEW.key, PUSH.key, MONTH_REPORT.key})
_Evaluated: TypeAlias = dg.AssetCheckEvaluation | dg.Output[None]


class SyncConfig(JobConfig):
    """What a sync run pushes, and how often it tries again."""

    organizations: list[str] = Field(default=[])
    """Ids or exact names of NordPass organizations: only their lines are written, and the month stays due. If empty,
    all are."""
    limit: int = Field(default=0, ge=0)
    """Write the lines of at most this many organizations, the first in the preview that have something to write; the
    month stays due. 0: of all."""
    retries: int = Field(default=0, ge=0, le=24)
    """How many times to try again, ten minutes apart, where that may help: when a usage report is not final yet, a
    system cannot be reached, another push is running, or a write is unconfirmed. The schedule uses 6. With previews or
    a limit, a run is never tried again."""
    previews: list[int] = Field(default=[])
    """Ids of previews that you looked at, one of each month: a month is pushed exactly as its preview says or, if
    something changed since, not at all. push_preview has the ids. If empty, the months are pushed as they are now."""


@dg.multi_asset(
    name="sync_months",
    specs=[USAGE, PREVIEW, PUSH, MONTH_REPORT],
    check_specs=[checks.NOTHING_MISSING, checks.SEATS_ADD_UP, *checks.PUSH_CHECKS],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=PUSH_POOL,
)
def sync_months(context: dg.AssetExecutionContext, config: SyncConfig, access: Access) -> Iterator[_Evaluated]:
    """Fetch usage, preview, push and report, as far as selected, for every month; or only evaluate the checks."""
    selected = context.selected_asset_keys
    if selected == {MONTH_REPORT.key}:
        with access.warehouse(context) as warehouse:
            log_reports(context, warehouse, map(Month.parse, context.partition_keys))
        return
    with access.sync_run(context) as run, log_writes_if_cancelled(context, run):
        if not selected:
            yield from _reevaluate_checks(context, run)
            return
        months = [Month.parse(key) for key in context.partition_keys]
        reviewed: Mapping[Month, StoredPreview] = {}
        if config.previews:
            with run.warehouse.transaction() as session:
                reviewed = reviewed_previews(session, run.psa, config.previews)
            require_of(months, reviewed.values())
        choice = choice_of(run.warehouse, config.organizations, config.limit)
        evaluations = sync(
            context, access, run, months, reviewed, choice=choice, steps=selected, retries=config.retries
        )
        yield from _evaluated(context, evaluations)


def sync(
    context: StepContext,
    access: Access,
    run: SyncRun,
    months: Collection[Month],
    reviewed: Mapping[Month, StoredPreview],
    *,
    choice: Choice = EVERYBODY,
    steps: Collection[dg.AssetKey] = STEPS,
    retries: int = 0,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Take months through these steps, for the chosen organizations, and record each month on the steps' assets.

    A month with a `reviewed` preview fails if its push would do something else than the preview says.

    Raises:
        RetryRequested: If a month may succeed later by itself, and tries are left.
        Failed: If a month failed, with the reason of each that did.
    """
    loop = MonthLoop(run, months, partial(_log_event, context, run, choice), choice)
    if USAGE.key in steps:
        with access.nordpass() as nordpass:
            loop.fetch_usage(nordpass)
        yield checks.check_usage(run)
    if PREVIEW.key in steps and (previews := loop.preview()):
        yield checks.check_previews(previews)
    if PUSH.key in steps:
        loop.push(recorded_pushes(context.instance), reviewed)
        yield from checks.check_pushes(run)
    if Approval().approval_required:
        yield evaluate_unpushed(run.warehouse)
    try:
        if MONTH_REPORT.key in steps:
            log_reports(context, run.warehouse, loop.pushed)
    finally:  # a report that cannot be made must not hide a month that failed, or keep it from being tried again
        _fail_if_a_month_did(context, loop, 0 if reviewed or choice.limit else retries)


def _evaluated(
    context: dg.AssetExecutionContext, evaluations: Iterable[dg.AssetCheckEvaluation]
) -> Iterator[_Evaluated]:
    """Evaluations with the outputs of an `AssetCheckResult`, which Dagster would otherwise log as missing."""
    for evaluation in evaluations:
        if evaluation.asset_check_key in context.selected_asset_check_keys:
            spec = dg.AssetCheckSpec(evaluation.check_name, asset=evaluation.asset_key)
            yield dg.Output(None, output_name=spec.get_python_identifier())
        yield evaluation


def _reevaluate_checks(context: dg.AssetExecutionContext, run: SyncRun) -> Iterator[_Evaluated]:
    """Evaluate the selected checks, which the UI starts without months, over the stored data of every month."""
    with run.warehouse.transaction() as session:
        previews = latest_previews(session, run.psa)
    every = (checks.check_usage(run), checks.check_previews(previews), *checks.check_pushes(run))
    selected = context.selected_asset_check_keys
    yield from _evaluated(context, [check for check in every if check.asset_check_key in selected])


def _log_event(context: StepContext, run: SyncRun, choice: Choice, event: MonthEvent) -> None:
    """Record what happened to a month as Dagster's event, so that the UI shows it at once."""
    match event:
        case StoredReport():
            month, details = str(event.month), metadata.usage_details(event)
            context.log_event(dg.AssetMaterialization(USAGE.key, partition=month, metadata=details))
        case StoredPreview():
            month = str(event.preview.month)
            details = metadata.preview_details(event, run, choice)
            context.log_event(dg.AssetMaterialization(PREVIEW.key, partition=month, metadata=details))
        case PushedMonth():
            month, details = str(event.preview.month), metadata.push_details(event, run)
            is_done = event.succeeded and event.is_whole
            asset_event = dg.AssetMaterialization if is_done else dg.AssetObservation
            context.log_event(asset_event(PUSH.key, partition=month, metadata=details))
            seats = where_seats_go(event.carried_out.lines, pushed=True)
            context.log.info(f"{month}: {seats} {counted(event.requests_written, 'write')}.")
        case MonthFailed():
            context.log.error(f"{event.month}: {in_the_ui(event.error)}")


@contextmanager
def log_writes_if_cancelled(context: StepContext, run: SyncRun) -> Generator[None]:
    """Log what the run has written, if somebody cancels it in this block."""
    try:
        yield
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        with run.warehouse.transaction() as session:
            context.log.warning(cancelled(writes_of_run(session, run.run_id)))
        raise


def _fail_if_a_month_did(context: StepContext, loop: MonthLoop, retries: int) -> None:
    """Fail the run, or ask for another try where that may help."""
    if not loop.failed:
        return
    if loop.retryable and context.retry_number < retries:
        raise dg.RetryRequested(max_retries=retries, seconds_to_wait=RETRY_SECONDS)
    raise Failed(
        "\n".join(f"{month}: {error}" for month, error in sorted(loop.failed.items())),
        {"failed_months": [str(month) for month in sorted(loop.failed)]},
    )
