"""The clients of ConnectWise and NordPass that the settings name, opened, and all that a sync works with."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cw_pipeline.billing.unusual import Limits
from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.connectwise.credentials import Credentials
from cw_pipeline.https.safe_text import Hidden
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.nordpass.usage_exports import UsageExports
from cw_pipeline.settings import NotSetUp
from cw_pipeline.setup.guards import require_active
from cw_pipeline.sync.sync_run import SyncRun, rare_garbage_collections
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.psa import psa_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.settings import Settings


def open_connectwise(settings: Settings) -> ConnectWiseClient:
    """A client for the ConnectWise company that the settings name; nothing is sent yet.

    Raises:
        NotSetUp: If a setting is missing.
        InvalidConfiguration: If one cannot be used.
    """
    credentials = Credentials(
        site_url=settings.required("CONNECTWISE_SITE_URL"),
        company_id=settings.required("CONNECTWISE_COMPANY_ID"),
        public_key=Hidden(settings.required("CONNECTWISE_PUBLIC_KEY")),
        private_key=Hidden(settings.required("CONNECTWISE_PRIVATE_KEY")),
        client_id=Hidden(settings.required("CONNECTWISE_CLIENT_ID")),
        ca_bundle=settings.connectwise_ca_bundle,
    )
    return ConnectWiseClient(
        credentials,
        requests_per_minute=settings.connectwise_requests_per_minute,
        max_concurrency=settings.connectwise_max_concurrency,
    )


def open_nordpass(settings: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> NordPass:
    """The Provider API, or the folder of usage exports where the settings name one; nothing is sent yet.

    Raises:
        NotSetUp: If a setting is missing, or two contradict each other.
        NordPassError: If one cannot be used.
    """
    if settings.nordpass_usage_dir is None:
        return ProviderApi(
            settings.required("NORDPASS_API_URL"),
            msp_id=settings.required("NORDPASS_MSP_ID"),
            private_key=Hidden(settings.required("NORDPASS_PRIVATE_KEY")),
            ca_bundle=settings.nordpass_ca_bundle,
        )
    if settings.nordpass_api_url is not None:
        raise NotSetUp(
            "NORDPASS_API_URL and NORDPASS_USAGE_DIR are both set. Set only the one that usage is to come from."
        )
    return UsageExports(settings.nordpass_usage_dir, now=now)


@contextmanager
def open_sync_run(settings: Settings, *, who: str, run_id: str, say: Callable[[str], None]) -> Generator[SyncRun]:
    """What a sync works with; only an active integration has one.

    `who`, a person or a run, is named in the audit log, and `run_id` in the ledger; `say` is called with each message
    about progress.

    Raises:
        NotActive: If the integration is not active.
        WrongCompany: If the credentials are of another ConnectWise company than the connected one.
    """
    opened = Warehouse(settings.database_url, tenant=settings.tenant_key, who=who)
    with closing(opened) as warehouse, open_connectwise(settings) as client, rare_garbage_collections():
        with warehouse.transaction() as session:
            psa = psa_of(require_active(session, client))
        yield SyncRun(
            connectwise=client,
            warehouse=warehouse,
            psa=psa,
            run_id=run_id,
            concurrency=settings.connectwise_max_concurrency,
            keep_previews=timedelta(days=settings.cw_pipeline_keep_previews),
            limits=Limits(
                percent=settings.cw_pipeline_unusual_percent,
                seats=settings.cw_pipeline_unusual_seats,
                first_seats=settings.cw_pipeline_unusual_first_seats,
                hold=settings.cw_pipeline_unusual == "hold",
            ),
            say=say,
        )
