"""The months' assets: ``monthly_usage``, ``push_preview`` and ``connectwise_push``, made by one step for many months.

They are one step, as the models of a dbt project are, because a month that fails must not stop the others: Dagster runs
nothing after a step that failed, and marks every partition of a step that did not as materialized. Each month that
succeeds is recorded by its own materialization event as soon as it has, and the step fails at its end if any month did,
so that exactly the bad months show as failed. Any of the three may be materialized alone.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from cw_pipeline.billing.outcomes import FAILED, Outcome
from cw_pipeline.errors import CwPipelineError
from cw_pipeline.nordpass.source import NordPass
from cw_pipeline.orchestration import metadata
from cw_pipeline.orchestration.checks import NOTHING_MISSING, OF_PUSHES, SEATS_ADD_UP, of_previews, of_pushes, of_usage
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.jobs.rebuild import recorded_pushes
from cw_pipeline.orchestration.partitions import MONTHS
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tables import Details
from cw_pipeline.reports.missing import missing_usage
from cw_pipeline.reports.unbilled import at_stake
from cw_pipeline.sync.behind import require_not_behind
from cw_pipeline.sync.previews import make_previews, usage_report
from cw_pipeline.sync.push import PushedMonth, check_seats, push_months
from cw_pipeline.sync.run import SyncRun
from cw_pipeline.sync.usage import fetch_usage
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.previews import latest_previews, save_month_error

if TYPE_CHECKING:
    from cw_pipeline.sync.previews import Previews

USAGE = dg.AssetSpec(
    "monthly_usage",
    description="A month's usage of every organization, as NordPass reports it; final reports only.",
    group_name="monthly_sync",
    kinds={"nordpass"},
    skippable=True,
)
PREVIEW = dg.AssetSpec(
    "push_preview",
    deps=["monthly_usage", "mapped_organizations"],
    description="What a push would do for a month, line by line, with a reason for each: the dry run.",
    group_name="monthly_sync",
    kinds={"python"},
    skippable=True,
)
PUSH = dg.AssetSpec(
    "connectwise_push",
    deps=["push_preview"],
    description="A month's seats on the lines of the ConnectWise agreements.",
    group_name="monthly_sync",
    kinds={"connectwise"},
    skippable=True,
)


class SyncConfig(dg.Config):
    """How a sync run behaves."""

    retries: int = Field(
        default=0,
        ge=0,
        le=24,
        description=(
            "How many more times, ten minutes apart, to try where that may help: when a usage report is not final yet, "
            "a system cannot be reached, another push is at work, or a write is unconfirmed. The schedule uses 6."
        ),
    )


RETRY_SECONDS = 600


@dg.multi_asset(
    name="sync_months",
    specs=[USAGE, PREVIEW, PUSH],
    check_specs=[NOTHING_MISSING, SEATS_ADD_UP, *OF_PUSHES],
    can_subset=True,
    partitions_def=MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="connectwise_push",
)
def sync_months(context: dg.AssetExecutionContext, config: SyncConfig, access: Access) -> Iterator[dg.AssetCheckResult]:
    """Fetch usage, preview and push, as far as selected, for every month of the run; or only evaluate the checks."""
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        if not context.selected_asset_keys:
            yield from _looked_at_again(context, run)
            return
        months = _Months(context, run)
        if USAGE.key in context.selected_asset_keys:
            with access.nordpass() as nordpass:
                yield months.fetch_usage(nordpass)
        if PREVIEW.key in context.selected_asset_keys:
            yield from months.preview()
        if PUSH.key in context.selected_asset_keys:
            yield from months.push()
        months.finish(config)


def _looked_at_again(context: dg.AssetExecutionContext, run: SyncRun) -> Iterator[dg.AssetCheckResult]:
    """The checks by themselves, over every month as it was kept last: a run that the UI starts has no months then."""
    with run.warehouse.transaction() as session:
        usage = of_usage(missing_usage(session))
        previews = of_previews(latest_previews(session, run.psa))
        pushes = of_pushes(at_stake(session, run.psa))
    selected = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    yield from (one for one in (usage, previews, *pushes) if (one.asset_key, one.check_name) in selected)


class _Months:
    """A run's months on their way through the three assets; a month that fails drops out and the others go on."""

    def __init__(self, context: dg.AssetExecutionContext, run: SyncRun) -> None:
        self._context = context
        self._run = run
        self._going = [Month.parse(key) for key in context.partition_keys]
        self._failed: dict[Month, str] = {}
        self._may_pass = False
        self._made: Previews | None = None

    def fetch_usage(self, nordpass: NordPass) -> dg.AssetCheckResult:
        for month in list(self._going):
            with self._failing([month]):
                report = fetch_usage(nordpass, self._run.warehouse, month)
                self._materialized(USAGE, month, metadata.of_usage(report))
        with self._run.warehouse.transaction() as session:
            return of_usage(missing_usage(session))

    def preview(self) -> Iterator[dg.AssetCheckResult]:
        self._require_usage()
        if not self._going:
            return
        with self._failing(self._going):
            self._made = make_previews(self._run, list(self._going))
        previews = [kept.preview for kept in self._made.of_months.values()] if self._made else []
        for preview in previews:
            with self._failing([preview.month]):
                check_seats(preview)
                self._materialized(PREVIEW, preview.month, metadata.of_preview(preview, self._run.connectwise))
        if previews:
            yield of_previews(previews)

    def push(self) -> Iterator[dg.AssetCheckResult]:
        self._require_usage()
        if self._going:
            with self._failing(self._going):
                require_not_behind(self._run.warehouse, recorded_pushes(self._context.instance, PUSH.key))
                for pushed in push_months(self._run, list(self._going), self._made):
                    self._pushed(pushed)
        with self._run.warehouse.transaction() as session:
            stakes = at_stake(session, self._run.psa)
        yield from of_pushes(stakes)

    def finish(self, config: SyncConfig) -> None:
        """Fail the run if any month failed: a run is never green when it isn't."""
        if not self._failed:
            return
        if self._may_pass and self._context.retry_number < config.retries:
            raise dg.RetryRequested(max_retries=config.retries, seconds_to_wait=RETRY_SECONDS)
        raise dg.Failure(
            description="\n".join(f"{month}: {error}" for month, error in sorted(self._failed.items())),
            metadata={"failed_months": [str(month) for month in sorted(self._failed)]},
            allow_retries=False,
        )

    def _require_usage(self) -> None:
        """Let go of the months whose usage was not fetched, so that they do not stop the others."""
        for month in list(self._going):
            with self._failing([month]), self._run.warehouse.transaction() as session:
                usage_report(session, month)

    def _pushed(self, pushed: PushedMonth) -> None:
        self._going.remove(pushed.preview.month)
        details = metadata.of_push(pushed, self._run.connectwise)
        if pushed.push.succeeded:
            self._materialized(PUSH, pushed.preview.month, details)
            return
        self._context.log_event(dg.AssetObservation(PUSH.key, partition=str(pushed.preview.month), metadata=details))
        failed = [line for line in pushed.preview.lines if line.outcome in FAILED]
        self._may_pass |= any(line.outcome is Outcome.UNCONFIRMED for line in failed)
        self._failed[pushed.preview.month] = metadata.failed_lines_sentence(failed)

    def _materialized(self, spec: dg.AssetSpec, month: Month, details: Details) -> None:
        self._context.log_event(dg.AssetMaterialization(spec.key, partition=str(month), metadata=details))

    @contextmanager
    def _failing(self, months: list[Month]) -> Generator[None]:
        """Drop ``months`` that are still going, with the reason, if the block cannot do its work for them."""
        try:
            yield
        except CwPipelineError as error:
            self._may_pass |= error.is_transient
            for month in list(months):
                self._failed[month] = str(error)
                self._going.remove(month)
                self._context.log.error(f"{month}: {error}")  # noqa: TRY400 - the sentence says it all
                with self._run.warehouse.transaction() as session:
                    save_month_error(session, month, self._run.run_id, str(error))
