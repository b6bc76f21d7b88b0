"""Which billing period a new line covers, and when a line counts as invoiced."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cw_pipeline.billing.months import Month
from cw_pipeline.billing.window import is_invoiced, new_line_window
from cw_pipeline_tests.billing.connectwise_model import ConnectWise
from cw_pipeline_tests.billing.examples import MARCH, a_line, an_agreement, preview_of, the_facts, used, writes_of


def window_of(month: Month, *, next_invoice: date | None = None, bill_start: date | None = None) -> tuple[date, date]:
    """First and last day of a new line."""
    window = new_line_window(an_agreement(next_invoice=next_invoice, bill_start=bill_start), month)
    return window.first, window.last


@pytest.mark.parametrize(
    ("next_invoice", "first", "last"),
    [
        (date(2026, 4, 1), date(2026, 4, 1), date(2026, 4, 30)),
        (date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 31)),
        (date(2026, 2, 15), date(2026, 3, 15), date(2026, 4, 14)),
    ],
)
def test_usage_of_march_lies_in_the_first_period_from_march_on_that_is_not_invoiced(
    next_invoice: date, first: date, last: date
) -> None:
    assert window_of(MARCH, next_invoice=next_invoice) == (first, last)


def test_a_period_that_begins_on_the_months_first_day_is_not_skipped() -> None:
    assert window_of(MARCH, next_invoice=date(2026, 1, 1)) == (date(2026, 3, 1), date(2026, 3, 31))


def test_a_period_that_begins_the_day_before_the_month_is_skipped() -> None:
    assert window_of(Month(2026, 4), next_invoice=date(2026, 3, 30)) == (date(2026, 4, 30), date(2026, 5, 29))


def test_after_a_short_months_last_day_the_line_lies_where_either_billing_day_puts_it_in_one_period() -> None:
    assert window_of(MARCH, next_invoice=date(2026, 2, 28)) == (date(2026, 3, 31), date(2026, 4, 27))


def test_an_agreement_that_is_invoiced_far_ahead_takes_the_line_in_its_next_period() -> None:
    assert window_of(MARCH, next_invoice=date(2026, 9, 1)) == (date(2026, 9, 1), date(2026, 9, 30))


def test_without_a_next_invoice_date_periods_begin_at_the_bill_start_date() -> None:
    assert window_of(MARCH, bill_start=date(2025, 11, 10)) == (date(2026, 3, 10), date(2026, 4, 9))


def test_without_either_date_the_line_covers_the_usage_month() -> None:
    assert window_of(MARCH) == (date(2026, 3, 1), date(2026, 3, 31))


def test_an_agreement_that_begins_billing_in_the_future_takes_the_line_then() -> None:
    assert window_of(MARCH, bill_start=date(2026, 7, 10)) == (date(2026, 7, 10), date(2026, 8, 9))


def test_a_bill_start_date_inside_a_period_moves_the_line_to_the_next_period() -> None:
    window = window_of(MARCH, next_invoice=date(2026, 4, 1), bill_start=date(2026, 4, 10))
    assert window == (date(2026, 5, 1), date(2026, 5, 31))


def test_a_period_that_begins_on_the_bill_start_date_takes_the_line() -> None:
    window = window_of(MARCH, next_invoice=date(2026, 4, 10), bill_start=date(2026, 5, 10))
    assert window == (date(2026, 5, 10), date(2026, 6, 9))


def test_a_bill_start_date_in_the_past_changes_nothing() -> None:
    window = window_of(MARCH, next_invoice=date(2026, 4, 1), bill_start=date(2020, 6, 17))
    assert window == (date(2026, 4, 1), date(2026, 4, 30))


@pytest.mark.parametrize(
    ("next_invoice", "first", "last"),
    [
        (date(2026, 1, 29), date(2026, 1, 29), date(2026, 2, 27)),
        (date(2026, 1, 30), date(2026, 1, 30), date(2026, 2, 27)),
        (date(2026, 1, 31), date(2026, 1, 31), date(2026, 2, 27)),
        (date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 27)),
    ],
)
def test_a_period_from_the_end_of_january_ends_before_the_end_of_february(
    next_invoice: date, first: date, last: date
) -> None:
    assert window_of(Month(2026, 1), next_invoice=next_invoice) == (first, last)


def test_in_a_leap_year_the_period_from_31_january_ends_on_28_february() -> None:
    assert window_of(Month(2024, 1), next_invoice=date(2024, 1, 31)) == (date(2024, 1, 31), date(2024, 2, 28))


def test_usage_of_a_leap_february_fills_29_days() -> None:
    assert window_of(Month(2024, 2), next_invoice=date(2024, 2, 1)) == (date(2024, 2, 1), date(2024, 2, 29))


def test_a_period_runs_over_the_year_end() -> None:
    assert window_of(Month(2025, 12), next_invoice=date(2025, 12, 15)) == (date(2025, 12, 15), date(2026, 1, 14))
    assert window_of(Month(2025, 12), next_invoice=date(2026, 1, 1)) == (date(2026, 1, 1), date(2026, 1, 31))


def test_an_agreement_behind_by_many_months_takes_the_line_in_the_usage_month() -> None:
    assert window_of(MARCH, next_invoice=date(2023, 10, 1)) == (date(2026, 3, 1), date(2026, 3, 31))
    assert window_of(MARCH, next_invoice=date(2023, 10, 20)) == (date(2026, 3, 20), date(2026, 4, 19))


def test_the_new_line_of_a_preview_carries_its_window() -> None:
    facts = the_facts(agreements=[an_agreement(next_invoice=date(2026, 2, 15))])
    (write,) = writes_of(preview_of(facts, used(5)))
    assert (write.effective_date, write.cancelled_date) == (date(2026, 3, 15), date(2026, 4, 14))


@pytest.mark.parametrize(
    ("next_invoice", "invoiced"),
    [(date(2026, 4, 2), True), (date(2026, 4, 1), False), (date(2026, 3, 1), False), (None, False)],
)
def test_a_line_is_invoiced_when_the_next_invoice_date_is_later_than_its_effective_date(
    next_invoice: date | None, *, invoiced: bool
) -> None:
    line = a_line(1, 5, effective=date(2026, 4, 1))
    assert is_invoiced(line, the_facts(line, agreements=[an_agreement(next_invoice=next_invoice)]), MARCH) is invoiced


@settings(derandomize=True, deadline=None)
@given(
    month=st.builds(Month, year=st.just(2026), number=st.integers(1, 12)),
    next_invoice=st.dates(date(2024, 6, 1), date(2027, 6, 1)).map(lambda day: day.replace(day=min(day.day, 28))),
    bill_start=st.none() | st.dates(date(2025, 1, 1), date(2027, 6, 1)),
)
def test_a_new_line_is_exactly_one_period_that_is_not_invoiced_and_is_billed_by_one_invoice(
    month: Month, next_invoice: date, bill_start: date | None
) -> None:
    agreement = an_agreement(next_invoice=next_invoice, bill_start=bill_start)
    connectwise = ConnectWise([agreement])
    connectwise.push(preview_of(the_facts(agreements=[agreement]), used(5), month=month))
    (addition,) = connectwise.additions.values()
    while connectwise.agreements[10].next_invoice_date != date(2028, 6, next_invoice.day):
        connectwise.invoice(10)
    (invoice,) = connectwise.invoices_of(addition.id)
    assert (addition.effective, addition.cancelled) == (invoice.first, invoice.last)
    assert invoice.first >= max(month.first_day, next_invoice, bill_start or month.first_day)
