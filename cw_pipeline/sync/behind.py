"""Whether the warehouse is older than what was pushed: Dagster's storage remembers that, too, and is kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import IntegrationRow, PushRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from cw_pipeline.warehouse.database import Warehouse


class WarehouseBehind(SyncError):
    """A push is recorded elsewhere of which this warehouse knows nothing: it was restored, or is another one."""


@dataclass(frozen=True)
class RecordedPush:
    """A month's last push, good or failed, as Dagster's storage has it."""

    month: Month
    run_id: str
    at: datetime


def require_not_behind(warehouse: Warehouse, recorded: Collection[RecordedPush]) -> None:
    """Make sure that the warehouse knows every push that was `recorded` since it was last rebuilt.

    It does if it has the push, good or failed, which is kept before it is recorded elsewhere.

    Raises:
        WarehouseBehind: If it does not.
    """
    with warehouse.transaction() as session:
        known = set(session.execute(select(PushRow.month, PushRow.run_id)).tuples())
        integration = session.get(IntegrationRow, 1)
    rebuilt_at = integration.rebuilt_at if integration else None
    unknown = [
        push
        for push in recorded
        if (push.month, push.run_id) not in known and (rebuilt_at is None or push.at > rebuilt_at)
    ]
    if not unknown:
        return
    last = max(unknown, key=lambda push: push.at)
    others = f", nor of {len(unknown) - 1} other month(s)" if len(unknown) > 1 else ""
    msg = (
        f"Dagster's storage says that {last.month} was pushed at {last.at:%Y-%m-%d %H:%M} UTC by run {last.run_id}, "
        f"and this warehouse knows nothing of that{others}: it was restored from an older backup, or is another one. "
        "Nothing is written, since seats could be billed twice. Map the companies as they are billed now, run "
        "`cw-pipeline rebuild`, then sync again."
    )
    raise WarehouseBehind(msg)
