"""Whether the warehouse lacks pushes that Dagster's storage has: it was restored, or is another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.warehouse.tables import IntegrationRow, PushRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from cw_pipeline.warehouse.database import Warehouse


class WarehouseOutdated(SyncError):
    """A push is recorded elsewhere that this warehouse does not have: it was restored, or is another one."""


@dataclass(frozen=True)
class RecordedPush:
    """A month's last push, good or failed, as Dagster's storage has it."""

    month: Month
    run_id: str
    at: datetime


def require_up_to_date(warehouse: Warehouse, recorded: Collection[RecordedPush]) -> None:
    """Make sure that the warehouse has every push that was `recorded` since its last rebuild.

    A push is stored in the warehouse before it is recorded elsewhere.

    Raises:
        WarehouseOutdated: If it lacks one.
    """
    with warehouse.transaction() as session:
        pushes = select(PushRow.month, PushRow.run_id).where(PushRow.run_id.in_({push.run_id for push in recorded}))
        known = set(session.execute(pushes).tuples())
        rebuilt_at = session.scalar(select(IntegrationRow.rebuilt_at))
    unknown = [
        push
        for push in recorded
        if (push.month, push.run_id) not in known and (rebuilt_at is None or push.at > rebuilt_at)
    ]
    if unknown:
        last = max(unknown, key=lambda push: push.at)
        others = f", nor those of {counted(len(unknown) - 1, 'other month')}" if len(unknown) > 1 else ""
        msg = (
            f"Dagster's storage says that {last.month} was pushed at {last.at:%Y-%m-%d %H:%M} UTC by run "
            f"{last.run_id}, but this warehouse does not have that push{others}: it was restored from an older backup, "
            "or is another one. Nothing is written, since seats could be billed twice. Map the companies as they are "
            "billed now, run `cw-pipeline rebuild`, then sync again."
        )
        raise WarehouseOutdated(msg)
