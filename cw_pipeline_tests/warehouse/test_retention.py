from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.previews import delete_old_previews
from cw_pipeline.warehouse.pushes import PushedMonth, save_push
from cw_pipeline_tests.warehouse.examples import APRIL, PSA, a_line, a_write, keep_preview

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

CREATED = a_line(Outcome.CREATED, 5, a_write(5))


def delete_older(warehouse: Warehouse, *, than: timedelta) -> set[int]:
    """Delete old previews; the ids of those that are left."""
    with warehouse.transaction() as session:
        delete_old_previews(session, PSA, made_before=datetime.now(UTC) - than)
    with warehouse.transaction() as session:
        kept = set(session.scalars(select(tables.PreviewRow.id)))
        assert set(session.scalars(select(tables.PreviewLineRow.preview_id))) == kept
        return kept


def test_old_previews_are_deleted_with_their_lines(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        keep_preview(session, CREATED)
        last = keep_preview(session, CREATED, CREATED)
    assert delete_older(warehouse, than=timedelta(0)) == {last.id}


def test_pushed_previews_and_the_last_of_each_month_stay(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        pushed = keep_preview(session, CREATED)
        save_push(session, PushedMonth(pushed.preview, pushed.id, 0, 1), psa=PSA, run_id="run-1")
        keep_preview(session, CREATED)
        last = [keep_preview(session, CREATED), keep_preview(session, CREATED, month=APRIL)]
        of_another_company = keep_preview(session, CREATED, psa="other"), keep_preview(session, CREATED, psa="other")
    kept = {one.id for one in (pushed, *last, *of_another_company)}
    assert delete_older(warehouse, than=timedelta(0)) == kept
    with warehouse.transaction() as session:
        assert session.scalar(select(func.count()).select_from(tables.PushLineRow)) == 1


def test_young_previews_stay(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        both = {keep_preview(session, CREATED).id, keep_preview(session, CREATED).id}
    assert delete_older(warehouse, than=timedelta(minutes=1)) == both
