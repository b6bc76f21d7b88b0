"""Which usage counts: each reason not to bill a row, their order, and what is touched nevertheless."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.facts import CompanyMapping, Usage
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    MARCH,
    ORGANIZATION,
    a_line,
    also,
    changes_of,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Line

APRIL = Month(2026, 4)
BUSINESS_ONLY = {Plan.BUSINESS: 100}
FREE = [
    (used(7, managed=False), Outcome.NOT_MANAGED),
    (used(7, license_type=LicenseType.NFR), Outcome.NFR),
    (used(7, license_type=LicenseType.TRIAL), Outcome.TRIAL),
]
free_rows = pytest.mark.parametrize(("row", "outcome"), FREE)


@free_rows
def test_an_organization_that_is_not_billed_by_its_kind_gets_no_line(row: Usage, outcome: Outcome) -> None:
    preview = preview_of(the_facts(), row)
    assert row_line(preview).outcome is outcome
    assert changes_of(preview) == set()


def test_an_organization_that_is_mapped_to_no_company_is_unmapped() -> None:
    preview = preview_of(the_facts(mappings=[]), used(7))
    assert row_line(preview).outcome is Outcome.UNMAPPED
    assert row_line(preview).company_id is None


def test_billing_begins_with_the_month_of_bill_from() -> None:
    before = preview_of(the_facts(mappings=[mapped_to(10, bill_from=APRIL)]), used(7))
    since = preview_of(the_facts(mappings=[mapped_to(10, bill_from=MARCH)]), used(7))
    assert row_line(before).outcome is Outcome.BEFORE_BILL_FROM
    assert row_line(since).outcome is Outcome.CREATED


def test_a_plan_without_a_product_is_not_billed() -> None:
    preview = preview_of(the_facts(products=BUSINESS_ONLY), used(7, Plan.ENTERPRISE))
    assert row_line(preview).outcome is Outcome.PRODUCT_UNMAPPED
    assert changes_of(preview) == set()


@pytest.mark.parametrize(
    ("managed", "license_type", "mappings", "outcome"),
    [
        (False, LicenseType.NFR, [], Outcome.NOT_MANAGED),
        (True, LicenseType.NFR, [], Outcome.NFR),
        (True, LicenseType.TRIAL, [], Outcome.TRIAL),
        (True, LicenseType.STANDARD, [], Outcome.UNMAPPED),
        (True, LicenseType.STANDARD, [mapped_to(10, bill_from=APRIL)], Outcome.BEFORE_BILL_FROM),
        (True, LicenseType.STANDARD, [mapped_to(10)], Outcome.PRODUCT_UNMAPPED),
    ],
)
def test_of_several_reasons_the_first_in_the_fixed_order_is_the_outcome(
    *, managed: bool, license_type: LicenseType, mappings: list[CompanyMapping], outcome: Outcome
) -> None:
    row = used(7, Plan.ENTERPRISE, managed=managed, license_type=license_type)
    preview = preview_of(the_facts(mappings=mappings, products=BUSINESS_ONLY), row)
    assert row_line(preview).outcome is outcome
    assert row_line(preview).seats == 7


@free_rows
def test_an_open_line_of_an_excluded_organization_is_set_to_0(row: Usage, outcome: Outcome) -> None:
    preview = preview_of(the_facts(a_line(1, 7), a_line(2, 3, Plan.ENTERPRISE)), row)
    assert row_line(preview).outcome is outcome
    assert [line.outcome for line in also(preview)] == [Outcome.ZEROED, Outcome.ZEROED]
    assert changes_of(preview) == {(1, 7, 0), (2, 3, 0)}


@free_rows
def test_what_was_invoiced_for_an_excluded_organization_is_credit_due(row: Usage, outcome: Outcome) -> None:
    preview = preview_of(the_facts(a_line(1, 7, effective=INVOICED)), row)
    assert row_line(preview).outcome is outcome
    assert [(line.outcome, line.seats) for line in also(preview)] == [(Outcome.CREDIT_DUE, 7)]


@pytest.mark.parametrize(
    ("lines", "seats"),
    [
        pytest.param([a_line(1, 7)], 7, id="an open line"),
        pytest.param([a_line(1, 7, agreement_id=11)], 7, id="an open line elsewhere"),
        pytest.param([a_line(1, 7, effective=INVOICED)], 7, id="an invoiced line"),
    ],
)
def test_a_mapped_organization_without_a_row_keeps_its_seats_until_released(lines: list[Line], seats: int) -> None:
    preview = preview_of(the_facts(*lines))
    assert [(line.outcome, line.seats) for line in preview.lines] == [(Outcome.UNUSUAL, seats)]
    assert "lines release --month 2026-03 --organization org-1" in preview.lines[0].reason
    assert changes_of(preview) == set()


def test_a_mapped_organization_without_a_row_is_zeroed_once_released() -> None:
    preview = preview_of(the_facts(a_line(1, 7), released=[ORGANIZATION]))
    assert [(line.outcome, line.seats) for line in preview.lines] == [(Outcome.ZEROED, 7)]
    assert changes_of(preview) == {(1, 7, 0)}
    assert preview.usage_seats == 0


def test_what_was_invoiced_without_a_row_is_credit_due_once_released() -> None:
    preview = preview_of(the_facts(a_line(1, 7, effective=INVOICED), released=[ORGANIZATION]))
    assert [(line.outcome, line.seats) for line in preview.lines] == [(Outcome.CREDIT_DUE, 7)]


def test_an_absence_is_released_for_one_month_only() -> None:
    february = Month(2026, 2)
    facts = the_facts(a_line(1, 7, month=february), released=[ORGANIZATION])
    assert [line.outcome for line in preview_of(facts, month=february).lines] == [Outcome.UNUSUAL]


def test_a_mapped_organization_without_row_or_seats_is_not_reported() -> None:
    assert preview_of(the_facts(a_line(1, 0), a_line(2, 0, effective=INVOICED))).lines == ()


def test_a_mapped_organization_without_row_and_lines_is_not_mentioned() -> None:
    assert preview_of(the_facts()).lines == ()


@free_rows
def test_before_bill_from_an_excluded_organization_s_line_is_left(row: Usage, outcome: Outcome) -> None:
    preview = preview_of(the_facts(a_line(1, 7), mappings=[mapped_to(10, bill_from=APRIL)]), row)
    assert row_line(preview).outcome is outcome
    assert also(preview) == []


def test_nothing_of_an_unmapped_organization_is_touched() -> None:
    preview = preview_of(the_facts(a_line(1, 3), a_line(2, 4, Plan.ENTERPRISE), mappings=[]), used(7))
    assert changes_of(preview) == set()
    assert also(preview) == []


@pytest.mark.parametrize("rows", [[used(7)], []])
def test_nothing_of_a_month_before_bill_from_is_touched(rows: list[Usage]) -> None:
    lines = (a_line(1, 3), a_line(2, 4, Plan.ENTERPRISE), a_line(3, 5, agreement_id=11))
    preview = preview_of(the_facts(*lines, mappings=[mapped_to(10, bill_from=APRIL)]), *rows)
    assert changes_of(preview) == set()
    assert also(preview) == []


@pytest.mark.parametrize(
    ("mappings", "why"),
    [
        ([], "The organization is not mapped to a company. Map it to bill its seats."),
        ([mapped_to(10, bill_from=APRIL)], "The organization is billed from 2026-04 on."),
    ],
)
def test_what_lines_carry_that_nobody_touches_is_in_the_reason(mappings: list[CompanyMapping], why: str) -> None:
    lines = (a_line(1, 3, effective=INVOICED), a_line(2, 4, Plan.ENTERPRISE), a_line(3, 9, month=APRIL))
    assert row_line(preview_of(the_facts(*lines, mappings=mappings), used(7))).reason == (
        f"{why} Its lines for 2026-03 carry 7 seats, which stay billed as they are in ConnectWise. If it is billed "
        "from 2026-03 or an earlier month on, they count: only the difference to its usage is billed."
    )
    assert row_line(preview_of(the_facts(a_line(1, 0), mappings=mappings), used(7))).reason == why


def test_a_plan_without_product_keeps_its_lines() -> None:
    facts = the_facts(a_line(1, 3), a_line(2, 4, Plan.ENTERPRISE), products=BUSINESS_ONLY)
    preview = preview_of(facts, used(7, Plan.ENTERPRISE))
    assert changes_of(preview) == {(1, 3, 0)}
    assert [(line.plan, line.outcome) for line in also(preview)] == [
        (Plan.BUSINESS, Outcome.ZEROED),
        (Plan.ENTERPRISE, Outcome.PRODUCT_UNMAPPED),
    ]


def test_a_plan_without_product_makes_no_credit_due_for_used_seats() -> None:
    facts = the_facts(a_line(1, 7, Plan.ENTERPRISE, effective=INVOICED), products=BUSINESS_ONLY)
    preview = preview_of(facts, used(7, Plan.ENTERPRISE))
    assert [(line.outcome, line.also) for line in preview.lines] == [(Outcome.PRODUCT_UNMAPPED, False)]


def test_a_plan_without_product_gets_no_line_for_credited_seats_that_are_gone() -> None:
    line = a_line(1, 0, Plan.ENTERPRISE, effective=INVOICED)
    facts = the_facts(line, products=BUSINESS_ONLY, seen_invoiced=[1], accepted=[1])
    credited = replace(facts, ledger={1: replace(facts.ledger[1], credited=Decimal(5))})
    assert preview_of(credited).lines == ()


def test_the_rule_knows_no_suspension() -> None:
    names = {field.name for field in fields(Usage)}
    assert names == {"organization_id", "organization_name", "plan", "license_type", "managed", "seats"}
    assert set(LicenseType) == {LicenseType.STANDARD, LicenseType.TRIAL, LicenseType.NFR}
