# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The daily look at what nobody else would notice: drift in ConnectWise, and closed months that were never pushed."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from cw_pipeline.billing.months import Month, month_options
from cw_pipeline.integration import shown
from cw_pipeline.integration.drift import find_drift
from cw_pipeline.integration.drifted import Kind
from cw_pipeline.integration.status import status
from cw_pipeline.orchestration.checks import NOTHING_DRIFTED
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.partitions import FIRST_MONTH
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.views import table
from cw_pipeline.warehouse.database import Warehouse

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
    """Whether any month is late: the schedule did not run, its run failed, or a mapping changed since."""
    with failing_the_run(), access.warehouse() as warehouse:
        late = late_months(warehouse, datetime.now(UTC))
    months = [str(month) for month in late]
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR,
        description=(
            f"Not pushed, or not as companies and products are mapped now: {', '.join(months)}. See why in the months' "
            f"runs, and run `cw-pipeline sync {month_options(late[0], late[-1])}`."
            if late
            else None
        ),
        metadata={"months": dg.MetadataValue.json(months)},
    )


def late_months(warehouse: Warehouse, now: datetime) -> tuple[Month, ...]:
    """The months that have to be pushed and that closed at least `GRACE` before ``now``."""
    return status(warehouse, first_month=Month.parse(FIRST_MONTH), now=now - GRACE).unpushed_months


daily_checks = dg.define_asset_job(
    "daily_checks",
    selection=dg.AssetSelection.assets(drift) | dg.AssetSelection.checks(unpushed_months),
    description="Looks for drift in ConnectWise and for closed months that are not pushed. Nothing is written there.",
)
