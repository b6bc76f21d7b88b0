"""An integration that is active for a sandbox, set up as a person would do it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from cw_pipeline.settings import Heartbeat, Messages, Settings
from cw_pipeline.setup import clients, connection, imports, mapping, organizations, products, suggest
from cw_pipeline.setup.mapping import Mapped
from cw_pipeline.sync import open_intents
from cw_pipeline.tenant_file import FOLDER_VARIABLE, VARIABLE
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.support.rows import fill, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline_tests.support.rows import Rows

LAST_CLOSED = Month.last_closed(datetime.now(UTC))


@dataclass(frozen=True)
class Active:
    """What was mapped."""

    mapped: tuple[Mapped, ...]

    @property
    def organization_ids(self) -> set[str]:
        """The mapped organizations."""
        return {one.organization_id for one in self.mapped}

    def billed_usage(self, sandbox: Sandbox, month: Month) -> list[dict[str, Any]]:
        """The rows of the month's usage report whose seats have to be on lines."""
        return [
            row
            for row in sandbox.nordpass.usage(str(month))
            if row["organization_id"] in self.organization_ids
            and row["license_type"] == "Standard"
            and row["consumed_licenses"]
        ]


_SET_UP: dict[tuple[Month, int], tuple[Active, Rows]] = {}
"""What is mapped and what the warehouse holds, by the first month and the number of companies."""


def use(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Let the settings say `environment` and nothing else; the sandbox is never at work on what nobody waits for."""
    monkeypatch.setattr(open_intents, "UNDER_WAY_SECONDS", 0)
    for name in Settings.model_fields | Messages.model_fields | Heartbeat.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name}_file".upper(), raising=False)
    for name in (VARIABLE, FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def set_up(client: ConnectWiseClient, nordpass: NordPass, warehouse: Warehouse) -> None:
    """Connect, confirm a product for each plan, and import what there is; no company is mapped yet."""
    connection.connect(client, warehouse)
    products.map_product(client, warehouse, Plan.BUSINESS, "NORDPASS-BUS")
    products.map_product(client, warehouse, Plan.ENTERPRISE, "NORDPASS-ENT")
    products.confirm_products(warehouse)
    imports.import_companies(client, warehouse, ["Client"], ["Active"])
    imports.import_agreements(client, warehouse)
    organizations.refresh_organizations(nordpass, warehouse)


def activate(bill_from: Month, *, companies: int = 5) -> Active:
    """Set up the integration that the environment names, with so many companies mapped from `bill_from` on.

    New sandboxes are all alike: what was set up once in an empty warehouse is copied to other empty ones from then on.
    """
    settings = Settings()
    with closing(Warehouse(settings.database_url, tenant=settings.tenant_key, who="the tests")) as warehouse:
        wanted = (bill_from, companies)
        empty = not rows_of(warehouse)["integration"]
        if empty and wanted in _SET_UP:
            active, rows = _SET_UP[wanted]
            (integration,) = rows["integration"]
            here = {"site_url": settings.connectwise_site_url, "company_id": settings.connectwise_company_id}
            fill(warehouse, rows | {"integration": [integration | here]})
            return active
        with clients.open_connectwise(settings) as client, clients.open_nordpass(settings) as nordpass:
            set_up(client, nordpass, warehouse)
        active = _map_companies(settings, warehouse, *wanted)
        if empty:
            _SET_UP[wanted] = active, rows_of(warehouse)
        return active


def _map_companies(settings: Settings, warehouse: Warehouse, bill_from: Month, companies: int) -> Active:
    certain = [one for one in suggest.suggest_mappings(warehouse) if one.certain][:companies]
    mapped = tuple(
        mapping.map_company(
            warehouse,
            one.company.id,
            one.agreement.id,
            str(one.organization.id),
            bill_from=bill_from,
            first_month=settings.cw_pipeline_first_month,
            now=max(datetime.now(UTC), datetime.combine(bill_from.first_day, time(tzinfo=UTC))),
        )
        for one in certain
        if one.agreement is not None
    )
    return Active(mapped)
