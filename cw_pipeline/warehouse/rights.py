"""Rights that only a write can prove, as ConnectWise granted or refused them when they were last used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.warehouse.tables import RightUseRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


def save_right_uses(session: Session, psa: str, uses: Mapping[str, bool]) -> None:
    """Record for each right that was just used whether ConnectWise granted it."""
    for right, held in uses.items():
        session.merge(RightUseRow(psa=psa, right=right, held=held, used_at=datetime.now(UTC)))


def right_uses(session: Session, psa: str) -> dict[str, RightUseRow]:
    """The last use of each right that was ever used, by its name."""
    return {use.right: use for use in session.scalars(select(RightUseRow).where(RightUseRow.psa == psa))}
