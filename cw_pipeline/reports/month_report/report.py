"""The report as values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, NOT_OWED, RIGHT, Outcome
from cw_pipeline.reports.worth import Money, added
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.names import Named
from cw_pipeline.wording.outcomes import LABELS


@dataclass(frozen=True)
class Customer:
    """An organization in the month: its usage row, or what is on its lines without one.

    Attributes:
        company: To which it was mapped when the month was pushed; None for one that was not.
        agreement: On which it is billed, likewise.
        organization: The organization.
        plan: Its plan.
        outcome: What became of its usage row, or of its lines.
        reason: Why.
        used: Seats in the usage report.
        billed: Seats that its lines for the month carry, on any agreement and less credits, by the ledger; None while
            that is unknown.
        used_before: Seats in the report of the month before; None if it was not in it, or that month was not pushed.
        price: Of a seat on its plan; None if none is known.
        currency: The code of its agreement's currency; empty where it is unknown.
    """

    company: Named | None
    agreement: Named | None
    organization: Named
    plan: Plan
    outcome: Outcome
    reason: str
    used: Decimal
    billed: Decimal | None
    used_before: Decimal | None
    price: Decimal | None
    currency: str

    @property
    def owed(self) -> Decimal:
        """The seats that somebody has to pay for: not those of trials, say."""
        return Decimal(0) if self.outcome in NOT_OWED else self.used

    @property
    def worth(self) -> Decimal | None:
        """The price of the seats owed."""
        return None if self.price is None else self.owed * self.price

    @property
    def money(self) -> Money:
        """The same with its currency; empty where no price is known."""
        return {} if self.worth is None else {self.currency: self.worth}

    @property
    def difference(self) -> Decimal | None:
        """How many seats more are owed than billed."""
        return None if self.billed is None else self.owed - self.billed


@dataclass(frozen=True)
class Waiting:
    """A line that waits for somebody: it is held, it failed, or it is right but has a warning.

    Attributes:
        company: To which its organization was mapped when the month was pushed.
        organization: Its organization.
        outcome: What became of it.
        seats: Those of the usage row; of `credit_due` those to credit; of a line beside the row, the quantity that it
            loses or that is held.
        worth: Their price; None if none is known.
        currency: The code of that price's currency; empty where it is unknown.
        reason: Why it waits, and what to do about it, with ids and commands.
        what_to_do: What to do about any line of its outcome; None where it only has a warning.
    """

    company: Named | None
    organization: Named
    outcome: Outcome
    seats: Decimal
    worth: Decimal | None
    currency: str
    reason: str
    what_to_do: str | None

    @property
    def money(self) -> Money:
        """What its seats are worth, with the currency; empty where no price is known."""
        return {} if self.worth is None else {self.currency: self.worth}

    @property
    def label(self) -> str:
        """What is wrong, in a few words."""
        return "Warning" if self.what_to_do is None else LABELS[self.outcome]


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
        month: The month.
        pushed_at: When it was pushed last.
        run_id: By which run.
        customers: The organizations, by the names of company and organization.
        waiting: What waits for somebody.
        year: The twelve months that end with this one.
        gone: The organizations that used seats in the month before and none in this one, with those seats.
    """

    month: Month
    pushed_at: datetime
    run_id: str
    customers: Sequence[Customer]
    waiting: Sequence[Waiting]
    year: Sequence[MonthSeats]
    gone: Sequence[tuple[Named, Decimal]]

    @property
    def seats(self) -> MonthSeats:
        """Where this month's seats went."""
        return self.year[-1]

    @property
    def before(self) -> MonthSeats:
        """Where the seats of the month before went."""
        return self.year[-2]

    @property
    def mapped(self) -> Sequence[Customer]:
        """The organizations that are mapped to a company."""
        return [one for one in self.customers if one.company is not None]

    @property
    def by_company(self) -> Mapping[Named, Sequence[Customer]]:
        """The organizations of each company, of those that are mapped to one."""
        found: defaultdict[Named, list[Customer]] = defaultdict(list)
        for one in self.customers:
            if one.company is not None:
                found[one.company].append(one)
        return found

    @property
    def worth_owed(self) -> Worth:
        """The price of the seats that the companies owe."""
        return _worth(self.mapped)

    @property
    def worth_billed(self) -> Worth:
        """The price of the usage rows' seats that are billed."""
        return _worth(one for one in self.customers if one.outcome in RIGHT)

    @property
    def worth_waiting(self) -> Worth:
        """The price of those that are held or failed."""
        return _worth(one for one in self.customers if one.outcome in HELD | FAILED)

    @property
    def worth_not_billed(self) -> Worth:
        """The price of those that are owed and billed to nobody."""
        return _worth(one for one in self.customers if one.outcome in NOT_BILLED)

    @property
    def owed_to_nobody(self) -> Decimal:
        """How many those are."""
        return sum((one.owed for one in self.customers if one.outcome in NOT_BILLED), Decimal(0))

    @property
    def warnings(self) -> int:
        """How many lines are right but have a warning."""
        return sum(one.what_to_do is None for one in self.waiting)

    @property
    def not_billed(self) -> Mapping[Outcome, Sequence[Customer]]:
        """The organizations whose seats are billed to nobody, by the reason, the most seats first."""
        found: defaultdict[Outcome, list[Customer]] = defaultdict(list)
        for one in self.customers:
            if one.outcome in NOT_BILLED and one.used:
                found[one.outcome].append(one)
        return dict(sorted(found.items(), key=lambda item: -sum(one.used for one in item[1])))

    @property
    def new(self) -> Sequence[Customer]:
        """The organizations that use seats and used none in the month before."""
        return [one for one in self.customers if one.used and not one.used_before] if self.before.pushed else []


def _worth(customers: Iterable[Customer]) -> Worth:
    owing = [one for one in customers if one.owed]
    return Worth(
        money=added(one.money for one in owing),
        unpriced_seats=sum((one.owed for one in owing if one.worth is None), Decimal(0)),
    )
