"""What is missing until syncs run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.tables import IntegrationRow, ProductMappingRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def missing_to_be_active(session: Session) -> tuple[str, ...]:
    """What is missing until syncs run, a sentence each that says what to do; nothing where the state is active."""
    integration = session.get(IntegrationRow, 1)
    if integration is not None and integration.state == State.ACTIVE:
        return ()
    missing: list[str] = []
    if integration is None or integration.state == State.DISCONNECTED:
        missing.append("ConnectWise is not connected: run `cw-pipeline connect`.")
    if session.scalars(select(ProductMappingRow).limit(1)).first() is None:
        missing.append("No plan is mapped to a product: run `cw-pipeline products map` or `products create`.")
    missing.append("The product mapping is not confirmed: run `cw-pipeline products confirm`.")
    return tuple(missing)
