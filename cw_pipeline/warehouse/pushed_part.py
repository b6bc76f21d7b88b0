"""How much of a month is pushed while organizations are left out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.outcomes import NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import PushedPart
from cw_pipeline.warehouse.tables import PreviewLineRow, PushLineRow, PushRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Month


def pushed_part(session: Session, psa: str, month: Month) -> PushedPart | None:
    """How much of `month` is pushed; None unless its last push left organizations out."""
    pushes = select(PushRow).where(PushRow.psa == psa, PushRow.month == month)
    push = session.scalars(pushes.order_by(PushRow.id.desc()).limit(1)).first()
    if push is None or push.whole:
        return None

    def counted(line: type[PreviewLineRow | PushLineRow], *where: ColumnElement[bool]) -> tuple[int, Decimal]:
        sums = select(func.count(line.organization_id.distinct()), func.sum(line.seats)).where(~line.also, *where)
        organizations, seats = session.execute(sums).tuples().one()
        return organizations, seats or Decimal(0)

    organizations, seats = counted(PushLineRow, PushLineRow.push_id == push.id, PushLineRow.outcome.in_(RIGHT))
    of_organizations, of_seats = counted(
        PreviewLineRow, PreviewLineRow.preview_id == push.preview_id, PreviewLineRow.outcome.not_in(NOT_BILLED)
    )
    return PushedPart(organizations, of_organizations, seats, of_seats)
