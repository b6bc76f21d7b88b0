# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The job `accept_lines`."""

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import mapped_organizations
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import of_mapping
from cw_pipeline.setup import accept as lines
from cw_pipeline.vocabulary import Month


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
def take_a_word(context: dg.OpExecutionContext, config: AcceptConfig, access: Access) -> None:
    """Record what invoiced lines billed, or what of it was credited. Nothing is written to ConnectWise."""
    try:
        month = Month.parse(config.month)
    except ValueError as error:
        raise dg.Failure(f"month: {error}", allow_retries=False) from None
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        credited = lines.seats_of(config.credited) if config.credited else None
        for one in lines.accept_lines(run, month, config.organization, credited=credited):
            line = f"line {one.line.addition_id} on agreement {one.line.agreement_id}"
            context.log.info(f"The {one.identity.plan} {line} counts for {one.counts} from now on")
        context.log.info(f"Carry on with the job sync_now for {month}.")
        context.log_event(dg.AssetMaterialization(mapped_organizations.key, metadata=of_mapping(run.warehouse)))


@dg.job
def accept_lines() -> None:
    """Settle invoiced lines that are held: say that they billed what they show, or how many seats were credited.

    See the invoice first, and set the lines in ConnectWise to what it billed. For example, in the Launchpad:

        ops: {take_a_word: {config: {month: 2026-03, organization: Umbrella Ltd}}}
    """
    take_a_word()
