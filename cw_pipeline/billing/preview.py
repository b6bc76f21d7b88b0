"""A month's preview: each usage row with its one outcome, and what also happens to other lines."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from cw_pipeline.billing.outcomes import RIGHT, Outcome
from cw_pipeline.billing.writes import Write
from cw_pipeline.vocabulary import Month, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


ReasonT = TypeVar("ReasonT", default=str)
WarningT = TypeVar("WarningT", default=str)
"""Data in a preview that the rule made, sentences in one that people see."""


@dataclass(frozen=True)
class PreviewLine(Generic[ReasonT, WarningT]):
    """What becomes of one usage row, or (`also`) of another line of its organization."""

    organization_id: str
    organization_name: str
    plan: Plan
    company_id: int | None
    agreement_id: int | None
    also: bool
    outcome: Outcome
    seats: Decimal
    """The usage row's seats; for an `also` line, the quantity that the line loses or that is held."""
    reason: ReasonT
    warning: WarningT | None = None
    """What is wrong with its lines although their quantity is right, such as seats that no invoice bills."""
    writes: tuple[Write, ...] = ()
    to_credit: Decimal | None = None
    """For `credit_due`, how many seats too many were invoiced."""
    by_hand: Decimal | None = None
    """In a trial month, what people bill by hand for the same days; None in other months."""

    @property
    def bills_nobody(self) -> bool:
        """Whether its seats are on a line of a trial month."""
        return self.by_hand is not None and self.outcome in RIGHT


@dataclass(frozen=True)
class Tally:
    """How many lines came to an outcome, and their seats."""

    lines: int
    seats: Decimal


@dataclass(frozen=True)
class PushedPart:
    """How much of what a month should bill is on lines as it should be."""

    organizations: int
    of_organizations: int
    seats: Decimal
    of_seats: Decimal


@dataclass(frozen=True)
class Preview(Generic[ReasonT, WarningT]):
    """What a push would do for a month, line by line, with a reason for each."""

    month: Month
    usage_seats: int
    """The seats of the month's usage report, over all its rows."""
    lines: tuple[PreviewLine[ReasonT, WarningT], ...]

    @property
    def unaccounted_seats(self) -> Decimal:
        """Seats of the usage report that no outcome accounts for: 0, or the preview must not be pushed."""
        return self.usage_seats - sum((tally.seats for tally in self.outcomes.values()), Decimal(0))

    @property
    def outcomes(self) -> Mapping[Outcome, Tally]:
        """The usage rows by outcome."""
        return tally(line for line in self.lines if not line.also)

    @property
    def also(self) -> Mapping[Outcome, Tally]:
        """What also happens to other lines, by outcome."""
        return tally(line for line in self.lines if line.also)


def seats_at_stake(seats: Decimal, to_credit: Decimal | None) -> Decimal:
    """How many of a line's `seats` wait for somebody: for `credit_due` only those `to_credit`.

    Lists and checks of lines show this number. A tally of outcomes has the seats used, which add up.
    """
    return seats if to_credit is None else to_credit


def tally(lines: Iterable[PreviewLine[Any, Any]]) -> dict[Outcome, Tally]:
    """`lines` counted by outcome, in the order of the outcomes' codes."""
    seats: defaultdict[Outcome, list[Decimal]] = defaultdict(list)
    for line in lines:
        seats[line.outcome].append(line.seats)
    return {outcome: Tally(len(seats[outcome]), sum(seats[outcome], Decimal(0))) for outcome in sorted(seats)}
