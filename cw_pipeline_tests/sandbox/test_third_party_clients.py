"""Clients that others wrote for ConnectWise PSA read and write the sandbox: it is not only like what ours expects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from pyconnectwise.clients.manage_client import ConnectWiseManageAPIClient
from pyconnectwise.exceptions import MalformedRequestException

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.wire import Record

CONNECTWISE_REST = "connectwise-rest@1.3.0"
SCRIPT = Path(__file__).with_name("connectwise_rest.cjs")
APRIL: dict[str, Any] = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-30T00:00:00Z"}
NEW: dict[str, Any] = {
    "product": {"id": 3}, "quantity": 12, "billCustomer": "Billable", "serialNumber": "NP:1", **APRIL,
}  # fmt: skip


def ids(sandbox: Sandbox, table: str) -> list[int]:
    return [record["id"] for record in sandbox.connectwise.records(table)]


def ours(sandbox: Sandbox) -> list[Record]:
    """The lines with our serial number, as stored."""
    return [line for line in sandbox.connectwise.additions(1001) if line.get("serialNumber") == "NP:1"]


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ConnectWiseManageAPIClient:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sandbox.ca_bundle))
    monkeypatch.setenv("NO_PROXY", "localhost")
    environment = sandbox.environment()
    return ConnectWiseManageAPIClient(
        environment["CONNECTWISE_COMPANY_ID"],
        urlsplit(sandbox.url).netloc,
        environment["CONNECTWISE_CLIENT_ID"],
        environment["CONNECTWISE_PUBLIC_KEY"],
        environment["CONNECTWISE_PRIVATE_KEY"],
    )


@pytest.mark.parametrize("page_size", [25, 1, 1000])
def test_pyconnectwise_reads_every_page(sandbox: Sandbox, client: ConnectWiseManageAPIClient, page_size: int) -> None:
    companies = client.company.companies.paginated(1, page_size).all()
    assert [company.id for company in companies] == ids(sandbox, "companies")
    chosen = client.finance.agreements.paginated(1, page_size, {"conditions": "id in (1001,1002,1003)"}).all()
    assert [agreement.id for agreement in chosen] == [1001, 1002, 1003]
    agreements = list(client.finance.agreements.paginated(1, max(page_size, 25)).all())
    assert [agreement.id for agreement in agreements] == ids(sandbox, "agreements")
    assert {record.billing_cycle.name for record in agreements if record.billing_cycle} == {"Monthly", "None"}


def test_pyconnectwise_reads_every_addition(sandbox: Sandbox, client: ConnectWiseManageAPIClient) -> None:
    lists = [client.finance.agreements.id(key).additions.paginated(1, 1).all() for key in ids(sandbox, "agreements")]
    read = {addition.id: addition.quantity for addition in chain.from_iterable(lists)}
    assert read == {line["id"]: line["quantity"] for line in sandbox.connectwise.records("additions")}


def test_pyconnectwise_creates_and_changes_an_addition(sandbox: Sandbox, client: ConnectWiseManageAPIClient) -> None:
    additions = client.finance.agreements.id(1001).additions
    created = additions.post(NEW)
    assert created.id
    assert (created.quantity, created.unit_price, created.agreement_status) == (12, 4.99, "Active")
    patched = additions.id(created.id).patch([{"op": "replace", "path": "quantity", "value": 0}])
    assert (patched.id, patched.quantity, patched.serial_number) == (created.id, 0, "NP:1")
    assert [(line["id"], line["quantity"], line["effectiveDate"]) for line in ours(sandbox)] == [
        (created.id, 0, APRIL["effectiveDate"])
    ]


def test_pyconnectwise_understands_a_refusal(sandbox: Sandbox, client: ConnectWiseManageAPIClient) -> None:
    with pytest.raises(MalformedRequestException) as refusal:
        client.finance.agreements.id(1001).additions.post({"quantity": 1, "billCustomer": "Billable"})
    assert "The product field is required." in refusal.value.details()
    assert ours(sandbox) == []


def test_pyconnectwise_reads_how_agreements_are_billed(sandbox: Sandbox, client: ConnectWiseManageAPIClient) -> None:
    sandbox.connectwise.edit_agreement(1001, billingCycle=5, nextInvoiceDate="2026-07-01")
    agreement = client.finance.agreements.id(1001).get()
    cycles = {cycle.id: cycle for cycle in client.finance.billing_cycles.get()}
    assert agreement.billing_cycle
    assert cycles[agreement.billing_cycle.id].billing_options == "Quarterly"
    assert agreement.next_invoice_date
    assert agreement.next_invoice_date.date() == date(2026, 7, 1)


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where npm installed connectwise-rest."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    command = [
        npm,
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=0",
        "--fetch-timeout=30000",
        CONNECTWISE_REST,
    ]
    installed = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    if installed.returncode:
        pytest.skip(f"npm cannot install {CONNECTWISE_REST}: is the registry out of reach?")
    return folder / "node_modules"


def test_connectwise_rest_reads_every_page_and_writes_an_addition(sandbox: Sandbox, node_modules: Path) -> None:
    before = ids(sandbox, "additions")
    got = run_connectwise_rest(sandbox, node_modules)
    assert [company["id"] for company in got["companies"]] == ids(sandbox, "companies")
    in_force = [record["id"] for record in sandbox.connectwise.records("agreements") if not record["cancelledFlag"]]
    assert [agreement["id"] for agreement in got["agreements"]] == in_force
    assert [line["id"] for line in got["additions"]] == [line for line in before if line in {5001, 5002}]
    assert (got["created"]["quantity"], got["created"]["unitPrice"], got["patched"]["quantity"]) == (12, 4.99, 0)
    assert [(line["id"], line["quantity"]) for line in ours(sandbox)] == [(got["created"]["id"], 0)]
    assert got["refused"]["status"] == 400
    assert {error["field"] for error in got["refused"]["data"]["errors"]} == {"product", "billCustomer"}


def run_connectwise_rest(sandbox: Sandbox, node_modules: Path) -> Any:  # noqa: ANN401 - any JSON
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(node_modules),
        "NODE_EXTRA_CA_CERTS": str(sandbox.ca_bundle),
        **sandbox.environment(),
    }
    ran = subprocess.run(
        [shutil.which("node") or "node", SCRIPT], env=environment, capture_output=True, check=True, timeout=60
    )
    return json.loads(ran.stdout)
