from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.nordpass.usage_exports import UsageExports
from cw_pipeline.settings import NotSetUp, Settings
from cw_pipeline.setup.clients import open_connectwise, open_nordpass
from cw_pipeline.setup.connection import connect
from cw_pipeline.setup.errors import NotActive, NotConnected, WrongCompany
from cw_pipeline.setup.guards import require_active, require_connected
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import IntegrationRow
from cw_pipeline_tests.support.rows import integration, put

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.connectwise.client import ConnectWiseClient


@pytest.mark.parametrize(
    "name",
    [
        "CONNECTWISE_SITE_URL",
        "CONNECTWISE_COMPANY_ID",
        "CONNECTWISE_PUBLIC_KEY",
        "CONNECTWISE_PRIVATE_KEY",
        "CONNECTWISE_CLIENT_ID",
    ],
)
def test_a_missing_connectwise_variable_is_named(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.required(name)
    monkeypatch.delenv(name)
    with pytest.raises(NotSetUp, match=name):
        open_connectwise(Settings())


@pytest.mark.parametrize("name", ["NORDPASS_API_URL", "NORDPASS_MSP_ID"])
def test_a_missing_nordpass_variable_is_named(name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.required(name)
    monkeypatch.delenv(name)
    with pytest.raises(NotSetUp, match=name):
        open_nordpass(Settings())


def test_every_missing_variable_is_named_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.missing == []
    for name in ("CONNECTWISE_PUBLIC_KEY", "NORDPASS_MSP_ID", "NORDPASS_PRIVATE_KEY_FILE"):
        monkeypatch.delenv(name)
    with pytest.raises(NotSetUp, match="CONNECTWISE_PUBLIC_KEY, NORDPASS_MSP_ID, NORDPASS_PRIVATE_KEY are not set"):
        open_connectwise(Settings())


def test_the_private_key_can_be_given_as_text(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORDPASS_PRIVATE_KEY", settings.required("NORDPASS_PRIVATE_KEY"))
    monkeypatch.delenv("NORDPASS_PRIVATE_KEY_FILE")
    with open_nordpass(Settings()) as nordpass:
        assert isinstance(nordpass, ProviderApi)
        assert nordpass.organizations()


def test_a_folder_of_usage_exports_replaces_the_provider_api(tmp_path: Path) -> None:
    settings = Settings(nordpass_usage_dir=tmp_path)
    with open_nordpass(settings, now=lambda: datetime(2026, 4, 1, tzinfo=UTC)) as nordpass:
        assert isinstance(nordpass, UsageExports)


def test_usage_exports_beside_the_provider_api_are_refused(settings: Settings, tmp_path: Path) -> None:
    both = settings.model_copy(update={"nordpass_usage_dir": tmp_path})
    with pytest.raises(NotSetUp, match="NORDPASS_API_URL and NORDPASS_USAGE_DIR are both set"):
        open_nordpass(both)


def test_the_warehouse_is_opened_in_the_home_folder(tmp_path: Path) -> None:
    warehouse = Warehouse(Settings(cw_pipeline_home=tmp_path / "home").database_url, who="a test")
    warehouse.close()
    assert (tmp_path / "home" / "warehouse.db").exists()


def test_the_connection_key_ignores_capitals_of_the_company_id() -> None:
    row = integration()
    row.company_id = "MsP"
    assert psa_of(row) == "https://psa.example.com|msp"


def test_before_connecting_nothing_is_connected_nor_active(warehouse: Warehouse, client: ConnectWiseClient) -> None:
    with warehouse.transaction() as session, pytest.raises(NotConnected, match="cw-pipeline connect"):
        require_connected(session, client)
    with warehouse.transaction() as session, pytest.raises(NotActive) as refused:
        require_active(session, client)
    assert len(refused.value.missing) == 3


def test_the_connected_company_is_let_in_and_another_is_not(warehouse: Warehouse, client: ConnectWiseClient) -> None:
    connect(client, warehouse)
    with warehouse.transaction() as session:
        assert psa_of(require_connected(session, client)) == psa_of(client)
        session.get_one(IntegrationRow, 1).company_id = "other"
    with warehouse.transaction() as session, pytest.raises(WrongCompany, match=r"sandbox at .* connected to other at"):
        require_connected(session, client)


def test_a_connected_integration_without_confirmed_products_is_not_active(
    warehouse: Warehouse, client: ConnectWiseClient
) -> None:
    connect(client, warehouse)
    with warehouse.transaction() as session, pytest.raises(NotActive, match="not confirmed") as refused:
        require_active(session, client)
    assert len(refused.value.missing) == 2


def test_an_active_integration_of_another_company_is_not_let_in(
    warehouse: Warehouse, client: ConnectWiseClient
) -> None:
    put(warehouse, integration("active"))
    with warehouse.transaction() as session, pytest.raises(WrongCompany):
        require_active(session, client)
