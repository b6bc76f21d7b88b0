from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text

from cw_pipeline.connectwise.errors import AuthenticationFailed, MissingRight, UnknownCompany
from cw_pipeline.reports.reconcile.read import Source
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES, Right
from cw_pipeline.settings import Settings
from cw_pipeline.setup.audit import setup_transaction
from cw_pipeline.setup.clients import open_connectwise
from cw_pipeline.setup.connection import connect, disconnect
from cw_pipeline.setup.errors import NotConnected, NotPossible, WrongCompany
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.setup.organizations import refresh_organizations
from cw_pipeline.setup.products import confirm_products, create_product, map_product
from cw_pipeline.vocabulary import Month, Plan, State
from cw_pipeline.warehouse.psa import psa_of, save_right_uses
from cw_pipeline.warehouse.tables import CompanyRow, IntegrationRow, ProductMappingRow, ProductRow
from cw_pipeline_tests.setup.actions import apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import logged, mappings
from cw_pipeline_tests.support.rows import company, integration, put

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse


def state_of(warehouse: Warehouse) -> str | None:
    with warehouse.transaction() as session:
        row = session.get(IntegrationRow, 1)
        return row.state if row else None


def test_connecting_proves_the_rights_to_inquire_and_writes_nothing(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    connection = connect(client, warehouse)

    assert connection.state == State.CONNECTED == state_of(warehouse)
    assert connection.company_name == "Sandbox Managed Services"
    assert [right.held for right in connection.rights] == [True] * 4 + [None] * 3 + [False] * 2 + [True]
    assert (connection.missing_rights, connection.invoices) == ((), None)
    assert not sandbox.journal.writes()
    refused = {entry.path.partition("/apis/3.0")[2] for entry in sandbox.journal.entries() if entry.status != 200}
    assert refused == {"/finance/invoices/count", "/system/reports/Product"}


@pytest.mark.parametrize(
    ("rights", "held", "source"),
    [
        ({Right.INVOICING_INQUIRE}, [False, False], None),
        ({Right.PRODUCTS_INQUIRE}, [False, False], None),
        ({Right.INVOICING_INQUIRE, Right.PRODUCTS_INQUIRE}, [True, False], Source.INVOICES),
        ({Right.API_REPORTS_INQUIRE}, [False, True], Source.REPORT),
        (TO_READ_INVOICES, [True, True], Source.INVOICES),
    ],
)
def test_connecting_finds_out_how_invoices_can_be_read(
    warehouse: Warehouse,
    client: ConnectWiseClient,
    sandbox: Sandbox,
    *,
    rights: frozenset[Right],
    held: list[bool],
    source: Source | None,
) -> None:
    sandbox.connectwise.set_role(SEED_ROLE | rights)
    connection = connect(client, warehouse)
    of_invoices = connection.rights[7:9]
    assert ([one.held for one in of_invoices], connection.invoices) == (held, source)
    assert all(one.optional and one.state in {"held", "not held: nothing else needs it"} for one in of_invoices)
    assert (connection.missing_rights, state_of(warehouse)) == ((), State.CONNECTED)


def test_a_right_that_only_a_write_proves_is_shown_as_last_used(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    connect(client, warehouse)
    create_product(client, warehouse, Plan.BUSINESS, subcategory="Security software")
    with warehouse.transaction() as session:
        psa = psa_of(client)
        save_right_uses(session, psa, {"Finance > Agreements: Add": True, "Finance > Agreements: Edit": False})
    connection = connect(client, warehouse)
    assert [(right.name, right.held) for right in connection.rights[4:7]] == [
        ("Procurement > Product Catalog: Add", True),
        ("Finance > Agreements: Add", True),
        ("Finance > Agreements: Edit", False),
    ]
    assert connection.rights[6].state.startswith("MISSING when last used, 20")
    assert (connection.missing_rights, connection.state) == ((), State.CONNECTED)

    sandbox.connectwise.set_role(SEED_ROLE - {Right.CATALOG_ADD})
    with pytest.raises(MissingRight, match="Procurement > Product Catalog: Add"):
        create_product(client, warehouse, Plan.ENTERPRISE, subcategory="Security software")
    assert connect(client, warehouse).rights[4].held is False


def test_of_two_actions_at_once_one_waits_even_before_connecting(warehouse: Warehouse) -> None:
    both_ready, at_work = Barrier(2), Barrier(2)

    def act_when_both_are_ready(_: int) -> bool:
        both_ready.wait(timeout=10)
        with setup_transaction(warehouse):
            try:
                at_work.wait(timeout=0.5)
            except BrokenBarrierError:
                return True
        return False

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(act_when_both_are_ready, range(2))) == [True, True]


def test_connecting_and_disconnecting_are_in_the_audit(
    warehouse: Warehouse, client: ConnectWiseClient, tmp_path: Path
) -> None:
    connect(client, warehouse)
    connect(client, warehouse)
    disconnect(warehouse, tmp_path / "backup.csv")
    there = {"site": client.site_url, "company_id": client.company_id, "state": "connected"}
    assert logged(warehouse) == [
        ("connect", client.company_id, {"state": "not_connected"}, {**there, "keys": "accepted"}),
        ("connect", client.company_id, there, {**there, "keys": "accepted"}),
        (
            "disconnect",
            client.company_id,
            {**there, "company_mappings": 0, "products": {}},
            {"state": "disconnected", "backup_file": str(tmp_path / "backup.csv")},
        ),
    ]


@pytest.mark.parametrize(
    ("right", "name"),
    [
        (Right.COMPANY_INQUIRE, "Companies > Company Maintenance: Inquire"),
        (Right.TABLE_SETUP_INQUIRE, "System > Table Setup: Inquire"),
        (Right.CATALOG_INQUIRE, "Procurement > Product Catalog: Inquire"),
        (Right.AGREEMENTS_INQUIRE, "Finance > Agreements: Inquire"),
    ],
)
def test_a_missing_right_is_named_and_nothing_is_saved(
    right: Right, name: str, warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.connectwise.set_role(SEED_ROLE - {right})
    connection = connect(client, warehouse)
    assert [missing.name for missing in connection.missing_rights] == [name]
    assert connection.state == State.NOT_CONNECTED
    assert state_of(warehouse) is None


def test_an_unreadable_setup_table_is_a_missing_right(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(FaultKind.STATUS, path="/finance/billingCycles", status=403)
    connection = connect(client, warehouse)
    assert [missing.name for missing in connection.missing_rights] == ["System > Table Setup: Inquire"]
    assert state_of(warehouse) is None


def test_a_role_without_the_invoice_recap_connects_and_is_told_so(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.connectwise.change_settings(agreement_recap=False)
    connection = connect(client, warehouse)
    assert (connection.missing_rights, connection.refusal, state_of(warehouse)) == ((), None, State.CONNECTED)
    recap = connection.rights[-1]
    assert (recap.held, recap.optional) == (False, True)
    assert "written off" in recap.why
    assert recap.state.startswith("not held")


@pytest.mark.parametrize("status", [400, 404])
def test_connecting_does_not_need_a_readable_invoice_recap(
    status: int, warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(FaultKind.STATUS, path="/finance/agreementrecap/", status=status)
    assert connect(client, warehouse).rights[-1].held is False
    assert state_of(warehouse) == State.CONNECTED


@pytest.mark.parametrize("status", [401, 404])
def test_wrong_keys_are_refused_and_nothing_is_saved(
    status: int, warehouse: Warehouse, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.connectwise.change_settings(bad_credentials_status=status)
    assert settings
    monkeypatch.setenv("CONNECTWISE_PRIVATE_KEY", "wrong")
    with open_connectwise(Settings()) as client, pytest.raises(AuthenticationFailed):
        connect(client, warehouse)
    assert state_of(warehouse) is None


def test_no_key_is_kept_anywhere_in_the_warehouse(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    connect(client, warehouse)
    environment = sandbox.environment()
    with warehouse.transaction() as session:
        tables = inspect(warehouse.engine).get_table_names()
        kept = str([session.execute(text(f"SELECT * FROM {table}")).all() for table in tables])
    assert environment["CONNECTWISE_COMPANY_ID"] in kept
    for name in ("CONNECTWISE_PUBLIC_KEY", "CONNECTWISE_PRIVATE_KEY", "CONNECTWISE_CLIENT_ID"):
        assert environment[name] not in kept


def test_connecting_again_to_the_same_company_keeps_everything(warehouse: Warehouse, client: ConnectWiseClient) -> None:
    connect(client, warehouse)
    map_product(client, warehouse, Plan.BUSINESS, "NORDPASS-BUS")
    confirm_products(warehouse)
    assert connect(client, warehouse).state == State.ACTIVE
    with warehouse.transaction() as session:
        assert session.get_one(ProductMappingRow, "Business").confirmed_product_id == 3


def test_another_company_is_refused_until_disconnected(
    warehouse: Warehouse, client: ConnectWiseClient, tmp_path: Path
) -> None:
    put(warehouse, integration(), company(1, "Of the other site"), ProductRow(id=7, identifier="X", description="X"))
    with pytest.raises(WrongCompany, match="cw-pipeline disconnect"):
        connect(client, warehouse)

    disconnect(warehouse, tmp_path / "backup.csv")
    assert connect(client, warehouse).state == State.CONNECTED
    with warehouse.transaction() as session:
        assert session.get(CompanyRow, 1) is None, "a company of the other site would be mistaken for one of this"
        assert session.get(ProductRow, 7) is None


def test_disconnecting_removes_all_mappings_and_the_backup_brings_them_back(
    warehouse: Warehouse, client: ConnectWiseClient, nordpass: NordPass, tmp_path: Path
) -> None:
    connect(client, warehouse)
    map_product(client, warehouse, Plan.BUSINESS, 3)
    confirm_products(warehouse)
    import_companies(client, warehouse, ["client"], ["active"])
    import_agreements(client, warehouse)
    refresh_organizations(nordpass, warehouse)
    map_company(warehouse, 101, 1001, "Abbott & Lane LLP", bill_from=Month(2025, 6))
    before = mappings(warehouse)

    done = disconnect(warehouse, tmp_path / "backup.csv")
    assert (done.company_mappings, done.product_mappings) == (1, 1)
    assert mappings(warehouse) == {}
    assert state_of(warehouse) == State.DISCONNECTED
    with pytest.raises(NotConnected):
        apply_mappings(warehouse, done.backup_file)
    with pytest.raises(NotConnected):
        disconnect(warehouse, tmp_path / "another.csv")

    assert connect(client, warehouse).state == State.CONNECTED
    assert apply_mappings(warehouse, done.backup_file).mapped == 1
    assert mappings(warehouse) == before != {}


def test_a_backup_never_overwrites_a_file(msp: Warehouse, tmp_path: Path) -> None:
    map_company(msp, 2, 21, "org-bolt")
    file = tmp_path / "backup.csv"
    file.write_text("precious")
    with pytest.raises(NotPossible, match="backup"):
        disconnect(msp, file)
    assert file.read_text() == "precious"
    assert mappings(msp)
    assert state_of(msp) == State.CONNECTED


def test_a_right_taken_away_later_is_named_and_the_state_stays(
    warehouse: Warehouse, client: ConnectWiseClient, sandbox: Sandbox
) -> None:
    connect(client, warehouse)
    sandbox.connectwise.set_role(SEED_ROLE - {Right.AGREEMENTS_INQUIRE})
    connection = connect(client, warehouse)
    assert [right.held for right in connection.rights] == [True] * 3 + [False] + [None] * 3 + [False] * 3
    assert connection.state == State.CONNECTED == state_of(warehouse)


def test_a_site_that_does_not_know_the_company_is_named(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings
    monkeypatch.setenv("CONNECTWISE_COMPANY_ID", "nobody")
    with open_connectwise(Settings()) as client, pytest.raises(UnknownCompany, match="CONNECTWISE_COMPANY_ID"):
        connect(client, warehouse)
    assert state_of(warehouse) is None
