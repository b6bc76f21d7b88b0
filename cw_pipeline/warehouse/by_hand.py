"""What people chose for lines kept by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from cw_pipeline.billing.by_hand import Act, LeftLine
from cw_pipeline.warehouse.tables import LineByHandRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def choices(session: Session, psa: str) -> dict[int, LineByHandRow]:
    """What was chosen, by addition id."""
    return {row.addition_id: row for row in session.scalars(select(LineByHandRow).where(LineByHandRow.psa == psa))}


_LEFT = select(LineByHandRow.addition_id, LineByHandRow.agreement_id, LineByHandRow.product_id).where(
    LineByHandRow.psa == bindparam("psa"), LineByHandRow.choice == Act.LEAVE
)


def left_lines(session: Session, psa: str) -> frozenset[LeftLine]:
    """The lines that people chose to leave."""
    return frozenset(LeftLine(*line) for line in session.execute(_LEFT, {"psa": psa}).tuples())


def last_choice(session: Session, psa: str) -> datetime | None:
    """When a person last chose for a line; None where nobody did."""
    return session.scalar(select(func.max(LineByHandRow.chosen_at)).where(LineByHandRow.psa == psa))
