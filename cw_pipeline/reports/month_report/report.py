"""The report as values: the month's lines, their sums, and those of the year before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.reports.month_lines import MonthLine, MonthLines, month_lines
from cw_pipeline.reports.worth import Money, added
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.previews import pushed_preview
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.pushes import UNDONE_SINCE, last_pushes, last_undone
from cw_pipeline.warehouse.tables import PushLineRow, PushRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from cw_pipeline.warehouse.names import Named

GROUPS: Mapping[str, frozenset[Outcome]] = {"billed": RIGHT, "waiting": HELD | FAILED, "not_billed": NOT_BILLED}
"""Where the seats of a usage row go, by its outcome."""
_MONTHS = 12


class NothingToReport(CwPipelineError):
    """The month was never pushed as a whole, or a run was undone since."""

    exit_code = USAGE_ERROR


@dataclass
class MonthSeats:
    """Where the seats of a month's usage went; all 0 if the month was not pushed."""

    month: Month
    pushed: bool = False
    billed: Decimal = Decimal(0)
    waiting: Decimal = Decimal(0)
    not_billed: Decimal = Decimal(0)

    @property
    def used(self) -> Decimal:
        """The seats of its usage report."""
        return self.billed + self.waiting + self.not_billed


@dataclass(frozen=True)
class MonthlyReport:
    """The report of one month.

    Attributes:
        pushed_at: When the month was pushed last, by the run `run_id`.
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
        return [row for row in self.lines.organizations if row.company is not None]

    @property
    def by_company(self) -> Mapping[Named, Sequence[MonthLine]]:
        """The organizations of each company."""
        return {company: list(rows) for company, rows in groupby(self.customers, lambda row: row.company) if company}

    @property
    def not_billed(self) -> Mapping[Outcome, Sequence[MonthLine]]:
        """The organizations whose seats are billed to nobody, by the reason, most seats first."""
        reasons: defaultdict[Outcome, list[MonthLine]] = defaultdict(list)
        for row in self.with_outcome(NOT_BILLED):
            if row.used:
                reasons[row.line.outcome].append(row)
        return dict(sorted(reasons.items(), key=lambda item: -sum(row.used for row in item[1])))

    @property
    def warnings(self) -> int:
        """How many lines are right but have a warning."""
        return sum(not row.stuck for row in self.lines.waiting)

    def with_outcome(self, outcomes: Collection[Outcome]) -> Sequence[MonthLine]:
        """The organizations whose line has one of these outcomes."""
        return [row for row in self.lines.organizations if row.line.outcome in outcomes]

    @property
    def worth(self) -> Mapping[str, Money]:
        """What the seats owed are worth, by where they go."""
        return {
            name: added(row.worth_owed for row in self.with_outcome(outcomes) if row.owed)
            for name, outcomes in GROUPS.items()
        }


def month_report(session: Session, month: Month) -> MonthlyReport:
    """The report of `month`.

    Raises:
        NothingToReport: If the month was never pushed, or a run of it was undone since.
    """
    psa = connected_psa(session)
    advice = f"Run `cw-pipeline sync --month {month}` first."
    pushed = pushed_preview(session, psa, month)
    if pushed is None:
        raise NothingToReport(f"{month} was never pushed as a whole, so there is nothing to report. {advice}")
    undone = last_undone(session, psa)
    if undone.get(month, pushed.made_at) > pushed.made_at:
        why = f"A run of {month} was undone since it was pushed, so what was pushed is no longer billed."
        raise NothingToReport(f"{why} {advice}")
    lines = month_lines(session, psa, pushed.preview)
    return MonthlyReport(lines, pushed.made_at, pushed.run_id, _year(session, psa, month))


def _year(session: Session, psa: str, last: Month) -> list[MonthSeats]:
    """The twelve months up to `last`, oldest first, each as it was pushed last.

    A month of which a run was undone since then counts as not pushed.
    """
    year = {month: MonthSeats(month) for month in last.plus(1 - _MONTHS).until(last)}
    in_a_trial_month = PushLineRow.by_hand.is_not(None)
    rows = session.execute(
        select(PushRow.month, PushLineRow.outcome, in_a_trial_month, func.sum(PushLineRow.seats))
        .outerjoin(PushLineRow, and_(PushLineRow.push_id == PushRow.id, ~PushLineRow.also))
        .where(PushRow.id.in_(last_pushes(psa, PushRow.month.in_(year))), ~UNDONE_SINCE)
        .group_by(PushRow.month, PushLineRow.outcome, in_a_trial_month)
    )
    for month, outcome, is_trial, seats in rows.tuples():
        year[month].pushed = True
        if outcome in HELD | FAILED:
            year[month].waiting += seats
        elif outcome in NOT_BILLED or is_trial:
            year[month].not_billed += seats
        elif outcome in RIGHT:
            year[month].billed += seats
    return list(year.values())
