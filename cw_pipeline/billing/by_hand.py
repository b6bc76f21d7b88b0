"""Lines kept by hand: whether one bills the same product as a line of ours, for the same days.

ConnectWise does not say whether such a line bills the same seats. A person does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from cw_pipeline.billing.facts import BILLABLE
from cw_pipeline.billing.invoiced import is_invoiced_on
from cw_pipeline.billing.reasons import BilledByHand
from cw_pipeline.billing.window import Window, new_line_window
from cw_pipeline.billing.writes import CreateLine, SetQuantity
from cw_pipeline.vocabulary import Month, add_months, day_before

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cw_pipeline.billing.balance import Balance
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line
    from cw_pipeline.billing.proposals import Proposal
    from cw_pipeline.billing.writes import Write


class LeftLine(NamedTuple):
    """A line that a person left, while it is of this product: ConnectWise may give its id to another line."""

    addition_id: int
    agreement_id: int
    product_id: int


class Act(StrEnum):
    """What a person can do about a line that is kept by hand."""

    END = "end"
    """End it on the day before the first line of ours begins."""
    LEAVE = "leave"
    """Leave it, because it bills something else: it holds nothing."""
    UNDO = "undo"
    """Take either back."""


def bills(line: Line) -> bool:
    """Whether invoices bill anything of a line."""
    return line.bill_customer == BILLABLE and line.quantity > line.less_included


def undecided(lines: Iterable[Line], left: Collection[LeftLine]) -> dict[tuple[int, int], list[Line]]:
    """The `lines` that bill something and that no person left, by agreement and product."""
    by_product: defaultdict[tuple[int, int], list[Line]] = defaultdict(list)
    for line in lines:
        if bills(line) and LeftLine(line.addition_id, line.agreement_id, line.product_id) not in left:
            by_product[line.agreement_id, line.product_id].append(line)
    return dict(by_product)


def billed_by_hand(proposal: Proposal, mapping: CompanyMapping, facts: Facts) -> BilledByHand | None:
    """The lines kept by hand that bill the days of a line that has seats once `proposal` is carried out; else None."""
    identity = proposal.balance.identity
    by_hand = facts.by_hand.get((mapping.agreement_id, facts.products[identity.plan]))
    if not by_hand or mapping.is_trial(identity.month):
        return None
    set_to_seats = {write.addition_id for write in proposal.writes if isinstance(write, SetQuantity) and write.quantity}
    changed = [line for line in proposal.balance.open if line.addition_id in set_to_seats]
    for days in _windows(proposal.writes, (*proposal.kept, *changed)):
        window = _shared_days(days, facts.agreements[mapping.agreement_id])
        lines = tuple(line for line in by_hand if _is_billed_in(line, window))
        if lines:
            return BilledByHand(identity, window, lines)
    return None


def seats_by_hand(result: Balance, mapping: CompanyMapping, facts: Facts) -> Decimal | None:
    """In a trial month, the seats billed by hand in the days of its lines, or of the line that it would get; else None.

    They are what the mapped agreement bills: the same for each of several organizations on it.
    """
    identity, agreement = result.identity, facts.agreements.get(mapping.agreement_id)
    if not mapping.is_trial(identity.month):
        return None
    windows = _windows(result.writes, (*result.open, *result.invoiced))
    if not windows and agreement is not None:
        windows = [new_line_window(agreement, identity.month)]
    by_hand = facts.by_hand.get((mapping.agreement_id, facts.products.get(identity.plan, 0)), ())
    billed = [line for line in by_hand if any(_is_billed_in(line, window) for window in windows)]
    return sum((line.quantity - line.less_included for line in billed), Decimal(0))


def _windows(writes: Iterable[Write], lines: Iterable[Line]) -> list[Window]:
    """The days of the lines that `writes` create, and of `lines` that have them."""
    created = [write.window for write in writes if isinstance(write, CreateLine)]
    return created + [line.window for line in lines if line.window]


def _shared_days(ours: Window, agreement: Agreement) -> Window:
    """The days of the periods that may bill a line with the days of `ours`.

    On an agreement that does not prorate, such a period may last until a month after the line began.
    """
    last = ours.last if agreement.terms.prorates else max(ours.last, day_before(add_months(ours.first, 1)))
    return Window(_first_shared_day(ours.first, agreement), last)


def _first_shared_day(first: date, agreement: Agreement) -> date:
    """The earliest day of a period that may bill a line of ours that begins on `first`.

    On an agreement that does not prorate, a line that ends earlier in the same calendar month may be billed in full
    too, unless its days are invoiced already.
    """
    if agreement.terms.prorates:
        return first
    return min(first, max(first.replace(day=1), agreement.next_invoice_date or date.min))


def _is_billed_in(line: Line, window: Window) -> bool:
    starts_in_time = line.effective_date is None or line.effective_date <= window.last
    return starts_in_time and (line.cancelled_date is None or line.cancelled_date >= window.first)


def last_day_by_hand(mapping: CompanyMapping, agreement: Agreement, ours: Iterable[Line], today: date) -> date:
    """The last day that may be billed by hand on the mapped agreement: the day before ours are billed.

    Ours begin with the earliest open line among `ours` that bills something, or with the line that the first paid month
    will get; earlier periods are invoiced. If that month has not come yet, the agreement is taken to be invoiced every
    month until then; if it is not, the month is held, and the line has to be ended anew.
    """
    days = [line.effective_date for line in ours if bills(line) and line.effective_date is not None]
    shared = [_first_shared_day(day, agreement) for day in days if not is_invoiced_on(day, agreement)]
    if agreement.next_invoice_date is not None:
        ahead = len(list(Month.of(today).until(mapping.first_paid.plus(-1))))
        agreement = replace(agreement, next_invoice_date=add_months(agreement.next_invoice_date, ahead))
    first = new_line_window(agreement, mapping.first_paid).first
    return day_before(min([*shared, _first_shared_day(first, agreement)]))


def can_be_ended(line: Line, last_day: date) -> bool:
    """Whether a line begins by `last_day`, so that it can end on it."""
    return line.effective_date is None or line.effective_date <= last_day
