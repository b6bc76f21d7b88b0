"""How a test, or a process that it starts, reaches the sandbox and the warehouse."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cw_pipeline.connectwise.client import ConnectWiseClient, Credentials
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline_tests.support.fake_time import FakeTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cw_pipeline.warehouse.database import Warehouse


TODAY = date(2026, 4, 1)


def credentials(environment: Mapping[str, str]) -> Credentials:
    return Credentials(
        site_url=environment["CONNECTWISE_SITE_URL"],
        company_id=environment["CONNECTWISE_COMPANY_ID"],
        public_key=environment["CONNECTWISE_PUBLIC_KEY"],
        private_key=environment["CONNECTWISE_PRIVATE_KEY"],
        client_id=environment["CONNECTWISE_CLIENT_ID"],
        ca_bundle=Path(environment["CONNECTWISE_CA_BUNDLE"]),
    )


def open_client(
    environment: Mapping[str, str],
    *,
    read_timeout: float = 10.0,
    time: FakeTime | None = None,
) -> ConnectWiseClient:
    """A client of the sandbox whose waits end at once."""
    time = time or FakeTime()
    return ConnectWiseClient(
        credentials(environment),
        requests_per_minute=100_000,
        read_timeout=read_timeout,
        sleep=time.sleep,
        clock=time.clock,
    )


def sync_run(client: ConnectWiseClient, warehouse: Warehouse, run_id: str = "run-1") -> SyncRun:
    return SyncRun(
        connectwise=client,
        warehouse=warehouse,
        psa="msp",
        run_id=run_id,
        concurrency=4,
        keep_previews=timedelta(days=365),
        say=lambda _: None,
        wait=lambda _seconds: None,
        today=lambda: TODAY,
    )
