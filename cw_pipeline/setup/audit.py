"""The audit: what people did, and how it was before and after."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cw_pipeline.warehouse.tables import Act

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session


class Deed(StrEnum):
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
    REBUILD = "rebuild"
    DISCONNECT = "disconnect"


def record(
    session: Session,
    deed: Deed,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record an act in the transaction that carries it out, so that there is never one without the other.

    An act after which everything is as it was before is not recorded.

    Args:
        session: The transaction; its warehouse knows who works with it.
        deed: What was done.
        subject: What it was done to, by id where it has one.
        before: What it was before, in values that JSON has; None if it was not there.
        after: What it is now; None if it is no longer there.
    """
    if before == after:
        return
    session.add(
        Act(
            at=datetime.now(UTC),
            who=session.info["who"],
            act=deed.value,
            subject=subject,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
        )
    )


def said(state: Mapping[str, object] | None) -> str | None:
    """How something was or is, as people are told."""
    return None if state is None else ", ".join(f"{name} {value}" for name, value in state.items())


def recorded_acts(session: Session, *, latest: int | None = None) -> Sequence[Act]:
    """The acts, oldest first; with ``latest`` only so many of the last ones."""
    acts = session.scalars(select(Act).order_by(Act.id.desc()).limit(latest)).all()
    return acts[::-1]
