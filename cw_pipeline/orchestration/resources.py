"""The one resource: access to what the environment names, opened for a run and closed after it.

Nothing secret passes through Dagster's config: it would be shown in the UI and kept in its storage.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.settings import Settings, Systems
from cw_pipeline.setup import systems
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.launchpad import in_the_ui

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sync.sync_run import SyncRun


class Access(dg.ConfigurableResource[None]):
    """Opens the warehouse, ConnectWise and NordPass as the environment says at that moment."""

    @contextmanager
    def warehouse(self, run_id: str | None = None) -> Generator[Warehouse]:
        """The warehouse; the audit log names the run that changes it."""
        who = _name_of(run_id) if run_id else "Dagster"
        settings = Settings()
        with closing(Warehouse(settings.database_url, tenant=settings.tenant_key, who=who)) as warehouse:
            yield warehouse

    def connectwise(self) -> ConnectWiseClient:
        """A ConnectWise client."""
        return systems.open_connectwise(Settings())

    def nordpass(self) -> NordPass:
        """The source of organizations and usage."""
        return systems.open_nordpass(Settings())

    def sync_run(self, run_id: str, say: Callable[[str], None]) -> AbstractContextManager[SyncRun]:
        """What a sync works with; only an active integration has one.

        Raises:
            NotActive: If the integration is not active.
            WrongCompany: If the credentials are of another ConnectWise company than the connected one.
        """
        return systems.open_sync_run(
            Settings(), who=_name_of(run_id), run_id=run_id, say=lambda text: say(in_the_ui(text))
        )


def _name_of(run_id: str) -> str:
    """A run, as the audit log names it: Dagster does not know who launched it."""
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
