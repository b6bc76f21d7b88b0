"""What differs between months and previews, each by the month or the id that people have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.reports.changes import Comparison, NothingToCompare, compare
from cw_pipeline.warehouse.names import Named
from cw_pipeline_tests.reports.months import PRICE, line, push, set_price
from cw_pipeline_tests.warehouse.examples import APRIL, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse


def compared(warehouse: Warehouse, before: str, after: str) -> Comparison:
    with warehouse.transaction() as session:
        return compare(session, before, after)


def test_two_months_are_compared_as_they_were_pushed_last(connected: Warehouse) -> None:
    set_price(connected)
    push(connected, line("org-acme", seats=99))
    push(connected, line("org-acme", seats=3), line("org-bolt", Outcome.UNMAPPED, 4, company_id=None), line("org-core"))
    push(
        connected,
        line("org-acme", Outcome.UNCHANGED, 8),
        line("org-bolt", seats=4, company_id=2),
        line("org-core", Outcome.UNCHANGED),
        line("org-core", Outcome.ZEROED, 2, also=True),
        month=APRIL,
    )
    found = compared(connected, "2026-03", " 2026-04 ")
    assert found.names == ("2026-03", "2026-04")
    assert str(found.after).startswith("2026-04 (synced 20")
    assert [(one.line.organization_id, one.line.also, one.seats, one.worth) for one in found.changes] == [
        ("org-acme", False, 5, {"": 5 * PRICE}),
        ("org-core", True, 2, {"": 2 * PRICE}),
        ("org-bolt", False, 0, {"": 0}),
    ]
    bolt = found.changes[2]
    assert (bolt.company, bolt.agreement_before, bolt.agreement) == (Named(2, "Bolt"), None, Named(21, "Managed"))


def test_a_preview_stands_for_a_month_that_was_never_pushed(connected: Warehouse) -> None:
    with connected.transaction() as session:
        kept = [keep_preview(session, line("org-acme", seats=seats), month=APRIL) for seats in (5, 6)]
    ids = [str(one.id) for one in kept]
    found = compared(connected, *ids)
    assert found.names == (f"Preview {ids[0]}", f"Preview {ids[1]}")
    assert [one.seats for one in found.changes] == [1]
    assert compared(connected, "2026-04", ids[1]).changes == []


def test_what_a_push_wrote_is_right_in_a_later_preview(connected: Warehouse) -> None:
    push(connected, line("org-acme", seats=5), line("org-acme", Outcome.ZEROED, 2, also=True), line("org-bolt"))
    with connected.transaction() as session:
        later = keep_preview(session, line("org-acme", Outcome.UNCHANGED, 5), line("org-bolt", Outcome.UPDATED, 6))
    (bolt,) = compared(connected, "2026-03", str(later.id)).changes
    assert (bolt.line.organization_id, bolt.seats) == ("org-bolt", 1)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("99", "There is no preview 99. `cw-pipeline preview` makes one, and says its id."),
        ("9" * 30, "There is no preview 9999"),
        ("2026-05", "2026-05 was neither synced nor previewed. Run `cw-pipeline preview --month 2026-05`."),
        ("May", "'May' is not a month. Write it as YYYY-MM, for example 2026-03. Or give the id of a preview."),
    ],
)
def test_what_cannot_be_compared_is_said(connected: Warehouse, asked: str, why: str) -> None:
    push(connected, line("org-acme"))
    with pytest.raises(NothingToCompare, match=why):
        compared(connected, "2026-03", asked)
