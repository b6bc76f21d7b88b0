# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The jobs `connect` and `disconnect`."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import mapped_organizations
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.runs import name_of
from cw_pipeline.orchestration.setup_metadata import of_mapping, of_rights
from cw_pipeline.settings import Settings
from cw_pipeline.setup import connection
from cw_pipeline.vocabulary import State


@dg.op
def check_connection(context: dg.OpExecutionContext, access: Access) -> None:
    """Check the credentials and the rights of the API member, and remember the ConnectWise company."""
    with failing_the_run(), access.warehouse(name_of(context.run.run_id)) as warehouse, access.connectwise() as client:
        connected = connection.connect(client, warehouse)
        if connected.refusal is None:
            context.log_event(dg.AssetMaterialization(mapped_organizations.key, metadata=of_mapping(warehouse)))
    for right in connected.rights:
        context.log.info(f"{right.name} ({right.why}): {right.state}")
    if connected.refusal is not None:
        raise dg.Failure(connected.refusal, metadata=of_rights(connected.rights), allow_retries=False)
    what_next = "Map the products next, with the job map_products." if connected.state == State.CONNECTED else ""
    company = f"{connected.company_name} ({connected.company_id})"
    context.log.info(f"Connected to {company} at {connected.site_url}. {what_next}")
    context.add_output_metadata(of_rights(connected.rights))


@dg.job
def connect() -> None:
    """Check and save the connection to ConnectWise that the environment names."""
    check_connection()


class DisconnectConfig(dg.Config):
    """Whether that is meant, and where the mappings are kept."""

    yes: bool = Field(description="Say true if it is meant: this removes all mappings and stops the syncs.")
    backup_file: str | None = Field(
        default=None,
        description=(
            "A new file on this machine for all mappings, which map_companies takes back. Leave it out for one in "
            "CW_PIPELINE_HOME."
        ),
    )


@dg.op
def remove_mappings(context: dg.OpExecutionContext, config: DisconnectConfig, access: Access) -> None:
    """Write all mappings to a file, remove them, and stop syncing. Lines in ConnectWise stay."""
    if not config.yes:
        raise dg.Failure("Nothing was changed. Set yes to true if that is meant.", allow_retries=False)
    with failing_the_run(), access.warehouse(name_of(context.run.run_id)) as warehouse:
        file = config.backup_file or connection.new_backup_file(Settings().cw_pipeline_home, datetime.now(UTC))
        done = connection.disconnect(warehouse, Path(file))
        context.log.info(f"Removed {done.company_mappings} mappings; {done.backup_file} takes them back")
        context.log_event(dg.AssetMaterialization(mapped_organizations.key, metadata=of_mapping(warehouse)))


@dg.job
def disconnect() -> None:
    """Remove all mappings, after writing them to a file, and stop syncing."""
    remove_mappings()
