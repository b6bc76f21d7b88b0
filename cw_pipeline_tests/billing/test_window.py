"""Which days a new line covers, and that each reading of ConnectWise's periods bills it once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cw_pipeline.billing.window import is_billed_once, new_line_window
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.vocabulary import Month, last_day_of_month
from cw_pipeline_tests.billing.connectwise_model import ConnectWise, Periods
from cw_pipeline_tests.billing.examples import (
    MARCH,
    MONTHLY,
    PRORATED,
    a_line,
    an_agreement,
    preview_of,
    the_facts,
    used,
    writes_of,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Terms


def window_of(
    month: Month, *, next_invoice: date | None = None, bill_start: date | None = None, terms: Terms = MONTHLY
) -> tuple[date, date]:
    """First and last day of a new line."""
    window = new_line_window(an_agreement(next_invoice=next_invoice, bill_start=bill_start, terms=terms), month)
    return window.first, window.last


@pytest.mark.parametrize(
    ("next_invoice", "first", "last"),
    [
        (date(2026, 4, 1), date(2026, 4, 1), date(2026, 4, 30)),
        (date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 31)),
        (date(2026, 2, 15), date(2026, 3, 15), date(2026, 3, 31)),
    ],
)
def test_usage_of_march_lies_in_the_first_open_period_from_march(next_invoice: date, first: date, last: date) -> None:
    assert window_of(MARCH, next_invoice=next_invoice) == (first, last)


@pytest.mark.parametrize(
    ("next_invoice", "first", "last"),
    [
        (date(2026, 4, 1), date(2026, 4, 1), date(2026, 4, 30)),
        (date(2026, 2, 15), date(2026, 3, 15), date(2026, 4, 14)),
        (date(2026, 3, 31), date(2026, 3, 31), date(2026, 4, 29)),
        (date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 29)),
    ],
)
def test_on_a_prorating_agreement_a_line_covers_a_whole_month(next_invoice: date, first: date, last: date) -> None:
    assert window_of(MARCH, next_invoice=next_invoice, terms=PRORATED) == (first, last)


def test_a_period_that_begins_on_the_months_first_day_is_not_skipped() -> None:
    assert window_of(MARCH, next_invoice=date(2026, 1, 1)) == (date(2026, 3, 1), date(2026, 3, 31))


def test_a_period_that_begins_the_day_before_the_month_is_skipped() -> None:
    assert window_of(Month(2026, 4), next_invoice=date(2026, 3, 30)) == (date(2026, 4, 30), date(2026, 4, 30))


def test_after_a_short_month_a_line_lies_in_one_period_either_way() -> None:
    assert window_of(MARCH, next_invoice=date(2026, 2, 28)) == (date(2026, 3, 31), date(2026, 3, 31))


def test_an_agreement_invoiced_far_ahead_takes_the_line_next() -> None:
    assert window_of(MARCH, next_invoice=date(2026, 9, 1)) == (date(2026, 9, 1), date(2026, 9, 30))


def test_without_a_next_invoice_date_periods_begin_at_the_bill_start_date() -> None:
    assert window_of(MARCH, bill_start=date(2025, 11, 10)) == (date(2026, 3, 10), date(2026, 3, 31))


def test_without_either_date_the_line_covers_the_usage_month() -> None:
    assert window_of(MARCH) == (date(2026, 3, 1), date(2026, 3, 31))


def test_an_agreement_that_begins_billing_in_the_future_takes_the_line_then() -> None:
    assert window_of(MARCH, bill_start=date(2026, 7, 10)) == (date(2026, 7, 10), date(2026, 7, 31))


def test_a_bill_start_date_inside_a_period_moves_the_line() -> None:
    window = window_of(MARCH, next_invoice=date(2026, 4, 1), bill_start=date(2026, 4, 10))
    assert window == (date(2026, 5, 1), date(2026, 5, 31))


def test_a_period_that_begins_on_the_bill_start_date_takes_the_line() -> None:
    window = window_of(MARCH, next_invoice=date(2026, 4, 10), bill_start=date(2026, 5, 10))
    assert window == (date(2026, 5, 10), date(2026, 5, 31))


def test_a_bill_start_date_in_the_past_changes_nothing() -> None:
    window = window_of(MARCH, next_invoice=date(2026, 4, 1), bill_start=date(2020, 6, 17))
    assert window == (date(2026, 4, 1), date(2026, 4, 30))


@pytest.mark.parametrize(
    ("next_invoice", "first", "last"),
    [
        (date(2026, 1, 29), date(2026, 1, 29), date(2026, 1, 31)),
        (date(2026, 1, 30), date(2026, 1, 30), date(2026, 1, 31)),
        (date(2026, 1, 31), date(2026, 1, 31), date(2026, 1, 31)),
        (date(2025, 12, 31), date(2026, 1, 31), date(2026, 1, 31)),
    ],
)
def test_a_line_that_begins_at_the_end_of_january_ends_with_january(
    next_invoice: date, first: date, last: date
) -> None:
    assert window_of(Month(2026, 1), next_invoice=next_invoice) == (first, last)


def test_usage_of_a_leap_february_fills_29_days() -> None:
    assert window_of(Month(2024, 2), next_invoice=date(2024, 2, 1)) == (date(2024, 2, 1), date(2024, 2, 29))


def test_the_line_of_december_ends_with_the_year() -> None:
    assert window_of(Month(2025, 12), next_invoice=date(2025, 12, 15)) == (date(2025, 12, 15), date(2025, 12, 31))
    assert window_of(Month(2025, 12), next_invoice=date(2026, 1, 1)) == (date(2026, 1, 1), date(2026, 1, 31))


def test_an_agreement_many_months_late_takes_the_usage_month() -> None:
    assert window_of(MARCH, next_invoice=date(2023, 10, 1)) == (date(2026, 3, 1), date(2026, 3, 31))
    assert window_of(MARCH, next_invoice=date(2023, 10, 20)) == (date(2026, 3, 20), date(2026, 3, 31))


def test_the_new_line_of_a_preview_carries_its_window() -> None:
    facts = the_facts(agreements=[an_agreement(next_invoice=date(2026, 2, 15))])
    (write,) = writes_of(preview_of(facts, used(5)))
    assert isinstance(write, CreateLine)
    assert (write.effective_date, write.cancelled_date) == (date(2026, 3, 15), date(2026, 3, 31))


@pytest.mark.parametrize(
    ("first", "last", "once"),
    [
        pytest.param(date(2026, 3, 20), date(2026, 4, 14), False, id="across a month's end"),
        pytest.param(date(2026, 3, 10), date(2026, 3, 31), False, id="across the billing day"),
        pytest.param(date(2026, 3, 15), date(2026, 3, 31), True, id="from the billing day on"),
        pytest.param(date(2026, 3, 1), date(2026, 3, 14), True, id="up to the billing day"),
    ],
)
def test_a_line_that_two_invoices_may_bill_is_known_as_such(*, first: date, last: date, once: bool) -> None:
    line = a_line(1, 5, effective=first, cancelled=last)
    assert is_billed_once(line, an_agreement(next_invoice=date(2026, 1, 15))) is once


@pytest.mark.parametrize(("last", "once"), [(date(2026, 4, 14), True), (date(2026, 3, 31), False)])
def test_on_a_prorating_agreement_a_short_line_is_billed_too_little(*, last: date, once: bool) -> None:
    line = a_line(1, 5, effective=date(2026, 3, 15), cancelled=last)
    assert is_billed_once(line, an_agreement(terms=PRORATED)) is once


READINGS = [
    pytest.param(Periods(), id="same day, shortened for good"),
    pytest.param(Periods(billing_day=31), id="back to the last day"),
    pytest.param(Periods(calendar=True), id="first of the next month"),
]


@pytest.mark.parametrize("terms", [MONTHLY, PRORATED], ids=["whole", "prorated"])
@pytest.mark.parametrize("periods", READINGS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    month=st.builds(Month, year=st.just(2026), number=st.integers(1, 12)),
    next_invoice=st.dates(date(2025, 6, 1), date(2027, 6, 1)),
    bill_start=st.none() | st.dates(date(2025, 1, 1), date(2027, 6, 1)),
)
def test_a_new_line_is_open_and_will_be_billed_once_in_full(
    terms: Terms, periods: Periods, month: Month, next_invoice: date, bill_start: date | None
) -> None:
    if periods.billing_day is not None:  # it is a billing day: where it is not, the month is too short for it
        next_invoice = last_day_of_month(next_invoice)
    agreement = an_agreement(next_invoice=next_invoice, bill_start=bill_start, terms=terms)
    connectwise = ConnectWise([agreement], periods=periods)
    connectwise.push(preview_of(the_facts(agreements=[agreement]), used(5), month=month))
    (addition,) = connectwise.additions.values()
    assert addition.effective >= max(month.first_day, next_invoice, bill_start or month.first_day)
    for _ in range(45):
        connectwise.invoice(10)
    connectwise.check_billed_once(addition)
