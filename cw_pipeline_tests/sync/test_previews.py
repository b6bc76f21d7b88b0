"""When a kept preview still holds, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from cw_pipeline.sync import previews
from cw_pipeline.sync.push import push_months
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.tables import PreviewRow
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, OTHER_PRODUCT

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline_tests.support.fake_msp import Msp


def change_mapping(msp: Msp) -> None:
    msp.map(MAPPED[0], bill_from=MARCH.plus(1))


def change_product(msp: Msp) -> None:
    msp.bill_as(Plan.ENTERPRISE, OTHER_PRODUCT)


def change_usage(msp: Msp) -> None:
    msp.use(8)
    msp.fetch()


def push_another_month(msp: Msp) -> None:
    msp.sync(FEBRUARY)


def let_time_pass(msp: Msp, minutes: int = 16) -> None:
    made = msp.previews.pop()
    snapshot = replace(made.snapshot, at=made.snapshot.at - timedelta(minutes=minutes))
    msp.previews.append(replace(made, snapshot=snapshot))


@pytest.mark.parametrize(
    "change",
    [change_mapping, change_product, change_usage, push_another_month, let_time_pass],
    ids=lambda f: f.__name__,
)
def test_a_preview_that_no_longer_holds_is_made_anew(msp: Msp, change: Callable[[Msp], None]) -> None:
    msp.fetch()
    (kept,) = msp.preview()
    change(msp)
    (pushed,) = msp.push()
    assert pushed.preview_id != kept.id
    assert pushed.succeeded


@pytest.mark.parametrize("minutes", [0, 14])
def test_a_preview_under_15_minutes_old_is_pushed_as_it_is(msp: Msp, minutes: int) -> None:
    msp.fetch()
    (kept,) = msp.preview()
    let_time_pass(msp, minutes)
    (pushed,) = msp.push()
    assert pushed.preview_id == kept.id


def test_a_preview_is_pushed_only_once(msp: Msp) -> None:
    msp.fetch()
    msp.preview()
    msp.push()
    (again,) = msp.push()
    assert {line.outcome for line in again.preview.lines} & {"created", "updated", "zeroed"} == set()
    assert msp.written() == len(MAPPED)


def test_a_push_without_a_preview_makes_one(msp: Msp) -> None:
    msp.fetch()
    (pushed,) = msp.push()
    assert pushed.succeeded
    assert [msp.quantities(place) for place in MAPPED] == [[5]] * len(MAPPED)


def test_previews_that_were_made_together_are_made_anew_together(msp: Msp) -> None:
    msp.fetch(FEBRUARY, MARCH)
    kept = {preview.id for preview in msp.preview(FEBRUARY, MARCH)}
    msp.use(8)
    msp.fetch(MARCH)
    assert kept.isdisjoint(pushed.preview_id for pushed in msp.push(FEBRUARY, MARCH))
    assert msp.quantities(MAPPED[0], MARCH) == [8]


def test_a_preview_that_grew_old_during_other_pushes_is_made_again(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    msp.fetch(FEBRUARY, MARCH)
    february, march = msp.preview(FEBRUARY, MARCH)
    pushing = push_months(msp.run, [FEBRUARY, MARCH], msp.previews[-1])
    assert next(pushing).preview_id == february.id
    monkeypatch.setattr(previews, "_MAX_AGE", timedelta(0))
    msp.map(MAPPED[0], bill_from=MARCH.plus(1))
    (pushed,) = pushing
    assert pushed.preview_id != march.id
    assert msp.quantities(MAPPED[0]) == []


def test_a_month_without_a_usage_report_is_refused_before_anything_is_read(msp: Msp) -> None:
    for act in (msp.preview, msp.push):
        with pytest.raises(SyncError, match="There is no usage report for 2026-03 yet"):
            act(MARCH)
    assert msp.sandbox.journal.entries() == []


def test_a_preview_that_does_not_account_for_every_seat_is_not_pushed(msp: Msp) -> None:
    msp.fetch(FEBRUARY, MARCH)
    msp.preview(FEBRUARY, MARCH)
    made = msp.previews.pop()
    right = made.of_months[MARCH]
    wrong = replace(right, preview=replace(right.preview, usage_seats=right.preview.usage_seats + 1))
    msp.previews.append(replace(made, of_months={**made.of_months, MARCH: wrong}))
    with pytest.raises(SyncError, match="2026-03 does not account for 1 of"):
        msp.push(FEBRUARY, MARCH)
    assert msp.written() == 0


def test_a_new_preview_deletes_those_that_are_older_than_they_are_kept(msp: Msp) -> None:
    msp.fetch()
    msp.preview()
    (young,) = msp.preview()
    run = replace(msp.run, keep_previews=timedelta(0))
    (latest,) = previews.make_previews(run, [MARCH]).of_months.values()
    with msp.run.warehouse.transaction() as session:
        assert set(session.scalars(select(PreviewRow.id))) == {young.id, latest.id}
