"""The audit log: what people did."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from cw_pipeline.warehouse.tables.base import Base


class AuditEntry(Base):
    """Something that a person did, with the values before and after: never changed, never removed."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    """When it was done."""
    who: Mapped[str]
    """The user and machine of a command, or the id of a job's run."""
    action: Mapped[str] = mapped_column("act")
    """What was done, such as `map company`."""
    subject: Mapped[str]
    """What it was done to, by id where it has one."""
    before: Mapped[dict[str, Any] | None]
    """The values before; empty for something new."""
    after: Mapped[dict[str, Any] | None]
    """The values after; empty for something removed."""
