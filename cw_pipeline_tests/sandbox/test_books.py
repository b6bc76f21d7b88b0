"""What people do about invoices, and its effects."""

from datetime import date

import pytest

from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline_tests.sandbox.conftest import Api, document

WEEKLY = 1
APRIL = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-30T00:00:00Z"}
LINES = "/finance/agreements/1001/additions"


def add_line(api: Api, **members: object) -> int:
    new = {"product": {"id": 3}, "quantity": 10, "billCustomer": "Billable", "serialNumber": "NP:1", **APRIL, **members}
    return document(api.post(LINES, new))["id"]


def billed(connectwise: ConnectWise, line: int) -> list[object]:
    """The quantities that stand on invoices for a line."""
    lines = [row for invoice in connectwise.invoices() for row in invoice["lines"]]
    return [row["quantity"] for row in lines if row["addition_id"] == line]


def next_invoice(connectwise: ConnectWise, agreement: int = 1001) -> object:
    return next(row.get("nextInvoiceDate") for row in connectwise.records("agreements") if row["id"] == agreement)


def periods(connectwise: ConnectWise, until: date, agreement: int = 1001) -> list[str]:
    return [invoice["period_start"] for invoice in connectwise.invoice(agreement, until=until)]


def test_a_copied_agreement_has_the_same_company_and_lines(connectwise: ConnectWise, api: Api) -> None:
    add_line(api)
    copied = connectwise.copy_agreement(1001, name="Renewed", nextInvoiceDate="2026-06-01")
    old, new = ({row["id"]: row for row in connectwise.records("agreements")}[key] for key in (1001, copied))
    assert (new["name"], new["nextInvoiceDate"], new["company"]) == ("Renewed", "2026-06-01", old["company"])
    own = ("id", "agreementId", "_info")
    lines = [
        [{name: value for name, value in row.items() if name not in own} for row in connectwise.additions(key)]
        for key in (1001, copied)
    ]
    assert lines[0] == lines[1]
    assert lines[1][-1]["serialNumber"] == "NP:1"
    assert not {row["id"] for row in connectwise.additions(1001)} & {row["id"] for row in connectwise.additions(copied)}


def test_a_copied_agreement_has_no_invoice_yet(connectwise: ConnectWise, api: Api) -> None:
    connectwise.invoice(1001)
    copied = connectwise.copy_agreement(1001, company=102)
    recap = document(api.get(f"/finance/agreementrecap/{copied}"))
    assert "lastInvoiceNumber" not in recap
    company = document(api.get(f"/finance/agreements/{copied}"))["company"]
    assert company["name"] == document(api.get("/company/companies/102"))["name"]


def test_a_period_that_is_written_off_is_billed_to_nobody(connectwise: ConnectWise, api: Api) -> None:
    connectwise.edit_agreement(1001, nextInvoiceDate="2026-03-01")
    line = add_line(api)
    connectwise.invoice(1001)
    before = document(api.get("/finance/agreementrecap/1001"))
    assert connectwise.write_off_period(1001) == date(2026, 5, 1)
    after = document(api.get("/finance/agreementrecap/1001"))
    assert after["lastInvoiceNumber"] == before["lastInvoiceNumber"]
    assert (before["nextInvoiceDate"], after["nextInvoiceDate"]) == ("2026-04-01", "2026-05-01")
    connectwise.invoice(1001, until=date(2026, 12, 1))
    assert billed(connectwise, line) == []


def test_a_period_that_is_reopened_is_billed(connectwise: ConnectWise, api: Api) -> None:
    line = add_line(api)
    connectwise.write_off_period(1001)
    assert connectwise.reopen_period(1001) == date(2026, 4, 1)
    connectwise.invoice(1001)
    assert billed(connectwise, line) == [10]
    with pytest.raises(ValueError, match="no period of agreement 1001 is written off"):
        connectwise.reopen_period(1001)


def test_a_deleted_invoice_takes_the_next_invoice_date_back(connectwise: ConnectWise, api: Api) -> None:
    line = add_line(api)
    (april,) = connectwise.invoice(1001)
    (may,) = connectwise.invoice(1001)
    connectwise.delete_invoice(april["number"])
    assert (next_invoice(connectwise), connectwise.invoices()) == ("2026-04-01", [may])
    connectwise.edit_addition(1001, line, quantity=3)
    assert periods(connectwise, date(2026, 4, 1)) == ["2026-04-01"]
    assert billed(connectwise, line) == [3]
    assert min(invoice["number"] for invoice in connectwise.invoices()) > april["number"]
    with pytest.raises(ValueError, match="there is no invoice 1"):
        connectwise.delete_invoice(april["number"])


def test_a_deleted_invoice_may_leave_the_date_where_it_is(connectwise: ConnectWise) -> None:
    (april,) = connectwise.invoice(1001)
    connectwise.delete_invoice(april["number"], moves_date=False)
    assert (next_invoice(connectwise), connectwise.invoices()) == ("2026-05-01", [])


def test_a_date_that_was_moved_back_invoices_the_period_again(connectwise: ConnectWise, api: Api) -> None:
    line = add_line(api)
    connectwise.invoice(1001)
    connectwise.edit_agreement(1001, nextInvoiceDate="2026-04-01")
    connectwise.invoice(1001)
    assert billed(connectwise, line) == [10, 10]


def test_a_date_that_was_cleared_goes_on_after_the_last_invoice(connectwise: ConnectWise, api: Api) -> None:
    line = add_line(api)
    connectwise.invoice(1001)
    connectwise.edit_agreement(1001, nextInvoiceDate=None)
    assert "nextInvoiceDate" not in document(api.get("/finance/agreements/1001"))
    assert periods(connectwise, date(2026, 5, 1)) == ["2026-05-01"]
    assert billed(connectwise, line) == [10]


def test_the_last_invoice_may_clear_the_date(connectwise: ConnectWise) -> None:
    connectwise.edit_agreement(1001, endDate="2026-05-15T00:00:00Z", noEndingDateFlag=False)
    connectwise.change_settings(last_invoice_clears_date=True)
    assert periods(connectwise, date(2026, 12, 31)) == ["2026-04-01", "2026-05-01"]
    assert next_invoice(connectwise) is None
    assert periods(connectwise, date(2026, 12, 31)) == []


def test_periods_by_the_calendar_end_with_the_month(connectwise: ConnectWise, api: Api) -> None:
    connectwise.edit_agreement(1001, nextInvoiceDate="2026-03-15")
    line = add_line(api, effectiveDate="2026-03-15", cancelledDate="2026-04-14")
    connectwise.change_settings(periods="calendar")
    assert periods(connectwise, date(2026, 4, 30)) == ["2026-03-15", "2026-04-01"]
    assert billed(connectwise, line) == [10, 10]


def test_a_prorated_month_is_billed_about_once_by_the_calendar(connectwise: ConnectWise, api: Api) -> None:
    connectwise.edit_agreement(1001, nextInvoiceDate="2026-03-15", prorateFlag=True)
    line = add_line(api, effectiveDate="2026-03-15", cancelledDate="2026-04-14")
    connectwise.change_settings(periods="calendar")
    made = connectwise.invoice(1001, until=date(2026, 4, 30))
    shares = [row["share"] for invoice in made for row in invoice["lines"] if row["addition_id"] == line]
    assert [round(float(share), 3) for share in shares] == [round(17 / 31, 3), round(14 / 30, 3)]


@pytest.mark.parametrize(("reading", "march"), [("short", "2026-03-28"), ("long", "2026-03-31")])
def test_after_a_short_month_either_day_may_follow(connectwise: ConnectWise, reading: str, march: str) -> None:
    connectwise.edit_agreement(1001, nextInvoiceDate="2026-01-31")
    connectwise.change_settings(after_short_month=reading)
    assert periods(connectwise, date(2026, 3, 31)) == ["2026-01-31", "2026-02-28", march]


def test_a_cycle_that_was_changed_to_weekly_bills_each_week(connectwise: ConnectWise, api: Api) -> None:
    line = add_line(api)
    connectwise.edit_agreement(1001, billingCycle=WEEKLY)
    assert periods(connectwise, date(2026, 4, 30)) == [f"2026-04-{day:02}" for day in (1, 8, 15, 22, 29)]
    assert billed(connectwise, line) == [10] * 5


def test_a_billing_cycle_that_does_not_exist_is_refused(connectwise: ConnectWise) -> None:
    with pytest.raises(ValueError, match="there is no record 8 in billing_cycles"):
        connectwise.edit_agreement(1001, billingCycle=8)


def test_an_agreement_without_a_cycle_is_not_invoiced_or_written_off(connectwise: ConnectWise) -> None:
    connectwise.edit_agreement(1001, billingCycle=None)
    for act in (connectwise.invoice, connectwise.write_off_period):
        with pytest.raises(ValueError, match="its billing cycle is None"):
            act(1001)


def test_included_units_and_lines_that_are_not_billed_show_on_the_invoice(connectwise: ConnectWise, api: Api) -> None:
    included, unbilled, free = add_line(api), add_line(api), add_line(api)
    connectwise.edit_addition(1001, included, lessIncluded=3)
    connectwise.edit_addition(1001, unbilled, billCustomer="DoNotBill")
    connectwise.edit_addition(1001, free, billCustomer="NoCharge")
    shown = document(api.get(f"{LINES}/{included}"))
    assert (shown["quantity"], shown["lessIncluded"], shown["billedQuantity"]) == (10, 3, 7)
    (april,) = connectwise.invoice(1001)
    amounts = {row["addition_id"]: (row["quantity"], row["amount"]) for row in april["lines"]}
    price = shown["unitPrice"]
    assert (amounts[included], amounts[free]) == ((7, 7 * price), (10, 0))
    assert unbilled not in amounts
