# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The daily look at what nobody else would notice.

Usage reports that were corrected after they were pushed, drift in ConnectWise, and closed months that are not pushed.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.orchestration import metadata
from cw_pipeline.orchestration.assets.months import USAGE
from cw_pipeline.orchestration.checks import NOTHING_DRIFTED
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.partitions import FIRST_MONTH
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.runs import name_of
from cw_pipeline.orchestration.tables import table
from cw_pipeline.reports.drift.compare import Kind
from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.reports.status import status
from cw_pipeline.sync.due import told
from cw_pipeline.sync.usage import read_again, recent_months
from cw_pipeline.vocabulary import Month, month_options
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording import cells as shown

GRACE = timedelta(hours=3)
"""How long a month may have been closed without being late: its sync begins at 00:30 and may try again for an hour."""


@dg.asset(group_name="watch", kinds={"connectwise"}, deps=["connectwise_push"], check_specs=[NOTHING_DRIFTED])
def drift(
    context: dg.AssetExecutionContext, access: Access
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What people changed by hand in ConnectWise: our lines, mapped companies and agreements. Only read."""
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        findings = find_drift(run, datetime.now(UTC).date())
    kinds = Counter(finding.kind for finding in findings)
    numbers = {kind.value: kinds[kind] for kind in Kind}
    shown_drift = table(
        ("kind", "month", "organization", "agreement", "line", "expected", "found", "what_to_do"),
        map(shown.of_finding, findings),
    )
    yield dg.MaterializeResult(metadata={"findings": len(findings), **numbers, "drift": shown_drift})
    summary = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    yield dg.AssetCheckResult(
        check_name=NOTHING_DRIFTED.name,
        passed=not findings,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Found: {summary}. Each says in drift what to do about it." if findings else None,
        metadata={"findings": len(findings)},
    )


@dg.asset_check(asset="connectwise_push", description="Every closed month that companies are billed for is pushed.")
def unpushed_months(access: Access) -> dg.AssetCheckResult:
    """Whether any month is late: the schedule did not run, its run failed, or something changed since."""
    with failing_the_run(), access.warehouse() as warehouse:
        late = late_months(warehouse, datetime.now(UTC))
    months = [Month.parse(key) for key in late]
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=(
            f"Not pushed, or not as things are now: {told(late)}. See why in the months' runs, and run "
            f"`cw-pipeline sync {month_options(months[0], months[-1])}`."
            if late
            else None
        ),
        metadata={"months": dg.MetadataValue.json(list(late))},
    )


def late_months(warehouse: Warehouse, now: datetime) -> dict[str, str]:
    """The months that have to be pushed and that closed at least `GRACE` before ``now``, each with why."""
    return status(warehouse, first_month=Month.parse(FIRST_MONTH), now=now - GRACE).why_unpushed


daily_checks = dg.define_asset_job(
    "daily_checks",
    selection=dg.AssetSelection.assets(drift) | dg.AssetSelection.checks(unpushed_months),
    description="Looks for drift in ConnectWise and for closed months that are not pushed. Nothing is written there.",
)


@dg.op
def read_recent_usage(
    context: dg.OpExecutionContext, access: Access
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.Output[None]]:
    """Read the last closed months' usage reports again and keep what changed; a month that fails stops no other."""
    failed: list[str] = []
    first_month = Month.parse(FIRST_MONTH)
    with failing_the_run(), access.warehouse(name_of(context.run.run_id)) as warehouse, access.nordpass() as nordpass:
        for month in recent_months(warehouse, first_month=first_month, now=datetime.now(UTC)):
            try:
                read = read_again(nordpass, warehouse, month)
            except CwPipelineError as error:
                failed.append(f"{month}: {error}")
                continue
            if read is None:
                context.log.info(f"{month}: there is no final usage report yet.")
                continue
            event = dg.AssetMaterialization if read.changed else dg.AssetObservation
            yield event(USAGE.key, partition=str(month), metadata=metadata.of_usage(read.report))
    if failed:
        raise dg.Failure(description="\n".join(failed), allow_retries=False)
    yield dg.Output(None)


@dg.job(description="Reads the last three closed months' usage reports again: a month whose report changed is due.")
def recent_usage() -> None:
    """Notice what NordPass corrected after it was pushed. Nothing is written to ConnectWise."""
    read_recent_usage()
