"""The job `release_lines`."""

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import configured_month
from cw_pipeline.orchestration.jobs.waiting import waiting_lines
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import release
from cw_pipeline.vocabulary import plain


class ReleaseConfig(JobConfig):
    """Whose unusual usage of a month is right, as a person saw in the NordPass panel."""

    month: str = ""
    """The month in which the seats were used, as 2026-03. If empty, nothing is released."""
    organizations: list[str] = Field(default=[])
    """Ids or exact names of the NordPass organizations. If empty, the month's unusual usage is shown."""
    everything: bool = False
    """Release all of the month's unusual usage, instead of naming organizations."""


@dg.op
def release_unusual_usage(context: dg.OpExecutionContext, config: ReleaseConfig, access: Access) -> None:
    """Release unusual usage: confirm that a month's report is right about organizations.

    Look at the month in the NordPass panel first. Nothing is written to ConnectWise. Without organizations or
    everything, nothing is released, and the run shows what is unusual, held or billed with a warning: in the month or,
    without one, in any.
    """
    month = configured_month("month", config.month)
    with access.sync_run(context) as run:
        if month and (config.organizations or config.everything):
            unusual = release.unusual_month(run, month)
            organizations = None if config.everything else config.organizations
            for line in release.release_lines(run, unusual, organizations):
                context.log.info(f"Released {plain(line.seats)} on {line.plan} of {line.organization_name}")
            context.log.info(f"Carry on with the job sync_now for {month}.")
            context.log_event(materialized_mapping(run.warehouse))
            return
        if month:
            lines = [(month, line) for line in release.unusual_month(run, month).lines]
        else:
            with run.warehouse.transaction() as session:
                lines = release.unusual_lines(session, run.psa)
    context.log.info(
        f"Nothing was released: give {'organizations' if month else 'a month'}. `waiting` lists what is unusual."
    )
    waiting = waiting_lines(lines, none=f"Nothing is unusual in {month or 'any month'}.")
    context.log_event(dg.AssetObservation(PUSH.key, metadata={"waiting": waiting}))


release_lines = one_op_job("release_lines", release_unusual_usage, ReleaseConfig)
