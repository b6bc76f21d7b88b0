"""What people do about invoices, through the control interface, and what comes of it."""

from collections.abc import Iterator
from datetime import date

import pytest

from cw_pipeline.sandbox import Sandbox, SandboxControl
from cw_pipeline.sandbox.control import ControlRefused
from cw_pipeline_tests.sandbox.conftest import Api, document

WEEKLY = 1
APRIL = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-30T00:00:00Z"}
LINES = "/finance/agreements/1001/additions"


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[SandboxControl]:
    with SandboxControl(sandbox.url, sandbox.ca_bundle) as control:
        yield control


def add_line(api: Api, **members: object) -> int:
    new = {"product": {"id": 3}, "quantity": 10, "billCustomer": "Billable", "serialNumber": "NP:1", **APRIL, **members}
    return document(api.post(LINES, new))["id"]


def billed(control: SandboxControl, line: int) -> list[object]:
    """The quantities that stand on invoices for a line."""
    lines = [row for invoice in control.invoices() for row in invoice["lines"]]
    return [row["quantity"] for row in lines if row["addition_id"] == line]


def next_invoice(control: SandboxControl, agreement: int = 1001) -> object:
    return next(row.get("nextInvoiceDate") for row in control.records("agreements") if row["id"] == agreement)


def periods(control: SandboxControl, until: date, agreement: int = 1001) -> list[str]:
    return [invoice["period_start"] for invoice in control.invoice(agreement, until=until)]


def test_a_copied_agreement_has_the_same_company_and_lines(control: SandboxControl, api: Api) -> None:
    add_line(api)
    copied = control.copy_agreement(1001, name="Renewed", nextInvoiceDate="2026-06-01")
    old, new = ({row["id"]: row for row in control.records("agreements")}[key] for key in (1001, copied))
    assert (new["name"], new["nextInvoiceDate"], new["company"]) == ("Renewed", "2026-06-01", old["company"])
    own = ("id", "agreementId", "_info")
    lines = [
        [{name: value for name, value in row.items() if name not in own} for row in control.additions(key)]
        for key in (1001, copied)
    ]
    assert lines[0] == lines[1]
    assert lines[1][-1]["serialNumber"] == "NP:1"
    assert not {row["id"] for row in control.additions(1001)} & {row["id"] for row in control.additions(copied)}


def test_a_copied_agreement_has_no_invoice_yet(control: SandboxControl, api: Api) -> None:
    control.invoice(1001)
    copied = control.copy_agreement(1001, company=102)
    recap = document(api.get(f"/finance/agreementrecap/{copied}"))
    assert "lastInvoiceNumber" not in recap
    assert recap["companyName"] == document(api.get("/company/companies/102"))["name"]


def test_a_period_that_is_written_off_is_billed_to_nobody(control: SandboxControl, api: Api) -> None:
    control.edit_agreement(1001, nextInvoiceDate="2026-03-01")
    line = add_line(api)
    control.invoice(1001)
    before = document(api.get("/finance/agreementrecap/1001"))
    assert control.write_off_period(1001) == date(2026, 5, 1)
    after = document(api.get("/finance/agreementrecap/1001"))
    assert after["lastInvoiceNumber"] == before["lastInvoiceNumber"]
    assert (before["nextInvoiceDate"], after["nextInvoiceDate"]) == ("2026-04-01", "2026-05-01")
    control.invoice(1001, until=date(2026, 12, 1))
    assert billed(control, line) == []


def test_a_period_that_is_reopened_is_billed(control: SandboxControl, api: Api) -> None:
    line = add_line(api)
    control.write_off_period(1001)
    assert control.reopen_period(1001) == date(2026, 4, 1)
    control.invoice(1001)
    assert billed(control, line) == [10]
    with pytest.raises(ControlRefused, match="no period of agreement 1001 is written off"):
        control.reopen_period(1001)


def test_a_deleted_invoice_takes_the_next_invoice_date_back(control: SandboxControl, api: Api) -> None:
    line = add_line(api)
    (april,) = control.invoice(1001)
    (may,) = control.invoice(1001)
    control.delete_invoice(april["number"])
    assert (next_invoice(control), control.invoices()) == ("2026-04-01", [may])
    control.edit_addition(1001, line, quantity=3)
    assert periods(control, date(2026, 4, 1)) == ["2026-04-01"]
    assert billed(control, line) == [3]
    assert min(invoice["number"] for invoice in control.invoices()) > april["number"]
    with pytest.raises(ControlRefused, match="there is no invoice 1"):
        control.delete_invoice(april["number"])


def test_a_deleted_invoice_may_leave_the_date_where_it_is(control: SandboxControl) -> None:
    (april,) = control.invoice(1001)
    control.delete_invoice(april["number"], moves_date=False)
    assert (next_invoice(control), control.invoices()) == ("2026-05-01", [])


def test_a_date_that_was_moved_back_invoices_the_period_again(control: SandboxControl, api: Api) -> None:
    line = add_line(api)
    control.invoice(1001)
    control.edit_agreement(1001, nextInvoiceDate="2026-04-01")
    control.invoice(1001)
    assert billed(control, line) == [10, 10]


def test_a_date_that_was_cleared_goes_on_after_the_last_invoice(control: SandboxControl, api: Api) -> None:
    line = add_line(api)
    control.invoice(1001)
    control.edit_agreement(1001, nextInvoiceDate=None)
    assert "nextInvoiceDate" not in document(api.get("/finance/agreements/1001"))
    assert periods(control, date(2026, 5, 1)) == ["2026-05-01"]
    assert billed(control, line) == [10]


def test_the_last_invoice_may_clear_the_date(control: SandboxControl) -> None:
    control.edit_agreement(1001, endDate="2026-05-15T00:00:00Z", noEndingDateFlag=False)
    control.change_settings(last_invoice_clears_date=True)
    assert periods(control, date(2026, 12, 31)) == ["2026-04-01", "2026-05-01"]
    assert next_invoice(control) is None
    assert periods(control, date(2026, 12, 31)) == []


def test_periods_by_the_calendar_end_with_the_month(control: SandboxControl, api: Api) -> None:
    control.edit_agreement(1001, nextInvoiceDate="2026-03-15")
    line = add_line(api, effectiveDate="2026-03-15", cancelledDate="2026-04-14")
    control.change_settings(periods="calendar")
    assert periods(control, date(2026, 4, 30)) == ["2026-03-15", "2026-04-01"]
    assert billed(control, line) == [10, 10]


def test_a_prorated_month_is_billed_about_once_by_the_calendar(control: SandboxControl, api: Api) -> None:
    control.edit_agreement(1001, nextInvoiceDate="2026-03-15", prorateFlag=True)
    line = add_line(api, effectiveDate="2026-03-15", cancelledDate="2026-04-14")
    control.change_settings(periods="calendar")
    made = control.invoice(1001, until=date(2026, 4, 30))
    shares = [row["share"] for invoice in made for row in invoice["lines"] if row["addition_id"] == line]
    assert [round(float(share), 3) for share in shares] == [round(17 / 31, 3), round(14 / 30, 3)]


@pytest.mark.parametrize(("reading", "march"), [("short", "2026-03-28"), ("long", "2026-03-31")])
def test_after_a_short_month_either_day_may_follow(control: SandboxControl, reading: str, march: str) -> None:
    control.edit_agreement(1001, nextInvoiceDate="2026-01-31")
    control.change_settings(after_short_month=reading)
    assert periods(control, date(2026, 3, 31)) == ["2026-01-31", "2026-02-28", march]


def test_a_cycle_that_was_changed_to_weekly_bills_each_week(control: SandboxControl, api: Api) -> None:
    line = add_line(api)
    control.edit_agreement(1001, billingCycle=WEEKLY)
    assert periods(control, date(2026, 4, 30)) == [f"2026-04-{day:02}" for day in (1, 8, 15, 22, 29)]
    assert billed(control, line) == [10] * 5


def test_a_billing_cycle_that_does_not_exist_is_refused(control: SandboxControl) -> None:
    with pytest.raises(ControlRefused, match="there is no record 8 in billing_cycles"):
        control.edit_agreement(1001, billingCycle=8)


def test_an_agreement_without_a_cycle_is_not_invoiced_or_written_off(control: SandboxControl) -> None:
    control.edit_agreement(1001, billingCycle=None)
    for act in (control.invoice, control.write_off_period):
        with pytest.raises(ControlRefused, match="its billing cycle is None"):
            act(1001)


def test_included_units_and_lines_that_are_not_billed_show_on_the_invoice(control: SandboxControl, api: Api) -> None:
    included, unbilled, free = add_line(api), add_line(api), add_line(api)
    control.edit_addition(1001, included, lessIncluded=3)
    control.edit_addition(1001, unbilled, billCustomer="DoNotBill")
    control.edit_addition(1001, free, billCustomer="NoCharge")
    shown = document(api.get(f"{LINES}/{included}"))
    assert (shown["quantity"], shown["lessIncluded"], shown["billedQuantity"]) == (10, 3, 7)
    (april,) = control.invoice(1001)
    amounts = {row["addition_id"]: (row["quantity"], row["amount"]) for row in april["lines"]}
    price = shown["unitPrice"]
    assert (amounts[included], amounts[free]) == ((7, 7 * price), (10, 0))
    assert unbilled not in amounts
