"""What the last push of the latest month came to, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.outcomes import FAILED, HELD, RIGHT, Outcome
from cw_pipeline.reports.unbilled import UNMAPPED
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.pushes import last_pushes
from cw_pipeline.warehouse.tables import PushLineRow, PushRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class PushedMonth:
    """The latest month that was pushed, as it was pushed last.

    Attributes:
        month: The month.
        used: Seats in its usage report.
        billed: Those that are on lines as they should be.
        held: Those that wait for a person's decision.
        failed: Those that ConnectWise refused, or of which it is unknown whether they were written.
        unmapped: Those whose organization or plan is not mapped, or not yet for that month.
        lines: How many lines there are by outcome, those beside the usage rows too.
    """

    month: Month
    used: Decimal
    billed: Decimal
    held: Decimal
    failed: Decimal
    unmapped: Decimal
    lines: Mapping[Outcome, int]


def last_pushed(session: Session) -> PushedMonth | None:
    """The latest month that was pushed for the connected company; None before the first push."""
    pushes = select(PushRow).where(PushRow.id.in_(last_pushes(connected_psa(session))))
    push = session.scalars(pushes.order_by(PushRow.month.desc()).limit(1)).first()
    if push is None:
        return None

    line = PushLineRow
    of_push = select(line.outcome, line.also, func.count(), func.sum(line.seats)).where(line.push_id == push.id)
    found = session.execute(of_push.group_by(line.outcome, line.also)).tuples().all()

    def seats(outcomes: Collection[Outcome]) -> Decimal:
        return sum((number for outcome, also, _, number in found if outcome in outcomes and not also), Decimal(0))

    lines: Counter[Outcome] = Counter()
    for outcome, _, number, _ in found:
        lines[outcome] += number
    return PushedMonth(
        month=push.month,
        used=seats(Outcome),
        billed=seats(RIGHT),
        held=seats(HELD),
        failed=seats(FAILED),
        unmapped=seats(UNMAPPED),
        lines=lines,
    )
