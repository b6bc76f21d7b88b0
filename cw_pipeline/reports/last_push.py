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
from cw_pipeline.warehouse.pushes import UNDONE_SINCE, last_pushes
from cw_pipeline.warehouse.tables import PushLineRow, PushRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class LastPush:
    """The last push of the latest month that was pushed.

    Attributes:
        used: Seats in its usage report.
        billed: Those that are on lines as they should be.
        held: Those that wait for a person's decision.
        failed: Those that ConnectWise refused, or of which it is unknown whether they were written.
        unmapped: Those whose organization or plan is not mapped, or not yet for that month.
        lines: How many lines have each outcome, including those beside the usage rows.
    """

    month: Month
    used: Decimal
    billed: Decimal
    held: Decimal
    failed: Decimal
    unmapped: Decimal
    lines: Mapping[Outcome, int]


def last_push(session: Session) -> LastPush | None:
    """The last push of the latest month for the connected company; None if there is none.

    A month of which a run was undone since its last push counts as not pushed.
    """
    pushes = select(PushRow).where(PushRow.id.in_(last_pushes(connected_psa(session))), ~UNDONE_SINCE)
    push = session.scalars(pushes.order_by(PushRow.month.desc()).limit(1)).first()
    if push is None:
        return None
    row = PushLineRow
    sums = select(row.outcome, row.also, func.count(), func.sum(row.seats)).where(row.push_id == push.id)
    lines: Counter[Outcome] = Counter()
    seats_of: dict[Outcome, Decimal] = {}
    for outcome, also, number, seats in session.execute(sums.group_by(row.outcome, row.also)).tuples():
        lines[outcome] += number
        if not also:
            seats_of[outcome] = seats

    def seats_with(outcomes: Collection[Outcome]) -> Decimal:
        return sum((seats for outcome, seats in seats_of.items() if outcome in outcomes), Decimal(0))

    return LastPush(
        month=push.month,
        used=sum(seats_of.values(), Decimal(0)),
        billed=seats_with(RIGHT),
        held=seats_with(HELD),
        failed=seats_with(FAILED),
        unmapped=seats_with(UNMAPPED),
        lines=lines,
    )
