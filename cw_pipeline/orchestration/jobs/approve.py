"""The job `approve`."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.months import PREVIEW, saying_what_was_written, sync
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import PUSH_POOL
from cw_pipeline.reports.status import status
from cw_pipeline.setup import approve as previews
from cw_pipeline.sync.sync_run import SyncRun


class ApproveConfig(dg.Config):
    """What a person looked at, and found right."""

    previews: list[int] = Field(
        default=[],
        description=(
            "Ids of previews, one of each month; push_preview has them. Each month is pushed exactly as its preview "
            "says or, if something changed since, not at all. Left empty, nothing is pushed."
        ),
    )


_EXAMPLE = """\
# Without previews, nothing is pushed: the run shows those that can be approved.
ops:
  approve_previews:
    config:
      previews: []    # ids of previews in push_preview, such as 17, one of each month
"""


@dg.op(pool=PUSH_POOL)
def approve_previews(
    context: dg.OpExecutionContext, config: ApproveConfig, access: Access
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """Record that a person approves previews, and push exactly them."""
    with (
        failing_the_run(),
        access.sync_run(context.run.run_id, context.log.info) as run,
        saying_what_was_written(context, run),
    ):
        if config.previews:
            approved = previews.approve(run.warehouse, run.psa, config.previews)
            context.log_event(materialized_mapping(run.warehouse))
            yield from sync(context, access, run, sorted(approved), approved)
        else:
            context.log.info("Nothing was pushed: name previews. `waiting` has those that can be approved, if any.")
            context.log_event(dg.AssetObservation(PREVIEW.key, metadata={"waiting": _waiting(run)}))
    yield dg.Output(None)


def _waiting(run: SyncRun) -> dg.MetadataValue:
    found = status(run.warehouse, first_month=first_month(), now=datetime.now(UTC), approval=True)
    if not found.to_approve:
        return dg.MetadataValue.text("No preview waits: of a month that is due, the job preview makes one.")
    return table(("Month", "Preview"), list(found.to_approve.items()))


@launchable(_EXAMPLE)
def approve() -> None:
    """Push exactly what you looked at: previews by their ids, which push_preview has.

    A month whose push would do something else by now is not pushed, and the run says what differs. As it stands, the
    run changes nothing, and shows the previews that can be approved.
    """
    approve_previews()
