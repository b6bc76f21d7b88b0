"""What is not billed as it should be, and what it is worth: of every month as it was pushed last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.reports.unbilled import UnbilledLines, UnbilledSummary, unbilled
from cw_pipeline.setup.mapping import map_company
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.pushes import PushedMonth, save_push
from cw_pipeline_tests.setup.actions import FIRST
from cw_pipeline_tests.support.pushes import record
from cw_pipeline_tests.support.rows import NOW, product, product_mapping, put
from cw_pipeline_tests.warehouse.examples import APRIL, MARCH, PSA, a_line, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse

MAY = datetime(2026, 5, 1, tzinfo=UTC)
NOTHING = UnbilledLines(by_month={}, seats=Decimal(0), money={}, unpriced_seats=Decimal(0), organizations={})
NAME = "Ürümqi & “Söhne”"
HELD = a_line(Outcome.AGREEMENT_INACTIVE, 4, organization_id="org-acme")
UNMAPPED = a_line(Outcome.UNMAPPED, 4, organization_id="org-acme")
NO_PRODUCT = replace(a_line(Outcome.PRODUCT_UNMAPPED, 3, organization_id="org-bolt"), plan=Plan.ENTERPRISE)


@pytest.fixture
def priced(connected: Warehouse) -> Warehouse:
    """A seat on Business costs 4.35; Enterprise has no product."""
    put(
        connected,
        product(3, Decimal("4.35")),
        product(4, Decimal("7.10")),
        product_mapping("Business", 4, confirmed=3),
    )
    return connected


def push(warehouse: Warehouse, *lines: PreviewLine, month: Month = MARCH) -> None:
    with warehouse.transaction() as session:
        preview = keep_preview(session, *lines, month=month)
        save_push(session, PushedMonth(preview.preview, preview.id, 0, 0), psa=PSA, run_id="run")


def unbilled_lines(
    by_month: dict[str, dict[str, int]], seats: int, money: str, organizations: dict[str, int]
) -> UnbilledLines:
    """All of whose seats have a price."""
    of_organizations = {Named(one, NAME): Decimal(number) for one, number in organizations.items()}
    return UnbilledLines(by_month, Decimal(seats), {"": Decimal(money)}, Decimal(0), of_organizations)


def summary(warehouse: Warehouse) -> UnbilledSummary:
    with warehouse.transaction() as session:
        return unbilled(session, PSA)


def test_what_is_right_or_excluded_by_rule_is_not_unbilled(priced: Warehouse) -> None:
    push(priced, *(a_line(outcome, 5) for outcome in (Outcome.CREATED, Outcome.TRIAL, Outcome.BEFORE_BILL_FROM)))
    push(priced, replace(UNMAPPED, seats=Decimal(0)), month=APRIL)
    assert summary(priced) == UnbilledSummary(NOTHING, NOTHING, NOTHING, NOTHING)


def test_seats_are_worth_the_confirmed_product_s_price_to_the_cent(priced: Warehouse) -> None:
    push(priced, HELD)
    push(priced, replace(HELD, outcome=Outcome.REJECTED), replace(HELD, outcome=Outcome.UNCONFIRMED, seats=Decimal(7)))
    push(priced, HELD, replace(HELD, organization_id="org-bolt", outcome=Outcome.COMPANY_DELETED), month=APRIL)
    found = summary(priced)
    assert found.failed == unbilled_lines({"2026-03": {"rejected": 1, "unconfirmed": 1}}, 11, "47.85", {"org-acme": 11})
    held = {"2026-04": {"agreement_inactive": 1, "company_deleted": 1}}
    assert found.held == unbilled_lines(held, 8, "34.80", {"org-acme": 4, "org-bolt": 4})
    assert (found.held.count, found.failed.count) == (2, 2)


def test_only_a_later_push_of_the_same_month_replaces_a_push(
    priced: Warehouse,
) -> None:
    push(priced, HELD)
    push(priced, a_line(Outcome.CREATED, 5), month=APRIL)
    assert summary(priced).held.by_month == {"2026-03": {"agreement_inactive": 1}}
    push(priced, a_line(Outcome.CREATED, 5))
    assert summary(priced).held == NOTHING


def test_seats_moving_between_lines_count_once(priced: Warehouse) -> None:
    push(priced, HELD, replace(HELD, also=True), replace(HELD, also=True, organization_id="org-core"))
    found = summary(priced).held
    assert (found.count, found.seats, found.money) == (3, 8, {"": Decimal("34.80")})


def test_of_lines_to_credit_the_seats_to_credit_count(priced: Warehouse) -> None:
    due = replace(HELD, outcome=Outcome.CREDIT_DUE, seats=Decimal(0), to_credit=Decimal(5))
    push(priced, due, replace(due, also=True, seats=Decimal(2), to_credit=Decimal(2)))
    found = summary(priced).held
    assert (found.count, found.seats, found.money) == (2, 7, {"": Decimal("30.45")})


def test_without_a_price_the_money_is_unknown_and_seats_count_separately(priced: Warehouse) -> None:
    push(priced, NO_PRODUCT)
    assert summary(priced).unmapped == UnbilledLines(
        {"2026-03": {"product_unmapped": 1}},
        Decimal(3),
        {},
        unpriced_seats=Decimal(3),
        organizations={Named("org-bolt", NAME): Decimal(3)},
    )
    push(priced, NO_PRODUCT, UNMAPPED)
    found = summary(priced).unmapped
    assert (found.seats, found.money, found.unpriced_seats) == (7, {"": Decimal("17.40")}, 3)


def test_lines_with_a_warning_are_reported_until_pushed_without_one(priced: Warehouse) -> None:
    right = a_line(Outcome.UNCHANGED, 4, organization_id="org-acme")
    push(priced, replace(right, warning="3 of its seats are not billed."))
    push(priced, right, month=APRIL)
    found = summary(priced)
    assert found.warned == unbilled_lines({"2026-03": {"unchanged": 1}}, 4, "17.40", {"org-acme": 4})
    assert found == UnbilledSummary(NOTHING, NOTHING, NOTHING, found.warned)
    push(priced, right)
    assert summary(priced).warned == NOTHING


def test_an_organization_that_was_mapped_since_is_no_longer_unmapped(priced: Warehouse) -> None:
    push(priced, UNMAPPED, replace(UNMAPPED, organization_id="org-core"))
    map_company(priced, 1, 11, "org-acme", bill_from=APRIL, first_month=FIRST, now=NOW)
    assert summary(priced).unmapped.by_month == {"2026-03": {"unmapped": 1}}


def test_usage_before_a_first_month_is_reported_until_a_person_names_it(priced: Warehouse) -> None:
    push(priced, UNMAPPED)
    left_out = unbilled_lines({"2026-03": {"unmapped": 1}}, 4, "17.40", {"org-acme": 4})
    map_company(priced, 1, 11, "org-acme", first_month=FIRST, now=MAY)
    assert summary(priced).unmapped == left_out
    push(priced, replace(UNMAPPED, outcome=Outcome.BEFORE_BILL_FROM))
    assert summary(priced).unmapped == replace(left_out, by_month={"2026-03": {"before_bill_from": 1}})
    map_company(priced, 1, 11, "org-acme", bill_from=APRIL, first_month=FIRST, now=MAY)
    assert summary(priced).unmapped == NOTHING


def test_usage_that_the_next_sync_bills_is_not_unbilled(priced: Warehouse) -> None:
    push(priced, UNMAPPED)
    map_company(priced, 1, 11, "org-acme", bill_from=MARCH, first_month=FIRST, now=MAY)
    assert summary(priced).unmapped == NOTHING


def test_a_month_before_the_first_is_billed_if_it_has_a_line(priced: Warehouse) -> None:
    push(priced, replace(UNMAPPED, outcome=Outcome.BEFORE_BILL_FROM))
    map_company(priced, 1, 11, "org-acme", first_month=FIRST, now=MAY)
    record(priced, "2026-03", NOW, kind=EntryKind.CONFIRMED)
    assert summary(priced).unmapped == NOTHING


def test_seats_without_a_product_are_unbilled_until_synced_with_one(priced: Warehouse) -> None:
    push(priced, NO_PRODUCT)
    put(priced, product_mapping("Enterprise", 4))
    found = summary(priced).unmapped
    assert (found.by_month, found.money) == ({"2026-03": {"product_unmapped": 1}}, {"": Decimal("21.30")})
    push(priced, replace(NO_PRODUCT, outcome=Outcome.CREATED))
    assert summary(priced).unmapped == NOTHING


def test_seats_behind_a_plan_without_a_product_are_unbilled(
    priced: Warehouse,
) -> None:
    waits = replace(NO_PRODUCT, plan=Plan.BUSINESS)
    push(priced, waits, replace(NO_PRODUCT, also=True))
    found = summary(priced).unmapped
    assert (found.by_month, found.seats, found.money) == (
        {"2026-03": {"product_unmapped": 1}},
        3,
        {"": Decimal("13.05")},
    )


def test_what_another_company_s_pushes_left_is_not_unbilled(priced: Warehouse) -> None:
    push(priced, HELD)
    with priced.transaction() as session:
        assert unbilled(session, "another") == UnbilledSummary(NOTHING, NOTHING, NOTHING, NOTHING)
