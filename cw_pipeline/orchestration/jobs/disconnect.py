"""The job `disconnect`."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.settings import Settings
from cw_pipeline.setup import connection
from cw_pipeline.vocabulary import counted


class DisconnectConfig(dg.Config):
    """What to disconnect from, and where the mappings are kept."""

    confirm_company: str = Field(
        default="",
        description="The connected company's id, as in CONNECTWISE_COMPANY_ID: this removes all mappings and stops the "
        "syncs. Left empty, nothing is done.",
    )
    backup_file: str = Field(
        default="",
        description=(
            "A new file on this machine for all mappings, which map_companies takes back. Leave it empty for one in "
            "CW_PIPELINE_HOME."
        ),
    )


_EXAMPLE = """\
# Without the connected company's id, nothing is done.
ops:
  remove_mappings:
    config:
      confirm_company: ""    # CONNECTWISE_COMPANY_ID: removes all mappings, stops the syncs
      backup_file: ""        # a new file for all mappings; empty: one in CW_PIPELINE_HOME
"""


@dg.op
def remove_mappings(context: dg.OpExecutionContext, config: DisconnectConfig, access: Access) -> None:
    """Write all mappings to a file, remove them, and stop syncing. Lines in ConnectWise stay."""
    if not config.confirm_company:
        context.log.info("Nothing was done: to remove all mappings and stop the syncs, give the company's id.")
        return
    with failing_the_run(), access.warehouse(context.run.run_id) as warehouse:
        file = config.backup_file or connection.new_backup_file(Settings().own_folder, datetime.now(UTC))
        done = connection.disconnect(warehouse, Path(file), company_id=config.confirm_company)
        context.log.info(f"Removed {counted(done.company_mappings, 'mapping')}; {done.backup_file} takes them back")
        context.log_event(materialized_mapping(warehouse))


@launchable(_EXAMPLE)
def disconnect() -> None:
    """Remove all mappings, after writing them to a file, and stop syncing. Lines in ConnectWise stay.

    As it stands, the run does nothing: it needs the connected company's id.
    """
    remove_mappings()
