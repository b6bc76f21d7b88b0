"""Find the lines of invoices that bill each line of ours, and say how they differ. It reads nothing.

An invoice does not name the agreement's line that it bills. What it shows is not documented: the serial number, or only
the description, which lines of one month and plan share on an agreement. Where invoices have neither, lines are told
apart by agreement, product and quantity.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from cw_pipeline.reports.reconcile.lines import BilledLine, Place, ReconciledLine
    from cw_pipeline.vocabulary import Month


class LineIndex:
    """Finds our lines by what an invoice shows of them."""

    def __init__(self, lines: Iterable[ReconciledLine]) -> None:
        self.lines = {line.addition_id: line for line in lines}
        self._by_serial_number: defaultdict[str, list[ReconciledLine]] = defaultdict(list)
        self._by_place: defaultdict[Place, list[ReconciledLine]] = defaultdict(list)
        self._months: dict[str, Month] = {}
        for line in self.lines.values():
            self._by_serial_number[line.written.serial_number].append(line)
            for place in line.places:
                self._by_place[place].append(line)
            self._months[line.description] = line.month

    def month_on(self, billed: BilledLine) -> Month | None:
        """The month that an invoice's line names in its serial number or else its description."""
        identities = filter(None, map(Identity.parse, billed.serial_numbers))
        described = (month for description, month in self._months.items() if description in billed.text)
        return next((identity.month for identity in identities), None) or next(described, None)

    def named_by(self, billed: BilledLine) -> list[ReconciledLine]:
        """Our lines that an invoice's line may bill, by its serial number or else its description."""
        for serial_number in billed.serial_numbers:
            if Identity.parse(serial_number):
                return self._by_serial_number[serial_number]
        return [line for line in self._by_place[billed.place] if line.description in billed.text]

    def alike(self, billed: BilledLine) -> list[ReconciledLine]:
        """Our lines, but for those of trial months, that an invoice's line without either may bill."""
        return [
            line
            for line in self._by_place[billed.place]
            if line.entry.product_id == billed.product_id
            and billed.seats in line.written.quantities
            and not line.written.trial
        ]


def compare(
    index: LineIndex, billed_lines: Iterable[BilledLine], months: Collection[Month], *, by_quantity: bool
) -> Iterator[ReconciledLine]:
    """The lines of these months that were invoiced, or that an invoice has, each with its invoices, which it adds.

    Args:
        index: All lines of ours.
        billed_lines: The invoices' lines with our products: of these months or, if `by_quantity`, all.
        months: The months in which the seats were used.
        by_quantity: Whether lines are told apart by quantity, because no invoice names them.
    """
    find = index.alike if by_quantity else index.named_by
    groups: defaultdict[tuple[int, ...], list[BilledLine]] = defaultdict(list)
    for billed in billed_lines:
        groups[tuple(line.addition_id for line in find(billed))].append(billed)
    for addition_ids, group in groups.items():
        if addition_ids:
            _share_out([index.lines[number] for number in addition_ids], group, spare=not by_quantity)
    for line in index.lines.values():
        if line.month in months and (line.written.invoiced or line.invoices):
            yield line


def _share_out(lines: Sequence[ReconciledLine], billed_lines: Iterable[BilledLine], *, spare: bool) -> None:
    """Assign each line of ours one of an invoice, the best match first; then, if `spare`, also the rest."""
    left = sorted(billed_lines, key=lambda billed: (not billed.stands, billed.date or date.max, billed.number))
    lines = sorted(lines, key=lambda line: (line.seats == 0, line.written.effective_date, line.addition_id))
    for likeness in (2, 1, 0):
        for line in lines:
            match = next((billed for billed in left if line.likeness(billed) >= likeness), None)
            if match is not None and not line.invoices:
                left.remove(match)
                line.invoices.append(match)
    for billed in left if spare else ():
        max(lines, key=lambda line: line.likeness(billed)).invoices.append(billed)
