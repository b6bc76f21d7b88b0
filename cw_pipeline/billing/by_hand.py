"""Lines that people keep by hand: where one bills the product of a line of ours, for the same days.

Nobody can tell from ConnectWise whether such a line bills the same seats: a person does.
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
from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.vocabulary import Month, add_months, day_before

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from cw_pipeline.billing.balance import Balance
    from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line
    from cw_pipeline.billing.proposals import Proposal


class Left(NamedTuple):
    """A line that a person left, as long as it is of this product: ConnectWise may give its id to another."""

    addition_id: int
    agreement_id: int
    product_id: int


class Act(StrEnum):
    """What a person can have done about a line that is kept by hand."""

    END = "end"
    """It ends the day before the first line of ours begins."""
    LEAVE = "leave"
    """It bills something else, and holds nothing."""
    UNDO = "undo"
    """What was done of these is taken back."""


def bills(line: Line) -> bool:
    """Whether invoices have anything of a line."""
    return line.bill_customer == BILLABLE and line.quantity > line.less_included


def undecided(lines: Iterable[Line], left: Collection[Left]) -> dict[tuple[int, int], list[Line]]:
    """Those of `lines` that bill and that no person left, by agreement and product."""
    found: defaultdict[tuple[int, int], list[Line]] = defaultdict(list)
    for line in lines:
        if bills(line) and Left(line.addition_id, line.agreement_id, line.product_id) not in left:
            found[line.agreement_id, line.product_id].append(line)
    return dict(found)


def billed_by_hand(proposal: Proposal, mapping: CompanyMapping, facts: Facts) -> BilledByHand | None:
    """What people bill by hand in the days of a line that carries seats, or is to; None where nothing is."""
    identity = proposal.balance.identity
    if mapping.is_trial(identity.month):
        return None
    by_hand = facts.by_hand.get((mapping.agreement_id, facts.products[identity.plan]), ())
    for first, last in _days_of_ours(proposal) if by_hand else ():
        window = _shared_days(Window(first, last), facts.agreements[mapping.agreement_id])
        lines = tuple(line for line in by_hand if _is_billed_in(line, window))
        if lines:
            return BilledByHand(identity, window, lines)
    return None


def seats_by_hand(result: Balance, mapping: CompanyMapping, facts: Facts) -> Decimal | None:
    """In a trial month, what people bill by hand in the days of its lines, or those that a line would get; else None.

    It is what the mapped agreement bills: of several organizations on it, the same for each.
    """
    identity, agreement = result.identity, facts.agreements.get(mapping.agreement_id)
    if not mapping.is_trial(identity.month):
        return None
    by_hand = facts.by_hand.get((mapping.agreement_id, facts.products.get(identity.plan, 0)), ())
    days = [(one.effective_date, one.cancelled_date) for one in result.writes if isinstance(one, CreateLine)]
    days += [
        (line.effective_date, line.cancelled_date)
        for line in (*result.open, *result.invoiced)
        if line.effective_date is not None and line.cancelled_date is not None
    ]
    windows = [Window(first, last) for first, last in days]
    if not windows and agreement is not None:
        windows = [new_line_window(agreement, identity.month)]
    billed = [line for line in by_hand if any(_is_billed_in(line, window) for window in windows)]
    return sum((line.quantity - line.less_included for line in billed), Decimal(0))


def _days_of_ours(proposal: Proposal) -> Iterator[tuple[date, date]]:
    """The first and the last day of each line that has seats once the proposal is carried out."""
    lines = {line.addition_id: line for line in proposal.balance.open}
    carrying = list(proposal.kept)
    for write in proposal.writes:
        if isinstance(write, CreateLine):
            yield write.effective_date, write.cancelled_date
        elif write.quantity and write.addition_id in lines:
            carrying.append(lines[write.addition_id])
    for line in carrying:
        if line.effective_date is not None and line.cancelled_date is not None:
            yield line.effective_date, line.cancelled_date


def _shared_days(ours: Window, agreement: Agreement) -> Window:
    """The days of the periods in which a line with the days of `ours` may be billed.

    On an agreement that does not prorate, a period may go on until the day before that on which the line begins.
    """
    last = ours.last if agreement.terms.prorates else max(ours.last, day_before(add_months(ours.first, 1)))
    return Window(_first_shared_day(ours.first, agreement), last)


def _first_shared_day(first: date, agreement: Agreement) -> date:
    """The earliest day of a period in which a line of ours that begins on `first` may be billed.

    On an agreement that does not prorate, what ends before it in the same calendar month may be billed in full, too,
    but for the days that are invoiced already.
    """
    if agreement.terms.prorates:
        return first
    return min(first, max(first.replace(day=1), agreement.next_invoice_date or date.min))


def _is_billed_in(line: Line, window: Window) -> bool:
    starts_in_time = line.effective_date is None or line.effective_date <= window.last
    return starts_in_time and (line.cancelled_date is None or line.cancelled_date >= window.first)


def last_day_by_hand(mapping: CompanyMapping, agreement: Agreement, ours: Iterable[Line], today: date) -> date:
    """The last day that may be billed by hand on the mapped agreement: the day before the first of ours.

    That is the first day of an open line with seats among `ours`, those of trial months left out, or of the line that
    the first month that somebody pays for will get: earlier periods are invoiced. If that month is to come, the
    agreement is taken to be invoiced each month until then; where it is not, the month is held, and the line ended
    anew.
    """
    days = [line.effective_date for line in ours if bills(line) and line.effective_date is not None]
    shared = [_first_shared_day(day, agreement) for day in days if not is_invoiced_on(day, agreement)]
    if agreement.next_invoice_date is not None:
        ahead = len(list(Month.of(today).until(mapping.first_paid.plus(-1))))
        agreement = replace(agreement, next_invoice_date=add_months(agreement.next_invoice_date, ahead))
    first = new_line_window(agreement, mapping.first_paid).first
    return day_before(min([*shared, _first_shared_day(first, agreement)]))


def can_be_ended(line: Line, last_day: date) -> bool:
    """Whether a line bills something until `last_day`, so that it can end with it."""
    return line.effective_date is None or line.effective_date <= last_day
