"""The balance of one organization, month and plan, row by row; stale lines; the change of a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    PRODUCTS,
    a_line,
    also,
    changes_of,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
    writes_of,
)

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Line

INVOICED_10 = a_line(1, 10, effective=INVOICED)

Changes = set[tuple[int | None, int, int]]


@pytest.mark.parametrize(
    ("lines", "usage", "outcome", "changes"),
    [
        pytest.param([], 0, Outcome.ZERO_USAGE, set[object](), id="no line, no usage"),
        pytest.param([INVOICED_10], 10, Outcome.UNCHANGED, set[object](), id="all invoiced"),
        pytest.param([a_line(1, 0, effective=INVOICED)], 0, Outcome.UNCHANGED, set[object](), id="0 was invoiced"),
        pytest.param([], 5, Outcome.CREATED, {(None, 0, 5)}, id="first line"),
        pytest.param([INVOICED_10], 14, Outcome.CREATED, {(None, 0, 4)}, id="the difference after invoicing"),
        pytest.param([INVOICED_10], 8, Outcome.CREDIT_DUE, set[object](), id="invoiced too much"),
        pytest.param([INVOICED_10], 0, Outcome.CREDIT_DUE, set[object](), id="all invoiced too much"),
        pytest.param([a_line(2, 5)], 5, Outcome.UNCHANGED, set[object](), id="open line is right"),
        pytest.param([a_line(2, 5)], 8, Outcome.UPDATED, {(2, 5, 8)}, id="open line grows"),
        pytest.param([a_line(2, 5)], 3, Outcome.UPDATED, {(2, 5, 3)}, id="open line shrinks"),
        pytest.param([a_line(2, 0)], 3, Outcome.UPDATED, {(2, 0, 3)}, id="an open line of 0 is used again"),
        pytest.param([a_line(2, 5)], 0, Outcome.ZEROED, {(2, 5, 0)}, id="open line to 0"),
        pytest.param([a_line(2, 0)], 0, Outcome.UNCHANGED, set[object](), id="open line of 0, no usage"),
        pytest.param([a_line(2, "4.5")], 5, Outcome.UPDATED, {(2, 4, 5)}, id="a fraction typed by hand"),
        pytest.param([INVOICED_10, a_line(2, 4)], 14, Outcome.UNCHANGED, set[object](), id="invoiced and open"),
        pytest.param([INVOICED_10, a_line(2, 4)], 12, Outcome.UPDATED, {(2, 4, 2)}, id="open carries the rest"),
        pytest.param([INVOICED_10, a_line(2, 4)], 10, Outcome.ZEROED, {(2, 4, 0)}, id="nothing left for the open"),
        pytest.param([INVOICED_10, a_line(2, 4)], 8, Outcome.CREDIT_DUE, {(2, 4, 0)}, id="too much, open to 0"),
        pytest.param([INVOICED_10, a_line(2, 0)], 8, Outcome.CREDIT_DUE, set[object](), id="too much, open is 0"),
        pytest.param([a_line(2, 3), a_line(3, 4)], 7, Outcome.UNCHANGED, set[object](), id="several add up"),
        pytest.param([a_line(3, 3), a_line(2, 4)], 9, Outcome.UPDATED, {(2, 4, 9), (3, 3, 0)}, id="several do not"),
        pytest.param([a_line(2, 9), a_line(3, 3)], 9, Outcome.UPDATED, {(3, 3, 0)}, id="the lowest id is right"),
        pytest.param(
            [a_line(2, 2), a_line(3, 0), a_line(4, 4)], 5, Outcome.UPDATED, {(2, 2, 5), (4, 4, 0)}, id="three lines"
        ),
        pytest.param([a_line(2, 3), a_line(3, 4)], 0, Outcome.ZEROED, {(2, 3, 0), (3, 4, 0)}, id="several to 0"),
        pytest.param(
            [INVOICED_10, a_line(2, 3), a_line(3, 4)], 10, Outcome.ZEROED, {(2, 3, 0), (3, 4, 0)}, id="several, rest 0"
        ),
        pytest.param(
            [INVOICED_10, a_line(2, 3), a_line(3, 4)],
            8,
            Outcome.CREDIT_DUE,
            {(2, 3, 0), (3, 4, 0)},
            id="several, invoiced too much",
        ),
        pytest.param(
            [INVOICED_10, a_line(4, 2, effective=INVOICED)], 15, Outcome.CREATED, {(None, 0, 3)}, id="two invoiced"
        ),
    ],
)
def test_open_lines_are_brought_to_what_the_invoiced_ones_leave(
    lines: list[Line], usage: int, outcome: Outcome, changes: Changes
) -> None:
    preview = preview_of(the_facts(*lines), used(usage))
    assert (row_line(preview).outcome, row_line(preview).seats) == (outcome, usage)
    assert changes_of(preview) == changes
    assert also(preview) == []


def test_a_new_line_has_the_mapped_agreement_and_the_plans_product() -> None:
    (write,) = writes_of(preview_of(the_facts(mappings=[mapped_to(11)]), used(5, Plan.ENTERPRISE)))
    assert (write.agreement_id, write.product_id) == (11, 200)
    assert write.identity.serial_number == "NP:2026-03:E:org-1"


def test_a_change_keeps_the_lines_own_agreement_product_and_dates() -> None:
    (write,) = writes_of(preview_of(the_facts(a_line(2, 5)), used(8)))
    assert isinstance(write, SetQuantity)
    assert (write.agreement_id, write.product_id) == (10, 100)


def test_the_preview_says_that_there_were_several_open_lines() -> None:
    for usage in (7, 9, 0):
        reason = row_line(preview_of(the_facts(a_line(2, 3), a_line(3, 4)), used(usage))).reason
        assert "2 open lines" in reason


def test_the_preview_says_nothing_of_several_where_there_is_one() -> None:
    assert "open lines" not in row_line(preview_of(the_facts(a_line(2, 3)), used(9))).reason


def test_seats_of_an_open_line_move_to_the_mapped_agreement() -> None:
    preview = preview_of(the_facts(a_line(1, 5, agreement_id=11)), used(5))
    assert changes_of(preview) == {(1, 5, 0), (None, 0, 5)}
    assert row_line(preview).outcome is Outcome.CREATED
    assert [(line.agreement_id, line.outcome, line.seats) for line in also(preview)] == [(11, Outcome.ZEROED, 5)]


def test_seats_of_an_open_line_move_to_the_mapped_company() -> None:
    preview = preview_of(the_facts(a_line(1, 5, agreement_id=20)), used(5))
    assert changes_of(preview) == {(1, 5, 0), (None, 0, 5)}
    assert [(line.company_id, line.outcome) for line in also(preview)] == [(2, Outcome.ZEROED)]


def test_seats_of_an_open_line_move_to_the_mapped_product() -> None:
    preview = preview_of(the_facts(a_line(1, 5, product_id=999)), used(5))
    assert changes_of(preview) == {(1, 5, 0), (None, 0, 5)}
    assert [(line.agreement_id, line.outcome, line.seats) for line in also(preview)] == [(10, Outcome.ZEROED, 5)]


def test_a_line_that_lies_elsewhere_with_0_needs_nothing() -> None:
    preview = preview_of(the_facts(a_line(1, 0, agreement_id=11), a_line(2, 5)), used(5))
    assert [line.outcome for line in preview.lines] == [Outcome.UNCHANGED]


def test_an_invoiced_line_on_another_agreement_or_of_another_product_counts() -> None:
    elsewhere = a_line(1, 3, agreement_id=11, effective=INVOICED)
    other_product = a_line(2, 4, product_id=999, effective=INVOICED)
    assert changes_of(preview_of(the_facts(elsewhere, other_product), used(10))) == {(None, 0, 3)}


def test_mapping_back_uses_the_line_that_was_set_to_0() -> None:
    preview = preview_of(the_facts(a_line(1, 0), a_line(2, 5, agreement_id=11)), used(5))
    assert changes_of(preview) == {(1, 0, 5), (2, 5, 0)}


def test_a_plan_change_moves_seats_to_the_other_plans_line() -> None:
    preview = preview_of(the_facts(a_line(1, 5)), used(5, Plan.ENTERPRISE))
    assert changes_of(preview) == {(1, 5, 0), (None, 0, 5)}
    assert (row_line(preview).plan, row_line(preview).outcome) == (Plan.ENTERPRISE, Outcome.CREATED)
    assert [(line.plan, line.outcome, line.seats) for line in also(preview)] == [(Plan.BUSINESS, Outcome.ZEROED, 5)]


def test_a_plan_change_after_invoicing_makes_a_credit_due_for_the_old() -> None:
    preview = preview_of(the_facts(INVOICED_10), used(8, Plan.ENTERPRISE))
    assert changes_of(preview) == {(None, 0, 8)}
    assert row_line(preview).outcome is Outcome.CREATED
    assert [(line.plan, line.outcome, line.seats) for line in also(preview)] == [
        (Plan.BUSINESS, Outcome.CREDIT_DUE, 10)
    ]


def test_lines_of_other_organizations_and_months_are_nobodys_business() -> None:
    others = (a_line(1, 3, organization_id="org-2"), a_line(2, 4, month=Month(2026, 2)))
    assert changes_of(preview_of(the_facts(*others), used(5))) == {(None, 0, 5)}


def test_a_line_of_an_organization_with_a_long_id_is_found_again() -> None:
    long_id = "o" * 60
    facts = the_facts(
        a_line(1, 5, organization_id=long_id), mappings=[mapped_to(10, organization_id=long_id)], products=PRODUCTS
    )
    assert changes_of(preview_of(facts, used(6, organization_id=long_id))) == {(1, 5, 6)}


def test_quantities_stay_exact_decimals() -> None:
    (write,) = writes_of(preview_of(the_facts(a_line(1, "0.1", effective=INVOICED)), used(1)))
    assert write.quantity == Decimal("0.9")
