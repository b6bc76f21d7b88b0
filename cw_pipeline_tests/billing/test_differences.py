"""What differs between two previews, line by line."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cw_pipeline.billing.differences import Difference, differences
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.billing.examples import (
    INVOICED,
    JANUARY,
    a_line,
    also,
    mapped_to,
    preview_of,
    row_line,
    the_facts,
    used,
)

TWO = [mapped_to(10), mapped_to(20, 2, organization_id="org-2")]
OTHER = used(6, organization_id="org-2")


def test_previews_of_the_same_facts_do_not_differ_whatever_their_sentences() -> None:
    preview = preview_of(the_facts(a_line(1, 4, agreement_id=11), mappings=TWO), used(5), OTHER)
    reworded = tuple(replace(line, reason="Other words.", warning="A new warning.") for line in preview.lines)
    assert differences(preview, preview) == differences(preview, replace(preview, lines=reworded)) == []


def test_a_usage_row_that_changed_is_there_before_and_after() -> None:
    before, after = (preview_of(the_facts(mappings=TWO), used(seats), OTHER) for seats in (5, 7))
    assert differences(before, after) == [Difference(before.lines[0], after.lines[0])]


def test_a_plan_that_changed_is_one_difference_of_the_row() -> None:
    before, after = (preview_of(the_facts(), used(5, plan)) for plan in Plan)
    (difference,) = differences(before, after)
    assert (difference.before, difference.line) == (row_line(before), row_line(after))


def test_a_row_may_appear_or_be_gone() -> None:
    before, after = preview_of(the_facts(mappings=TWO), used(5)), preview_of(the_facts(mappings=TWO), OTHER)
    assert differences(before, after) == [Difference(None, row_line(after)), Difference(row_line(before), None)]
    assert differences(before, after)[1].line == row_line(before)


def test_another_quantity_beforehand_is_a_difference() -> None:
    before, after = (preview_of(the_facts(a_line(1, carried)), used(5)) for carried in (3, 4))
    assert row_line(before).outcome is row_line(after).outcome is Outcome.UPDATED
    assert len(differences(before, after)) == 1


def test_a_line_beside_the_row_is_told_from_another_one_that_stays() -> None:
    stale = a_line(1, 4, agreement_id=11), a_line(2, 3, agreement_id=11)
    before, after = preview_of(the_facts(*stale), used(5)), preview_of(the_facts(stale[1]), used(5))
    assert differences(before, after) == [Difference(also(before)[0], None)]


def test_more_to_credit_is_a_difference_although_nothing_is_written() -> None:
    before, after = (preview_of(the_facts(a_line(1, billed, effective=INVOICED)), used(5)) for billed in (6, 7))
    (difference,) = differences(before, after)
    assert difference.before is not None
    assert (difference.before.to_credit, difference.line.to_credit) == (Decimal(1), Decimal(2))


def test_months_differ_by_seats_place_and_outcome_not_by_writes() -> None:
    march = preview_of(the_facts(mappings=TWO), used(5), OTHER)
    written = tuple(replace(line, outcome=Outcome.UNCHANGED, writes=()) for line in march.lines)
    january = replace(march, month=JANUARY, lines=written)
    assert differences(january, march) == []
    fewer = replace(january, lines=(replace(written[0], seats=Decimal(4)), written[1]))
    assert differences(fewer, march) == [Difference(fewer.lines[0], march.lines[0])]
