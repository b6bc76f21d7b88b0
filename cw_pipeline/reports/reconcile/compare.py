"""Find the lines of invoices that are for each line of ours, and say how they differ. It reads nothing.

An invoice does not name the agreement's line that it bills. What it has of it is not documented: its serial number, or
only its description, which lines of one month and plan share on an agreement. Where no line has either, lines are told
apart by their agreement, product and quantity.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity
from cw_pipeline.reports.reconcile.lines import BilledLine, Match, Place, PushedLine, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from cw_pipeline.vocabulary import Month


class Labels:
    """What can say on an invoice which line of ours it is for."""

    def __init__(self, lines: Iterable[PushedLine]) -> None:
        self.lines = {line.number: line for line in lines}
        self._by_serial_number: defaultdict[str, list[PushedLine]] = defaultdict(list)
        self._by_place: defaultdict[Place, list[PushedLine]] = defaultdict(list)
        self._months: dict[str, Month] = {}
        for line in self.lines.values():
            self._by_serial_number[line.written.serial_number].append(line)
            for place in line.places:
                self._by_place[place].append(line)
            self._months[line.description] = line.entry.identity.month

    def month_on(self, billed: BilledLine) -> Month | None:
        """The month that the serial number of a line of an invoice names, or else its description; None without."""
        identities = filter(None, map(Identity.parse, billed.serial_numbers))
        described = (month for description, month in self._months.items() if description in billed.text)
        return next((one.month for one in identities), None) or next(described, None)

    def named_by(self, billed: BilledLine) -> list[PushedLine]:
        """The lines of ours that a line of an invoice may be for, by its serial number or else by its description."""
        for serial_number in billed.serial_numbers:
            if Identity.parse(serial_number):
                return self._by_serial_number[serial_number]
        return [line for line in self._by_place[billed.place] if line.description in billed.text]

    def alike(self, billed: BilledLine) -> list[PushedLine]:
        """The lines of ours that a line of an invoice without either may be for: none of a trial month."""
        return [
            line
            for line in self._by_place[billed.place]
            if line.entry.product_id == billed.product_id
            and billed.quantity in line.written.quantities
            and not line.written.trial
        ]


def compare(
    labels: Labels, billed: Iterable[BilledLine], months: Collection[Month], *, by_quantity: bool
) -> Iterator[Match]:
    """Each line of these months that was invoiced, or that an invoice has, beside its invoices.

    Args:
        labels: All lines of ours.
        billed: The lines of invoices of our products: those of these months or, if `by_quantity`, all.
        months: The months in which the seats were used.
        by_quantity: Whether lines are told apart by their quantity, because no invoice names them.
    """
    groups: defaultdict[tuple[int, ...], list[BilledLine]] = defaultdict(list)
    for one in billed:
        groups[tuple(line.number for line in (labels.alike(one) if by_quantity else labels.named_by(one)))].append(one)
    found: defaultdict[int, list[BilledLine]] = defaultdict(list)
    for numbers, of_group in groups.items():
        if numbers:
            _share_out([labels.lines[number] for number in numbers], of_group, found, spare=not by_quantity)
    for number, line in labels.lines.items():
        if line.entry.identity.month in months and (line.written.invoiced or found[number]):
            yield _matched(line, tuple(found[number]))


def _share_out(
    lines: Sequence[PushedLine], billed: Iterable[BilledLine], found: dict[int, list[BilledLine]], *, spare: bool
) -> None:
    """Give each line of ours one of an invoice, the most alike first; then, if `spare`, what is left over, too."""
    left = sorted(billed, key=lambda one: (not one.stands, one.date or date.max, one.number))
    lines = sorted(lines, key=lambda line: (line.seats == 0, line.written.effective_date, line.number))
    for needed in (2, 1, 0):
        for line in lines:
            taken = next((one for one in left if line.likeness(one) >= needed), None)
            if taken is not None and not found[line.number]:
                left.remove(taken)
                found[line.number].append(taken)
    for one in left if spare else ():
        found[max(lines, key=lambda line: line.likeness(one)).number].append(one)


def _matched(line: PushedLine, billed: tuple[BilledLine, ...]) -> Match:
    standing = [one.quantity for one in billed if one.stands]
    in_parts = line.prorates and len(set(standing)) == 1
    seats = standing[0] if in_parts else sum(standing, Decimal(0))
    return Match(line, billed, seats, _reason(line, billed, standing, seats))


def _reason(
    line: PushedLine, billed: Sequence[BilledLine], standing: Sequence[Decimal], seats: Decimal
) -> Reason | None:
    if line.seats is None or seats == line.seats:
        return None
    if standing:
        return Reason.BILLED_TWICE if len(standing) > 1 and seats > line.seats else Reason.QUANTITY_DIFFERS
    if line.written.accepted:  # a person said so after a look at the invoices: it may have been billed otherwise
        return None
    return Reason.INVOICE_GONE if billed or line.noted_invoice else Reason.NOT_INVOICED
