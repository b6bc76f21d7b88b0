"""The job `accept_lines`."""

import dagster as dg

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import configured_month
from cw_pipeline.orchestration.jobs.waiting import waiting_lines
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import accept as lines
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.warehouse.previews import latest_previews

_ACCEPTABLE = frozenset({Outcome.MOVED, Outcome.CREDIT_DUE, Outcome.INVOICE_UNCLEAR})


class AcceptConfig(JobConfig):
    """What an organization's invoiced lines of a month billed, as a person saw on the invoice."""

    month: str = ""
    """The month in which the seats were used, as 2026-03. If empty, nothing is accepted."""
    organization: str = ""
    """Id or exact name of the NordPass organization."""
    credited: str = ""
    """How many seats were credited in ConnectWise, in quotes, as "3": settles credit_due and moved. Leave it empty to
    confirm that the lines billed what they show now: settles invoice_unclear."""


@dg.op
def accept_invoiced_lines(context: dg.OpExecutionContext, config: AcceptConfig, access: Access) -> None:
    """Settle invoiced lines that are held: confirm what they billed, or say how many seats were credited.

    Look at the invoice first, and set the lines in ConnectWise to what it billed. Nothing is written to ConnectWise.
    Without a month, nothing is accepted, and the run shows the lines that wait for this.
    """
    month = configured_month("month", config.month)
    with access.sync_run(context) as run:
        if month is None:
            context.log.info(
                "Nothing was accepted: give a month and an organization. `waiting` lists the lines that wait, if any."
            )
            context.log_event(dg.AssetObservation(PUSH.key, metadata={"waiting": _waiting(run)}))
            return
        credited = lines.seats_of(config.credited) if config.credited else None
        for accepted in lines.accept_lines(run, month, config.organization, credited=credited):
            line = f"line {accepted.line.addition_id} on agreement {accepted.line.agreement_id}"
            context.log.info(f"The {accepted.identity.plan} {line} counts for {accepted.counts} from now on")
        context.log.info(f"Carry on with the job sync_now for {month}.")
        context.log_event(materialized_mapping(run.warehouse))


def _waiting(run: SyncRun) -> dg.MetadataValue:
    with run.warehouse.transaction() as session:
        previews = latest_previews(session, run.psa)
    waiting = ((preview.month, line) for preview in previews for line in preview.lines if line.outcome in _ACCEPTABLE)
    return waiting_lines(waiting, none="No line waits for this job.")


accept_lines = one_op_job("accept_lines", accept_invoiced_lines, AcceptConfig)
