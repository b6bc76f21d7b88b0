"""The job `disconnect`."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.settings import Settings
from cw_pipeline.setup import connection
from cw_pipeline.vocabulary import counted


class DisconnectConfig(JobConfig):
    """What to disconnect from, and where to keep the mappings."""

    confirm_company: str = ""
    """The connected company's id, as in CONNECTWISE_COMPANY_ID: this removes all mappings and stops the syncs. If
    empty, nothing is done."""
    backup_file: str = ""
    """A new file on the machine of the run for all mappings, which map_companies takes back. If empty: one in
    CW_PIPELINE_HOME."""


@dg.op
def remove_mappings(context: dg.OpExecutionContext, config: DisconnectConfig, access: Access) -> None:
    """Write all mappings to a file, remove them, and stop syncing. Lines in ConnectWise stay.

    Without the connected company's id, the run does nothing.
    """
    if not config.confirm_company:
        context.log.info("Nothing was done: to remove all mappings and stop the syncs, give the company's id.")
        return
    with access.warehouse(context) as warehouse:
        file = config.backup_file or connection.new_backup_file(Settings().own_folder, datetime.now(UTC))
        done = connection.disconnect(warehouse, Path(file), company_id=config.confirm_company)
        context.log.info(f"Removed {counted(done.company_mappings, 'mapping')}; {done.backup_file} takes them back")
        context.log_event(materialized_mapping(warehouse))


disconnect = one_op_job("disconnect", remove_mappings, DisconnectConfig)
