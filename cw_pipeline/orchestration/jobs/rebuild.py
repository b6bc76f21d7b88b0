"""The job `rebuild`."""

import dagster as dg

from cw_pipeline.orchestration.assets.setup import mapped_organizations
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import of_mapping
from cw_pipeline.setup.rebuild import rebuild as rebuild_ledger
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.hold_reasons import CORRECT_IT, cannot_be_read


@dg.op
def look_through_agreements(context: dg.OpExecutionContext, access: Access) -> None:
    """Enter in the ledger what ConnectWise shows of our lines. Nothing is written to ConnectWise."""
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        rebuilt = rebuild_ledger(run)
        context.log.info(
            f"Looked through {counted(rebuilt.agreements, 'agreement')} of "
            f"{counted(rebuilt.companies, 'company', 'companies')}: found {counted(len(rebuilt.found), 'line')} that "
            "the warehouse did not know. Carry on with the job sync_now."
        )
        for one in rebuilt.unread:
            context.log.warning(f"{cannot_be_read(one)} {CORRECT_IT}")
        found = table(("month", "lines", "seats", "invoiced"), rebuilt.by_month)
        details = {**of_mapping(run.warehouse), "found": found}
        context.log_event(dg.AssetMaterialization(mapped_organizations.key, metadata=details))


@dg.job
def rebuild() -> None:
    """Find our lines again, on every agreement of every mapped company, for a warehouse that is new or was restored.

    Nothing is written to ConnectWise. Afterwards a sync of any month writes nothing that is there already.
    """
    look_through_agreements()
