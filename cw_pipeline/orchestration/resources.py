"""The one resource: opens what the environment names for a step, and closes it afterwards.

Nothing secret passes through Dagster's config, which the UI shows and its storage keeps.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.settings import Settings, Systems
from cw_pipeline.setup import clients
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.launchpad import in_the_ui

if TYPE_CHECKING:
    from collections.abc import Generator

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sync.sync_run import SyncRun

StepContext: TypeAlias = dg.AssetExecutionContext | dg.OpExecutionContext


class Access(dg.ConfigurableResource[None]):
    """Opens the warehouse, ConnectWise and NordPass as the environment says at that moment."""

    @contextmanager
    def warehouse(self, context: StepContext | dg.AssetCheckExecutionContext | None = None) -> Generator[Warehouse]:
        """The warehouse. For a step, the audit log names its run, and a known error in the block fails the run."""
        with failing_the_run() if context else nullcontext():
            settings, who = Settings(), _name_of(context.run.run_id) if context else "Dagster"
            with closing(Warehouse(settings.database_url, tenant=settings.tenant_key, who=who)) as warehouse:
                yield warehouse

    def connectwise(self) -> ConnectWiseClient:
        """A ConnectWise client."""
        return clients.open_connectwise(Settings())

    def nordpass(self) -> NordPass:
        """The source of organizations and usage."""
        return clients.open_nordpass(Settings())

    @contextmanager
    def sync_run(self, context: StepContext) -> Generator[SyncRun]:
        """What a step needs to sync. A known error, such as an integration that is not active, fails the run."""
        run_id = context.run.run_id

        def log(text: str) -> None:
            context.log.info(in_the_ui(text))

        with failing_the_run(), clients.open_sync_run(Settings(), who=_name_of(run_id), run_id=run_id, say=log) as run:
            yield run


def _name_of(run_id: str) -> str:
    """A run in the audit log, instead of the person who launched it, whom Dagster does not know."""
    return f"Dagster run {run_id}"


def named_systems(systems: Systems) -> str:
    """Which ConnectWise company and which source of usage the environment names, in Markdown."""
    exports = systems.nordpass_usage_dir
    source = (
        f"the exports in `{exports}`" if exports else f"the Provider API at `{systems.nordpass_api_url or 'not set'}`"
    )
    company, site = systems.connectwise_company_id or "not set", systems.connectwise_site_url or "not set"
    return f"ConnectWise: the company `{company}` at `{site}`. NordPass: {source}."


# What the resource's page shows. A field would be in every Launchpad, where nobody can change what it opens.
Access.__doc__ = f"{Access.__doc__}\n\nWhen this code location was loaded: {named_systems(Systems())}"
