"""Approve previews: a person looked at them, and wants exactly them to be pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.sync.reviewed import reviewed_previews

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.previews import StoredPreview


def approve(warehouse: Warehouse, psa: str, ids: Iterable[int]) -> dict[Month, StoredPreview]:
    """Record that a person approves the previews with these ids, and return them by month.

    Raises:
        PreviewRefused: If one cannot be pushed, or two are of one month; nothing is recorded.
    """
    with warehouse.transaction() as session:
        approved = reviewed_previews(session, psa, ids)
        for month, stored in approved.items():
            writes = sum(len(line.writes) for line in stored.preview.lines)
            after = {"month": str(month), "seats": stored.preview.usage_seats, "writes": writes}
            log_action(session, AuditAction.APPROVE_PREVIEW, str(stored.id), after=after)
    return approved
