"""The job `approve`."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.months import PREVIEW, log_writes_if_cancelled, sync
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import PUSH_POOL
from cw_pipeline.reports.status import status
from cw_pipeline.setup import approve as previews
from cw_pipeline.sync.sync_run import SyncRun


class ApproveConfig(JobConfig):
    """The previews that a person approves."""

    previews: list[int] = Field(default=[])
    """Ids of previews, such as 17, one of each month; push_preview has them. Each month is pushed exactly as its
    preview says or, if something changed since, not at all. If empty, nothing is pushed."""


@dg.op(pool=PUSH_POOL)
def approve_previews(
    context: dg.OpExecutionContext, config: ApproveConfig, access: Access
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """Push exactly what you looked at: previews by their ids, which push_preview has.

    If a month's push would do something else by now, the month is not pushed, and the run says what differs. Without
    previews, nothing is pushed, and the run shows those that can be approved.
    """
    with access.sync_run(context) as run, log_writes_if_cancelled(context, run):
        if config.previews:
            approved = previews.approve(run.warehouse, run.psa, config.previews)
            context.log_event(materialized_mapping(run.warehouse))
            yield from sync(context, access, run, sorted(approved), approved)
        else:
            context.log.info("Nothing was pushed: name previews. `waiting` lists those that can be approved, if any.")
            context.log_event(dg.AssetObservation(PREVIEW.key, metadata={"waiting": _waiting(run)}))
    yield dg.Output(None)


def _waiting(run: SyncRun) -> dg.MetadataValue:
    to_approve = status(run.warehouse, first_month=first_month(), now=datetime.now(UTC), approval=True).to_approve
    if not to_approve:
        return dg.MetadataValue.text("No preview waits. For a month that is due, the job preview makes one.")
    return table(("Month", "Preview"), list(to_approve.items()))


approve = one_op_job("approve", approve_previews, ApproveConfig)
