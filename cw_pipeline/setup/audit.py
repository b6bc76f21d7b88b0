"""The audit log: what people changed in the setup, and when, with the values before and after."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cw_pipeline.warehouse.lock import lock_setup
from cw_pipeline.warehouse.tables import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.database import Warehouse


class AuditAction(StrEnum):
    """What a person can do."""

    CONNECT = "connect"
    MAP_PRODUCT = "map product"
    CREATE_PRODUCT = "create product"
    CONFIRM_PRODUCTS = "confirm products"
    IMPORT = "import"
    MAP_COMPANY = "map company"
    UNMAP_COMPANY = "unmap company"
    APPLY_MAPPINGS = "apply mapping file"
    ADD_ORGANIZATION = "add organization"
    ACCEPT_LINES = "accept lines"
    RELEASE_LINES = "release lines"
    END_LINE = "end line"
    LEAVE_LINE = "leave line"
    UNDO_LINE = "undo line"
    UNDO_RUN = "undo run"
    APPROVE_PREVIEW = "approve preview"
    REBUILD = "rebuild"
    DISCONNECT = "disconnect"


@contextmanager
def setup_transaction(warehouse: Warehouse) -> Generator[Session]:
    """A transaction that changes the setup; others wait for it, so that none decides on what it is changing."""
    with warehouse.transaction() as session:
        lock_setup(session)
        yield session


def log_action(
    session: Session,
    action: AuditAction,
    subject: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add an audit entry in the transaction that makes the change; nothing if `before` equals `after`.

    `subject` is what was changed, by id if it has one; `before` and `after` are its values as JSON, if there are any.
    """
    if before == after:
        return
    at, who = datetime.now(UTC), session.info["who"]
    session.add(AuditEntry(at=at, who=who, action=action.value, subject=subject, before=before, after=after))


def audit_log(session: Session, *, latest: int | None = None) -> Sequence[AuditEntry]:
    """The audit entries, oldest first; with `latest` only that many of the most recent."""
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(latest)).all()
    return entries[::-1]
