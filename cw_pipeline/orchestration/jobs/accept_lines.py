"""The job `accept_lines`."""

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import configured_month, failing_the_run
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import accept as lines


class AcceptConfig(dg.Config):
    """What a person says about an organization's invoiced lines of a month, after looking at the invoice."""

    month: str = Field(description="The month in which the seats were used, as 2026-03.")
    organization: str = Field(description="Id or exact name of the NordPass organization.")
    credited: str | None = Field(
        default=None,
        description=(
            'How many seats were credited in ConnectWise, in quotes, as "3": settles credit_due and moved. Leave it '
            "out to say that the lines billed what they show now: settles invoice_unclear."
        ),
    )


@dg.op
def accept_invoiced_lines(context: dg.OpExecutionContext, config: AcceptConfig, access: Access) -> None:
    """Record what invoiced lines billed, or what of it was credited. Nothing is written to ConnectWise."""
    month = configured_month("month", config.month)
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        credited = lines.seats_of(config.credited) if config.credited else None
        for one in lines.accept_lines(run, month, config.organization, credited=credited):
            line = f"line {one.line.addition_id} on agreement {one.line.agreement_id}"
            context.log.info(f"The {one.identity.plan} {line} counts for {one.counts} from now on")
        context.log.info(f"Carry on with the job sync_now for {month}.")
        context.log_event(materialized_mapping(run.warehouse))


@dg.job
def accept_lines() -> None:
    """Settle invoiced lines that are held: say that they billed what they show, or how many seats were credited.

    See the invoice first, and set the lines in ConnectWise to what it billed. For example, in the Launchpad:

        ops: {accept_invoiced_lines: {config: {month: 2026-03, organization: Umbrella Ltd}}}
    """
    accept_invoiced_lines()
