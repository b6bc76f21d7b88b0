"""A push of exactly the preview that a person looked at: it writes that, or nothing and says what changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.reports.changes import Comparison, since_looked_at
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.due_months import previews_to_approve
from cw_pipeline.sync.month_loop import MonthLoop
from cw_pipeline.sync.reviewed import PreviewRefused, require_of, reviewed_previews
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.previews import delete_old_previews
from cw_pipeline.wording.differences import differs_from
from cw_pipeline_tests.support.fake_msp import (
    FEBRUARY,
    MAPPED,
    MARCH,
    OTHER_PRODUCT,
    UNMAPPED,
    Msp,
    agreement_id,
    company_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.previews import StoredPreview

ONE, TWO, THREE = MAPPED


def looked_at(msp: Msp, *months: Month) -> list[int]:
    """The ids of previews that a person looks at."""
    msp.fetch(*months)
    return [made.id for made in msp.preview(*months)]


def push(msp: Msp, ids: list[int], *months: Month) -> dict[Month, str]:
    """The whole sync of these months with the previews that were looked at; the months that failed, and why."""
    reviewed = find(msp, *ids)
    loop = MonthLoop(msp.run, months or [MARCH], lambda _event: None)
    loop.fetch_usage(msp.nordpass)
    loop.preview()
    loop.push([], reviewed)
    return loop.failed


def find(msp: Msp, *ids: int) -> dict[Month, StoredPreview]:
    with msp.run.warehouse.transaction() as session:
        return reviewed_previews(session, msp.run.psa, ids)


def use_more(msp: Msp) -> str:
    msp.use(8, ONE)
    return f" ({organization_id(ONE)}): 5 seats → 8 seats."


def map_elsewhere(msp: Msp) -> str:
    msp.sandbox.connectwise.edit_agreement(agreement_id(24), company=company_id(ONE))
    msp.map(ONE, agreement=agreement_id(24))
    return f": agreement {agreement_id(ONE)} → agreement {agreement_id(24)}."


def unmap(msp: Msp) -> str:
    with msp.run.warehouse.transaction() as session:
        session.query(tables.CompanyMappingRow).filter_by(organization_id=organization_id(ONE)).delete()
    mapped = f"New line, company {company_id(ONE)}, agreement {agreement_id(ONE)}"
    return f": {mapped} → Not mapped to a company, no company, no agreement."


def bill_another_product(msp: Msp) -> str:
    msp.bill_as(Plan.BUSINESS, OTHER_PRODUCT)
    days = "2026-04-01 to 2026-04-30"
    return f": a new line of 5 (product 3, {days}) → a new line of 5 (product {OTHER_PRODUCT}, {days})."


def end_the_agreement(msp: Msp) -> str:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), cancelledFlag=True)
    return ": New line → Agreement is not active."


def invoice_another_day(msp: Msp) -> str:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), nextInvoiceDate="2026-05-01")
    return "2026-04-01 to 2026-04-30) → a new line of 5 (product 3, 2026-05-01 to 2026-05-31)."


def leave_the_report(msp: Msp) -> str:
    msp.use(None, ONE)
    return ": 5 seats, New line, agreement 1004 → no line."


def join_the_report(msp: Msp) -> str:
    msp.use(2, 2)
    return ": no line → 2 seats, Not mapped to a company, no agreement."


CHANGES = [
    use_more,
    map_elsewhere,
    unmap,
    bill_another_product,
    end_the_agreement,
    invoice_another_day,
    leave_the_report,
    join_the_report,
]


def test_a_preview_that_still_holds_is_pushed_as_it_was_looked_at(msp: Msp) -> None:
    ids = looked_at(msp)
    assert push(msp, ids) == {}
    assert [msp.quantities(place) for place in MAPPED] == [[5], [5], [5]]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whatever_changed_since_nothing_is_written_and_the_difference_is_said(
    msp: Msp, change: Callable[[Msp], str]
) -> None:
    ids = looked_at(msp)
    difference = change(msp)
    why = push(msp, ids)[MARCH]
    assert why.startswith(f"A push would no longer do what preview {ids[0]} says, so nothing was written for 2026-03. ")
    assert difference in why
    assert msp.written() == 0
    now = ids[0] + 1
    assert why.endswith(
        f" See all of it with `cw-pipeline compare {ids[0]} {now}`. If preview {now} is right, push that one with "
        f"`cw-pipeline approve {now}`."
    )
    assert push(msp, [now]) == {}


def test_many_differences_are_counted_and_the_first_are_named(msp: Msp) -> None:
    ids = looked_at(msp)
    places = [*MAPPED, *UNMAPPED, 2]
    msp.use(7, *places)
    why = push(msp, ids)[MARCH]
    assert "7 lines differ: " in why
    assert why.count("→") == 5
    assert "; and 2 more." in why


def test_a_month_that_changed_stops_no_other(msp: Msp) -> None:
    msp.use_nothing_but(*MAPPED, month=FEBRUARY)
    msp.use(4, month=FEBRUARY)
    ids = looked_at(msp, FEBRUARY, MARCH)
    msp.use(6, TWO, month=FEBRUARY)
    assert push(msp, ids, FEBRUARY, MARCH).keys() == {FEBRUARY}
    assert [msp.quantities(TWO, month) for month in (FEBRUARY, MARCH)] == [[], [5]]


def test_what_changes_between_the_new_preview_and_the_push_is_noticed_too(msp: Msp) -> None:
    (made,) = looked_at(msp)
    loop = MonthLoop(msp.run, [MARCH], lambda _event: None)
    loop.preview()
    msp.map(ONE, bill_from=MARCH.plus(1))
    loop.push([], find(msp, made))
    assert "New line → Before the first month that is billed" in loop.failed[MARCH]
    assert msp.written() == 0


def test_each_preview_that_cannot_be_pushed_is_refused_with_its_own_sentence(msp: Msp) -> None:
    (pushed,) = looked_at(msp)
    msp.push()
    first, second = looked_at(msp) + looked_at(msp)
    with msp.run.warehouse.transaction() as session:
        session.get_one(tables.PreviewRow, first).psa = "another"
    refused = {
        (999,): "There is no preview 999: ",
        (-1,): "There is no preview -1: ",
        (10**20,): f"There is no preview {10**20}: ",
        (pushed,): f"2026-03 was pushed since preview {pushed} was made, or by it. Look at a new one with `cw-pipeline",
        (first,): f"Preview {first} is not of the ConnectWise company that is connected.",
    }
    for ids, sentence in refused.items():
        with pytest.raises(PreviewRefused) as caught:
            find(msp, *ids)
        assert str(caught.value).startswith(sentence)
        assert caught.value.exit_code == USAGE_ERROR
    another = looked_at(msp)[0]
    with pytest.raises(PreviewRefused, match=f"Previews {second} and {another} are both of 2026-03. Name one"):
        find(msp, second, another)
    of_march = find(msp, second, second).values()
    with pytest.raises(PreviewRefused, match=f"Preview {second} is of 2026-03, not of 2026-02. Name that month."):
        require_of([FEBRUARY], of_march)
    with pytest.raises(PreviewRefused, match="No preview of 2026-02 is named"):
        require_of([FEBRUARY, MARCH], of_march)


def test_a_push_is_compared_with_the_last_preview_before_it(synced_on_both_databases: Msp) -> None:
    msp = synced_on_both_databases

    def waiting() -> dict[Month, int]:
        with msp.run.warehouse.transaction() as session:
            return previews_to_approve(session, msp.run.psa, [MARCH])

    def push_of(run_id: str) -> Comparison | None:
        again = replace(msp, run=replace(msp.run, run_id=run_id))
        again.previews.clear()
        pushed = again.sync().month
        with msp.run.warehouse.transaction() as session:
            return since_looked_at(session, pushed.preview_id)

    assert (push_of("first"), waiting()) == (None, {})
    (seen,) = looked_at(msp)
    assert waiting() == {MARCH: seen}
    assert push_of("second") is None
    (seen,) = looked_at(msp)
    msp.use(8, ONE)
    found = push_of("third")
    assert found is not None
    assert found.before.id == seen
    said = f"It is not what preview {seen} said, the last one before this run. 1 line differs: "
    assert differs_from(seen, found.changes).startswith(said)
    assert [(change.seats, change.line.organization_id) for change in found.changes] == [(3, organization_id(ONE))]
    assert (push_of("fourth"), waiting()) == (None, {})
    looked_at(msp)
    msp.use(9, ONE)
    msp.fetch()
    assert waiting() == {}


def test_a_preview_that_was_deleted_by_its_age_is_unknown(msp: Msp) -> None:
    old, _ = looked_at(msp) + looked_at(msp)
    with msp.run.warehouse.transaction() as session:
        made_at = session.get_one(tables.PreviewRow, old + 1).made_at
        delete_old_previews(session, msp.run.psa, made_before=made_at)
    with pytest.raises(PreviewRefused, match=f"There is no preview {old}: .* is deleted after a year"):
        find(msp, old)
