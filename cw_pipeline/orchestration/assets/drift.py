"""The asset `drift`: what people changed by hand in ConnectWise, looked for every day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from cw_pipeline.orchestration import checks
from cw_pipeline.orchestration.metadata import drift_details
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import PREFIX, PUSH_KEY
from cw_pipeline.reports.drift.find import find_drift


@dg.asset(key_prefix=PREFIX, kinds={"connectwise"}, deps=[PUSH_KEY], check_specs=[checks.NOTHING_DRIFTED])
def drift(
    context: dg.AssetExecutionContext, access: Access
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What people changed by hand in ConnectWise: our lines, mapped companies and agreements. Only read."""
    with access.sync_run(context) as run:
        findings = find_drift(run, datetime.now(UTC).date())
    yield dg.MaterializeResult(metadata=drift_details(findings))
    yield checks.check_drift(findings)
