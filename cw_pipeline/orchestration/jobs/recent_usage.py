"""The job `recent_usage`."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from cw_pipeline.errors import CwPipelineError
from cw_pipeline.orchestration import metadata
from cw_pipeline.orchestration.assets.months import USAGE
from cw_pipeline.orchestration.failures import Failed
from cw_pipeline.orchestration.launchpad import one_op_job
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.sync.usage import read_again, recent_months


@dg.op
def read_recent_usage(
    context: dg.OpExecutionContext, access: Access
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.Output[None]]:
    """Read the last three closed months' usage reports again: a month whose report changed is due.

    A month that fails stops no other. Nothing is written to ConnectWise.
    """
    failed: list[str] = []
    with access.warehouse(context) as warehouse, access.nordpass() as nordpass:
        for month in recent_months(warehouse, first_month=first_month(), now=datetime.now(UTC)):
            try:
                report = read_again(nordpass, warehouse, month)
            except CwPipelineError as error:
                failed.append(f"{month}: {error}")
                continue
            if report is None:
                context.log.info(f"{month}: there is no final usage report yet.")
                continue
            event = dg.AssetMaterialization if report.is_new else dg.AssetObservation
            yield event(USAGE.key, partition=str(month), metadata=metadata.usage_details(report))
    if failed:
        raise Failed("\n".join(failed))
    yield dg.Output(None)


recent_usage = one_op_job("recent_usage", read_recent_usage)
