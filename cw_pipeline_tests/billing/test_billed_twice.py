"""Histories after which a seat would be billed twice, were it not for the rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.billing.connectwise_model import ConnectWise, Periods
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    ORGANIZATION,
    PRODUCTS,
    a_line,
    an_agreement,
    changes_of,
    mapped_to,
    preview_of,
    the_facts,
    used,
)

MAPPINGS = {ORGANIZATION: mapped_to(10)}
BUSINESS_LINES = Identity(MARCH, Plan.BUSINESS, ORGANIZATION).serial_number


def sync_march(connectwise: ConnectWise, seats: int) -> None:
    """One push of March."""
    connectwise.push(preview_of(connectwise.facts(MAPPINGS, PRODUCTS), used(seats)))


@pytest.mark.parametrize(
    ("next_invoice", "billing_day"),
    [
        pytest.param(date(2026, 2, 28), 31, id="28 February, and periods return to the 31st"),
        pytest.param(date(2026, 2, 28), 30, id="28 February, and periods return to the 30th"),
        pytest.param(date(2026, 1, 31), None, id="31 January, and periods stay on the 28th"),
        pytest.param(date(2026, 1, 31), 31, id="31 January, and periods return to the 31st"),
        pytest.param(date(2026, 1, 29), None, id="29 January, and periods stay on the 28th"),
    ],
)
def test_a_line_billed_at_the_months_end_is_billed_by_one_invoice(next_invoice: date, billing_day: int | None) -> None:
    connectwise = ConnectWise([an_agreement(next_invoice=next_invoice)], periods=Periods(billing_day=billing_day))
    sync_march(connectwise, 10)
    for _ in range(6):
        connectwise.invoice(10)
    assert connectwise.billed(BUSINESS_LINES) == 10


def test_a_line_stays_in_one_period_after_the_billing_day_moves() -> None:
    connectwise = ConnectWise([an_agreement(next_invoice=date(2026, 4, 1))])
    sync_march(connectwise, 10)
    connectwise.agreements[10] = replace(connectwise.agreements[10], next_invoice_date=date(2026, 3, 15))
    sync_march(connectwise, 10)
    for _ in range(4):
        connectwise.invoice(10)
    assert connectwise.billed(BUSINESS_LINES) == 10


def test_a_line_invoiced_elsewhere_and_edited_to_0_still_holds_the_month() -> None:
    billed_elsewhere = a_line(1, 0, agreement_id=20, effective=INVOICED)
    preview = preview_of(the_facts(billed_elsewhere, ledger={1: [10]}), used(10, Plan.ENTERPRISE))
    assert changes_of(preview) == set()


def test_seats_of_a_plan_without_product_are_not_added_elsewhere() -> None:
    facts = the_facts(a_line(1, 10), products={Plan.ENTERPRISE: 200})
    preview = preview_of(facts, used(10, Plan.ENTERPRISE))
    left_on_the_old_line = 10 + sum(after - before for line, before, after in changes_of(preview) if line == 1)
    added = sum(after for line, _, after in changes_of(preview) if line is None)
    assert left_on_the_old_line + added == 10


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param({"cancelled_date": None}, id="its last day cleared"),
        pytest.param({"cancelled_date": date(2026, 5, 31)}, id="stretched over two periods"),
        pytest.param({"cancelled_date": date(2026, 3, 31)}, id="cancelled before it begins"),
        pytest.param({"effective_date": date.max, "cancelled_date": date.max}, id="put off for good"),
    ],
)
def test_a_line_no_longer_in_one_period_is_replaced(edited: dict[str, date | None]) -> None:
    preview = preview_of(the_facts(replace(a_line(1, 10), **edited)), used(10))
    assert changes_of(preview) == {(1, 10, 0), (None, 0, 10)}


@pytest.mark.parametrize(
    ("bill_start", "first"),
    [
        pytest.param(None, date(2026, 4, 20), id="across a month's end"),
        pytest.param(date(2026, 1, 10), date(2026, 4, 5), id="across the bill start date's day"),
    ],
)
def test_a_line_moved_across_periods_of_an_undated_agreement_is_replaced(bill_start: date | None, first: date) -> None:
    straddling = a_line(1, 10, effective=first, cancelled=first + timedelta(20))
    agreement = an_agreement(next_invoice=None, bill_start=bill_start)
    preview = preview_of(the_facts(straddling, agreements=[agreement]), used(10))
    assert changes_of(preview) == {(1, 10, 0), (None, 0, 10)}


def test_a_replaced_line_is_not_replaced_again() -> None:
    replaced = replace(a_line(1, 0), cancelled_date=None)
    assert changes_of(preview_of(the_facts(replaced, a_line(2, 10)), used(10))) == set()


def test_seats_on_a_line_of_a_plan_without_product_are_reported() -> None:
    facts = the_facts(a_line(1, 10), products={Plan.ENTERPRISE: 200})
    preview = preview_of(facts, used(10, Plan.ENTERPRISE))
    assert {(line.outcome, line.also) for line in preview.lines} == {
        (Outcome.PRODUCT_UNMAPPED, False),
        (Outcome.PRODUCT_UNMAPPED, True),
    }
    assert all("confirm the mapping" in line.reason for line in preview.lines)
