"""The report as values: the month's lines, their sums, and those of the year before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sqlalchemy import and_, func, select

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.reports.month import MonthLine, MonthLines, month_lines
from cw_pipeline.reports.worth import Money, added
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.pushes import last_pushes, last_undone
from cw_pipeline.warehouse.tables import PushLineRow, PushRow
from cw_pipeline.warehouse.versions import last_pushed_version

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.names import Named

_MONTHS = 12


class NothingToReport(CwPipelineError):
    """The month was never pushed as a whole, or a run was undone since."""

    exit_code = USAGE_ERROR


@dataclass(frozen=True)
class MonthSeats:
    """Where the seats of a month's usage went; all 0 for a month that was not pushed."""

    month: Month
    pushed: bool
    billed: Decimal
    waiting: Decimal
    not_billed: Decimal

    @property
    def used(self) -> Decimal:
        """The seats of its usage report."""
        return self.billed + self.waiting + self.not_billed


class Worth(NamedTuple):
    """What seats are worth together, without those for whose plan no price is known."""

    money: Money
    unpriced_seats: Decimal


@dataclass(frozen=True)
class MonthlyReport:
    """The report of one month.

    Attributes:
        lines: The month's lines, and what changed against the month before.
        pushed_at: When it was pushed last.
        run_id: By which run.
        year: The twelve months that end with this one.
    """

    lines: MonthLines
    pushed_at: datetime
    run_id: str
    year: Sequence[MonthSeats]

    @property
    def month(self) -> Month:
        """The month."""
        return self.lines.month

    @property
    def seats(self) -> MonthSeats:
        """Where this month's seats went."""
        return self.year[-1]

    @property
    def customers(self) -> Sequence[MonthLine]:
        """The organizations that are mapped to a company."""
        return [one for one in self.lines.organizations if one.company is not None]

    @property
    def by_company(self) -> Mapping[Named, Sequence[MonthLine]]:
        """The organizations of each company, of those that are mapped to one."""
        found: defaultdict[Named, list[MonthLine]] = defaultdict(list)
        for one in self.lines.organizations:
            if one.company is not None:
                found[one.company].append(one)
        return found

    @property
    def worth_owed(self) -> Worth:
        """The price of the seats that the companies owe."""
        return _worth(self.customers)

    def _worth_of(self, outcomes: Collection[Outcome]) -> Worth:
        """The price of the seats owed of the usage rows that came to one of these outcomes."""
        return _worth(one for one in self.lines.organizations if one.line.outcome in outcomes)

    @property
    def worth_billed(self) -> Worth:
        """The price of the usage rows' seats that are billed."""
        return self._worth_of(RIGHT)

    @property
    def worth_waiting(self) -> Worth:
        """The price of those that are held or failed."""
        return self._worth_of(HELD | FAILED)

    @property
    def worth_not_billed(self) -> Worth:
        """The price of those that are owed and billed to nobody."""
        return self._worth_of(NOT_BILLED)

    @property
    def owed_to_nobody(self) -> Decimal:
        """How many those are."""
        return sum((one.owed for one in self.lines.organizations if one.line.outcome in NOT_BILLED), Decimal(0))

    @property
    def warnings(self) -> int:
        """How many lines are right but have a warning."""
        return sum(not one.stuck for one in self.lines.waiting)

    @property
    def not_billed(self) -> Mapping[Outcome, Sequence[MonthLine]]:
        """The organizations whose seats are billed to nobody, by the reason, the most seats first."""
        found: defaultdict[Outcome, list[MonthLine]] = defaultdict(list)
        for one in self.lines.organizations:
            if one.line.outcome in NOT_BILLED and one.used:
                found[one.line.outcome].append(one)
        return dict(sorted(found.items(), key=lambda item: -sum(one.used for one in item[1])))


def month_report(session: Session, month: Month) -> MonthlyReport:
    """The report of `month`.

    Raises:
        NothingToReport: If the month was never pushed, or a run of it was undone since.
    """
    psa = connected_psa(session)
    pushed = last_pushed_version(session, psa, month)
    if pushed is None:
        msg = (
            f"{month} was never pushed as a whole, so there is nothing to report. "
            f"Run `cw-pipeline sync --month {month}` first."
        )
        raise NothingToReport(msg)
    undone_at = last_undone(session, psa).get(month)
    if undone_at is not None and undone_at > pushed.made_at:
        msg = (
            f"A run of {month} was undone since it was pushed, so what was pushed is no longer billed. "
            f"Run `cw-pipeline sync --month {month}` first."
        )
        raise NothingToReport(msg)
    lines = month_lines(session, psa, pushed.preview)
    return MonthlyReport(lines, pushed.made_at, pushed.run_id, _year(session, psa, month))


def _year(session: Session, psa: str, last: Month) -> list[MonthSeats]:
    """The months up to `last`, the first one first, each as it was pushed last."""
    months = list(last.plus(1 - _MONTHS).until(last))
    latest = last_pushes(psa, PushRow.month.in_(months))
    of_a_trial_month = PushLineRow.by_hand.is_not(None)
    line_of_row = and_(PushLineRow.push_id == PushRow.id, ~PushLineRow.also)
    rows = session.execute(
        select(PushRow.month, PushLineRow.outcome, of_a_trial_month, func.sum(PushLineRow.seats))
        .outerjoin(PushLineRow, line_of_row)
        .where(PushRow.id.in_(latest))
        .group_by(PushRow.month, PushLineRow.outcome, of_a_trial_month)
    )
    pushed: defaultdict[Month, dict[_Outcome, Decimal]] = defaultdict(dict)
    for of_month, outcome, is_trial, seats in rows.tuples():
        pushed[of_month][outcome, is_trial] = seats
    return [_month_seats(month, pushed.get(month)) for month in months]


_Outcome: TypeAlias = tuple[Outcome, bool]
"""An outcome, and whether it is a trial month's."""


def _month_seats(month: Month, by_outcome: Mapping[_Outcome, Decimal] | None) -> MonthSeats:
    known = by_outcome or {}

    def seats(outcomes: Collection[Outcome]) -> Decimal:
        return sum((number for (outcome, _), number in known.items() if outcome in outcomes), Decimal(0))

    to_nobody = sum((number for (outcome, trial), number in known.items() if trial and outcome in RIGHT), Decimal(0))

    return MonthSeats(
        month,
        pushed=by_outcome is not None,
        billed=seats(RIGHT) - to_nobody,
        waiting=seats(HELD | FAILED),
        not_billed=seats(NOT_BILLED) + to_nobody,
    )


def _worth(lines: Iterable[MonthLine]) -> Worth:
    owing = [one for one in lines if one.owed]
    return Worth(
        money=added(one.worth_owed for one in owing),
        unpriced_seats=sum((one.owed for one in owing if not one.worth_owed), Decimal(0)),
    )
