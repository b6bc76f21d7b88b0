"""The job `connect`."""

import dagster as dg

from cw_pipeline.orchestration.assets.setup import CONNECTION, materialized_mapping
from cw_pipeline.orchestration.failures import Failed
from cw_pipeline.orchestration.launchpad import one_op_job
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import connection_details
from cw_pipeline.setup import connection
from cw_pipeline.vocabulary import State
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.reconciliation import readable


@dg.op
def check_connection(context: dg.OpExecutionContext, access: Access) -> None:
    """Check the API member's credentials and rights, and save the connection to ConnectWise."""
    with access.warehouse(context) as warehouse, access.connectwise() as client:
        connected = connection.connect(client, warehouse)
        if connected.refusal is None:
            context.log_event(materialized_mapping(warehouse))
    event = dg.AssetMaterialization if connected.refusal is None else dg.AssetObservation
    context.log_event(event(CONNECTION.key, metadata=connection_details(connected)))
    for right in connected.rights:
        context.log.info(f"{right.name} ({right.why}): {right.state}")
    if connected.refusal is not None:
        raise Failed(connected.refusal)
    what_next = "Map the products next, with the job map_products." if connected.state == State.CONNECTED else ""
    company = f"{connected.company_name} ({connected.company_id})"
    context.log.info(f"Connected to {company} at {connected.site_url}. {what_next}")
    context.log.info(in_the_ui(readable(connected.invoices)))


connect = one_op_job("connect", check_connection)
