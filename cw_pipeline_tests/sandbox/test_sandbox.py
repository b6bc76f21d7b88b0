from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from cw_pipeline.sandbox import FaultKind, Sandbox, SandboxControl
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.control import ControlRefused
from cw_pipeline.sandbox.wire import dumps, loads
from cw_pipeline_tests.sandbox.conftest import TODAY, Api, connectwise_api, document

LINES = "/finance/agreements/1001/additions"
MONTHLY = 2
NEW = {"product": {"id": 3}, "quantity": 12.5, "billCustomer": "Billable", "serialNumber": "NP:1"}


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[SandboxControl]:
    with SandboxControl(sandbox.url, sandbox.ca_bundle) as control:
        yield control


def test_the_environment_names_all_that_a_client_needs(shared: Sandbox) -> None:
    environment = shared.environment()
    assert len(environment) == 10
    assert environment["CONNECTWISE_SITE_URL"].startswith("https://localhost:")
    assert environment["NORDPASS_API_URL"] == f"{shared.url}/nordpass"
    for name in ("CONNECTWISE_CA_BUNDLE", "NORDPASS_CA_BUNDLE", "NORDPASS_PRIVATE_KEY_FILE"):
        assert "-----BEGIN" in Path(environment[name]).read_text(encoding="ascii")


def test_a_sandbox_that_was_not_started_has_no_address() -> None:
    with pytest.raises(RuntimeError, match="start it first"):
        _ = Sandbox().url


def test_a_stopped_sandbox_is_unreachable_and_starts_again_at_its_address(sandbox: Sandbox, api: Api) -> None:
    url = sandbox.url
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        api.get("/company/companies/count")
    sandbox.start()
    assert sandbox.url == url
    assert api.get("/company/companies/count").status_code == 200


def test_a_home_keeps_everything_that_was_written(tmp_path: Path) -> None:
    with Sandbox(home=tmp_path, today=TODAY) as first:
        api = connectwise_api(first)
        with api.session:
            line = document(api.post(LINES, NEW))
            first.connectwise.invoice(1001)
            first.connectwise.set_role(SEED_ROLE)
            first.nordpass.set_usage(first.nordpass.organizations()[0]["id"], "2026-03", 99)
            kept = (first.connectwise.additions(1001), first.connectwise.invoices(), first.nordpass.usage("2026-03"))
            port = int(first.url.rpartition(":")[2])
        certificate = first.ca_bundle.read_bytes()
    with Sandbox(home=tmp_path, today=TODAY, port=port) as second:
        assert second.ca_bundle.read_bytes() == certificate
        assert kept == (
            second.connectwise.additions(1001),
            second.connectwise.invoices(),
            second.nordpass.usage("2026-03"),
        )
        api = connectwise_api(second)
        with api.session:
            assert document(api.get(f"{LINES}/{line['id']}")) == line
            assert document(api.post(LINES, NEW | {"effectiveDate": "2026-06-01"}))["id"] == line["id"] + 1


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    Sandbox(home=tmp_path)
    assert (tmp_path / "nordpass_private_key.pem").stat().st_mode & 0o077 == 0


def test_people_edit_duplicate_and_delete_lines(connectwise: ConnectWise, api: Api) -> None:
    line = document(api.post(LINES, NEW))
    connectwise.edit_addition(1001, line["id"], quantity=3, cancelledDate="2026-04-30T00:00:00Z")
    copied = connectwise.duplicate_addition(1001, line["id"])
    mine = [row for row in connectwise.additions(1001) if row.get("serialNumber") == "NP:1"]
    assert [(row["id"], row["quantity"]) for row in mine] == [(line["id"], 3), (copied, 3)]
    connectwise.delete_addition(1001, line["id"])
    assert line["id"] not in {row["id"] for row in connectwise.additions(1001)}
    assert api.get(f"{LINES}/{line['id']}").status_code == 404


def test_people_edit_agreements_and_companies(connectwise: ConnectWise, api: Api) -> None:
    connectwise.edit_agreement(1001, cancelledFlag=True, company=102)
    agreement = document(api.get("/finance/agreements/1001"))
    assert (agreement["agreementStatus"], agreement["company"]["name"]) == ("Cancelled", "Acorn Veterinary Clinic")
    connectwise.edit_company(102, name="Renamed", deletedFlag=True)
    assert document(api.get("/finance/agreements/1001"))["company"]["name"] == "Renamed"
    connectwise.remove_company(102, merged_into=103)
    assert api.get("/company/companies/102").status_code == 404
    assert document(api.get("/finance/agreements/1001"))["company"]["id"] == 103


def test_the_status_of_an_agreement_follows_from_its_dates(connectwise: ConnectWise, api: Api) -> None:
    def status(**fields: object) -> str:
        connectwise.edit_agreement(1001, **fields)
        return document(api.get("/finance/agreements/1001"))["agreementStatus"]

    assert status(endDate="2026-04-01T00:00:00Z", noEndingDateFlag=False) == "Active"
    assert status(endDate="2026-03-31T00:00:00Z") == "Expired"
    assert status(noEndingDateFlag=True) == "Active"
    assert status(startDate="2026-04-02T00:00:00Z") == "Inactive"


def test_invoicing_bills_the_lines_and_moves_the_next_invoice_date(connectwise: ConnectWise, api: Api) -> None:
    line = document(api.post(LINES, NEW | {"effectiveDate": "2026-04-01", "cancelledDate": "2026-04-30"}))
    (april,) = deepcopy(connectwise.invoice(1001))
    assert (april["period_start"], april["period_end"]) == ("2026-04-01", "2026-04-30")
    billed = {row["addition_id"]: row["quantity"] for row in april["lines"]}
    assert billed[line["id"]] == line["quantity"]
    assert document(api.get("/finance/agreements/1001"))["nextInvoiceDate"] == "2026-05-01"
    (may,) = deepcopy(connectwise.invoice(1001))
    assert line["id"] not in {row["addition_id"] for row in may["lines"]}
    connectwise.edit_addition(1001, line["id"], quantity=1)
    assert connectwise.invoices() == [april, may]


def test_invoicing_until_a_day_catches_up(connectwise: ConnectWise) -> None:
    made = connectwise.invoice(1003, until=date(2026, 4, 1))
    assert [invoice["period_start"] for invoice in made] == ["2026-03-01", "2026-04-01"]
    assert connectwise.invoice(1003, until=date(2026, 4, 30)) == []


def test_invoicing_all_leaves_out_what_cannot_be_invoiced(connectwise: ConnectWise) -> None:
    invoiced = {invoice["agreement_id"] for invoice in connectwise.invoice()}
    agreements = {row["id"]: row for row in connectwise.records("agreements")}
    active = {key for key, row in agreements.items() if connectwise.status_of(row) == "Active"}
    assert invoiced == {key for key in active if agreements[key]["billingCycle"]["id"] == MONTHLY}
    cancelled = next(key for key, row in agreements.items() if row["cancelledFlag"])
    with pytest.raises(ValueError, match="it is Cancelled"):
        connectwise.invoice(cancelled)


def test_an_agreement_that_ends_is_not_invoiced_afterwards(connectwise: ConnectWise) -> None:
    connectwise.edit_agreement(1001, endDate="2026-05-15T00:00:00Z", noEndingDateFlag=False)
    made = connectwise.invoice(1001, until=date(2026, 12, 31))
    assert [invoice["period_start"] for invoice in made] == ["2026-04-01", "2026-05-01"]


def test_other_processes_do_what_people_do_in_connectwise(sandbox: Sandbox, control: SandboxControl, api: Api) -> None:
    line = {"agreement_id": 1001, "addition_id": document(api.post(LINES, NEW))["id"]}
    assert control.act("edit_addition", **line, quantity=3, serialNumber=None)["quantity"] == 3
    copied = control.act("duplicate_addition", **line)
    control.act("delete_addition", **line)
    shown = control.act("additions", agreement_id=1001)
    assert shown == loads(dumps(sandbox.connectwise.additions(1001)))
    assert (shown[-1]["id"], shown[-1]["quantity"], "serialNumber" in shown[-1]) == (copied, 3, False)
    control.act("edit_company", company_id=102, name="Renamed")
    control.act("remove_company", company_id=102, merged_into=103)
    assert 102 not in {row["id"] for row in control.act("records", table="companies")}
    agreement = control.act("copy_agreement", agreement_id=1001, company=103)
    assert control.act("edit_agreement", agreement_id=agreement, name="Copy")["company"] == {"id": 103}
    (april, _) = control.act("invoice", agreement_id=1001, until="2026-05-01")
    (number, billed) = (april["number"], april["lines"][0]["addition_id"])
    edited = control.act("edit_invoice", number=number, status="Void", quantities={billed: "0.5"})
    assert (edited["status"], edited["lines"][0]["quantity"]) == ("Void", Decimal("0.5"))
    control.act("delete_invoice", number=number, moves_date=False)
    assert control.act("invoices") == loads(dumps(sandbox.connectwise.invoices()))
    assert control.act("write_off_period", agreement_id=1001) == "2026-07-01"
    assert control.act("reopen_period", agreement_id=1001) == "2026-06-01"


def test_other_processes_can_do_the_rest(sandbox: Sandbox, control: SandboxControl, api: Api) -> None:
    organization_id = control.act("organizations")[0]["id"]
    control.act("set_usage", organization_id=organization_id, month="2026-03", seats=5)
    assert control.act("usage", month="2026-03")[0]["consumed_licenses"] == 5
    control.act("set_report_final", month="2026-03", final=False)
    control.act("set_error_format", error_format="problem")
    assert sandbox.nordpass.error_format == "problem"
    assert sandbox.nordpass.report("2026-03")["final"] is False
    suspended = control.act("edit_organization", organization_id=organization_id, status="Suspended")
    assert suspended["status"] == "Suspended"
    control.act("remove_organization", organization_id=organization_id)
    assert organization_id not in {row["id"] for row in control.act("organizations")}
    assert control.act("change_settings", page_size_cap=5)["page_size_cap"] == 5
    assert control.act("settings")["page_size_cap"] == 5
    control.act("set_role", rights=["Agreements: Inquire"])
    assert control.act("role") == ["Agreements: Inquire"]
    fault = control.act("add_fault", kind=FaultKind.STATUS, path="/additions", status=500)
    assert api.get(LINES).status_code == 500
    assert [(row["id"], row["hits"]) for row in control.act("faults")] == [(fault, 1)]
    control.act("release_fault", fault_id=fault)
    control.act("clear_faults")
    assert [(entry["method"], entry["status"]) for entry in control.act("journal")] == [("GET", 500)]
    control.act("clear_journal")
    assert control.act("journal") == []


def test_an_impossible_act_is_refused_with_a_reason(control: SandboxControl) -> None:
    with pytest.raises(ControlRefused, match="there is no record 9 in agreements"):
        control.act("additions", agreement_id=9)
    with pytest.raises(ControlRefused, match="addition 5001 is not on agreement 1002"):
        control.act("delete_addition", agreement_id=1002, addition_id=5001)
    with pytest.raises(ControlRefused, match="there is no organization x"):
        control.act("set_usage", organization_id="x", month="2026-03", seats=1)
    with pytest.raises(ControlRefused, match="2031-01"):
        control.act("usage", month="2031-01")
    with pytest.raises(ControlRefused, match="colour"):
        control.act("change_settings", colour="blue")
    with pytest.raises(ControlRefused, match="Everything"):
        control.act("set_role", rights=["Everything"])
