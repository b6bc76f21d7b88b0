"""The job `release_lines`."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from cw_pipeline.billing.preview import PreviewLine
from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import configured_month, failing_the_run
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup.release import release_lines as release
from cw_pipeline.setup.release import unusual_lines, unusual_month
from cw_pipeline.vocabulary import Month, plain
from cw_pipeline.wording.outcomes import in_words


class ReleaseConfig(dg.Config):
    """Whose unusual usage of a month is right, after a look at the month in the NordPass panel."""

    month: str = Field(
        default="",
        description="The month in which the seats were used, as 2026-03. Left empty, nothing is released.",
    )
    organizations: list[str] = Field(
        default=[],
        description="Ids or exact names of the NordPass organizations. Left empty, the month's unusual usage is shown.",
    )
    everything: bool = Field(
        default=False, description="Release all of the month's unusual usage, instead of naming organizations."
    )


_EXAMPLE = """\
# Without organizations, nothing is released: the run shows what is unusual.
ops:
  release_unusual_usage:
    config:
      month: ""           # in which the seats were used, such as 2026-03
      organizations: []   # ids or exact names
      everything: false   # true: all that is unusual in the month
"""


@dg.op
def release_unusual_usage(context: dg.OpExecutionContext, config: ReleaseConfig, access: Access) -> None:
    """Record that unusual usage is right. Nothing is written to ConnectWise."""
    month = configured_month("month", config.month) if config.month else None
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        if month is None:
            context.log.info("Nothing was released: give a month. This is unusual in each month's latest preview.")
            with run.warehouse.transaction() as session:
                shown = _shown(unusual_lines(session, run.psa), "in any month")
            context.log_event(dg.AssetObservation(PUSH.key, metadata={"waiting": shown}))
            return
        unusual = unusual_month(run, month)
        if not config.organizations and not config.everything:
            context.log.info("Nothing was released: give organizations. This is unusual.")
            shown = _shown([(month, line) for line in unusual.lines], f"in {month}")
            context.log_event(dg.AssetObservation(PUSH.key, metadata={"waiting": shown}))
            return
        for line in release(run, unusual, None if config.everything else config.organizations):
            context.log.info(f"Released {plain(line.seats)} on {line.plan} of {line.organization_name}")
        context.log.info(f"Carry on with the job sync_now for {month}.")
        context.log_event(materialized_mapping(run.warehouse))


def _shown(unusual: Sequence[tuple[Month, PreviewLine]], where: str) -> dg.MetadataValue:
    rows = [
        (
            month,
            f"{line.organization_name} ({line.organization_id})",
            line.plan,
            in_words(line.outcome),
            plain(line.seats),
            line.warning or line.reason,
        )
        for month, line in unusual
    ]
    if not rows:
        return dg.MetadataValue.text(f"Nothing is unusual {where}.")
    return table(("Month", "Organization", "Plan", "Outcome", "Seats", "Why"), rows)


@launchable(_EXAMPLE)
def release_lines() -> None:
    """Release unusual usage: say that what a month's report has of organizations is right.

    Look at the month in the NordPass panel first. As it stands, the run changes nothing, and shows what is unusual in
    any month, held or billed with a warning.
    """
    release_unusual_usage()
