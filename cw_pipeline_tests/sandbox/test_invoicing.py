from datetime import date
from decimal import Decimal

import pytest

from cw_pipeline.sandbox.connectwise.invoicing import InvoiceLine, billed_lines, next_period_start, period_from
from cw_pipeline.sandbox.wire import Record

CATALOG: dict[int, Record] = {3: {"id": 3, "identifier": "NORDPASS-BUS"}}


def addition(effective: str, cancelled: str | None = None, **members: object) -> Record:
    line: Record = {
        "id": 1,
        "product": {"id": 3},
        "quantity": 10,
        "unitPrice": Decimal("3.00"),
        "billCustomer": "Billable",
        "effectiveDate": f"{effective}T00:00:00Z",
        **members,
    }
    return line | ({"cancelledDate": f"{cancelled}T00:00:00Z"} if cancelled else {})


def lines(*additions: Record, prorate: bool = False) -> list[InvoiceLine]:
    agreement = {"id": 1001, "prorateFlag": prorate}
    return billed_lines(agreement, list(additions), period_from(date(2026, 4, 1)), CATALOG)


def test_a_line_of_exactly_the_period_is_billed_in_full() -> None:
    (line,) = lines(addition("2026-04-01", "2026-04-30", serialNumber="NP:1", invoiceDescription="A"), prorate=True)
    assert line == {
        "addition_id": 1,
        "serial_number": "NP:1",
        "description": "A",
        "product_id": 3,
        "product_identifier": "NORDPASS-BUS",
        "quantity": 10,
        "unit_price": Decimal("3.00"),
        "share": 1,
        "amount": Decimal("30.00"),
    }


@pytest.mark.parametrize(("effective", "cancelled"), [("2026-03-01", "2026-03-31"), ("2026-05-01", "2026-05-31")])
def test_a_line_of_another_period_is_not_billed(effective: str, cancelled: str) -> None:
    assert lines(addition(effective, cancelled)) == []


def test_the_cancelled_date_is_the_last_day_billed() -> None:
    assert lines(addition("2026-03-01", "2026-04-01"))[0]["amount"] == 30


def test_a_line_without_an_end_is_billed_every_period() -> None:
    assert lines(addition("2020-01-01"))[0]["quantity"] == 10


def test_a_partly_covered_period_is_billed_in_full_without_proration() -> None:
    assert lines(addition("2026-04-16"))[0]["amount"] == 30


def test_a_prorated_line_costs_its_days_and_keeps_its_quantity() -> None:
    (line,) = lines(addition("2026-04-16"), prorate=True)
    assert (line["quantity"], line["amount"]) == (10, Decimal("15.00"))


def test_included_units_are_not_billed() -> None:
    (line,) = lines(addition("2026-04-01", lessIncluded=4))
    assert (line["quantity"], line["amount"]) == (6, 18)


def test_invoices_show_lines_at_no_charge_but_omit_do_not_bill() -> None:
    assert lines(addition("2026-04-01", billCustomer="NoCharge"))[0]["amount"] == 0
    assert lines(addition("2026-04-01", billCustomer="DoNotBill")) == []


@pytest.mark.parametrize(
    ("start", "following"),
    [
        (date(2026, 4, 1), date(2026, 5, 1)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 30), date(2028, 2, 29)),
    ],
)
def test_the_next_period_begins_a_month_later(start: date, following: date) -> None:
    assert next_period_start(start) == following


@pytest.mark.parametrize(
    ("cycle", "following", "by_the_calendar"),
    [
        ("Weekly", date(2026, 3, 22), date(2026, 3, 22)),
        ("BiWeekly", date(2026, 3, 29), date(2026, 3, 29)),
        ("Monthly", date(2026, 4, 15), date(2026, 4, 1)),
        ("BiMonthly", date(2026, 5, 15), date(2026, 5, 1)),
        ("Quarterly", date(2026, 6, 15), date(2026, 6, 1)),
        ("SemiAnnual", date(2026, 9, 15), date(2026, 9, 1)),
        ("Yearly", date(2027, 3, 15), date(2027, 3, 1)),
    ],
)
def test_a_cycle_says_how_long_a_period_is(cycle: str, following: date, by_the_calendar: date) -> None:
    start = date(2026, 3, 15)
    assert next_period_start(start, cycle) == following
    assert next_period_start(start, cycle, periods="calendar") == by_the_calendar


def test_a_period_that_the_calendar_cuts_is_prorated_by_the_whole_month() -> None:
    period = period_from(date(2026, 4, 16), periods="calendar")
    assert (period.first, period.last) == (date(2026, 4, 16), date(2026, 4, 30))
    agreement = {"id": 1001, "prorateFlag": True}
    (line,) = billed_lines(agreement, [addition("2026-04-16", "2026-05-15")], period, CATALOG)
    assert (line["share"], line["amount"]) == (Decimal("0.5"), Decimal("15.00"))


def test_a_month_on_a_prorating_quarter_costs_about_a_third() -> None:
    agreement = {"id": 1001, "prorateFlag": True}
    period = period_from(date(2026, 4, 1), "Quarterly")
    (line,) = billed_lines(agreement, [addition("2026-04-01", "2026-04-30")], period, CATALOG)
    assert line["amount"] == Decimal("9.89")
