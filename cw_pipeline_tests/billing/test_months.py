"""Billing months and month arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cw_pipeline.vocabulary import Month, add_months, day_before


def test_a_month_is_written_and_read_as_year_dash_month() -> None:
    assert str(Month.parse("2026-03")) == "2026-03"


@pytest.mark.parametrize(
    "key",
    [
        *("2026-13", "2026-00", "2026-3", "26-03", "03-2026", "2026-03-01", "0000-01", "", " 2026-03"),
        *("2026-03\n", "2026-03&x=1", "2026-03/x", "../2026-03", "\uff12\uff10\uff12\uff16-03"),
    ],
)
def test_what_is_not_a_month_is_refused_with_an_example(key: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM, for example 2026-03"):
        Month.parse(key)


def test_a_datetime_belongs_to_the_month_that_it_is_in_utc() -> None:
    new_year_in_tokyo = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert Month.of(new_year_in_tokyo) == Month(2025, 12)


def test_in_the_new_year_december_is_the_last_closed_month() -> None:
    assert Month.last_closed(datetime(2026, 1, 1, 0, 30, tzinfo=UTC)) == Month(2025, 12)


def test_months_are_counted_across_the_year_end_both_ways() -> None:
    assert Month(2025, 11).plus(3) == Month(2026, 2)
    assert Month(2026, 2).plus(-3) == Month(2025, 11)


def test_months_until_another_include_both_and_none_if_it_is_earlier() -> None:
    assert [str(month) for month in Month(2025, 12).until(Month(2026, 2))] == ["2025-12", "2026-01", "2026-02"]
    assert list(Month(2026, 2).until(Month(2026, 1))) == []


def test_an_invoice_names_the_month_in_words() -> None:
    assert Month(2026, 3).name == "March 2026"


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 15), 1, date(2026, 2, 15)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2025, 12, 30), 2, date(2026, 2, 28)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later


def test_the_day_before_march_is_the_leap_day_in_leap_years() -> None:
    assert day_before(date(2024, 3, 1)) == date(2024, 2, 29)
