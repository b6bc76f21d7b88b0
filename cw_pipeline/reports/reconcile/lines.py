"""Our lines, lines of invoices, and how the two differ."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.billing.accounting import Entry
from cw_pipeline.billing.facts import Written
from cw_pipeline.reports.worth import Money
from cw_pipeline.warehouse.names import Named

if TYPE_CHECKING:
    from cw_pipeline.vocabulary import Month, Plan

Place: TypeAlias = int | tuple[int, str]
"""An agreement: its id or, where only that is known, its company's id and its name in lower case."""


class Reason(StrEnum):
    """Why a line and its invoices differ."""

    NOT_INVOICED = "not_invoiced"
    """The next invoice date says that it was invoiced, and no invoice has it."""
    INVOICE_GONE = "invoice_gone"
    """The invoice that had it, or seems to have had it, was deleted or is void."""
    QUANTITY_DIFFERS = "quantity_differs"
    """An invoice has it with another quantity."""
    BILLED_TWICE = "billed_twice"
    """Invoices have it more than once."""

    @property
    def in_words(self) -> str:
        """The reason as people read it."""
        return self.replace("_", " ")


@dataclass(frozen=True)
class BilledLine:
    """A line of an invoice, of one of our products.

    Attributes:
        invoice_id: None if only the invoice's number is known.
        place: The agreement that is billed.
        text: Its description on the invoice.
        stands: Whether the invoice is neither deleted nor void.
    """

    invoice_id: int | None
    number: str
    date: date | None
    product_id: int
    seats: Decimal
    place: Place
    serial_numbers: Collection[str]
    text: str
    stands: bool = True


@dataclass
class ReconciledLine:
    """A line of ours, as the ledger has it, and the lines of invoices that bill it.

    Attributes:
        entry: The last entry that says what it carries.
        company: None if its agreement is no longer imported.
        prorates: Whether its agreement bills a line in two periods in parts.
        seat_price: Empty if unknown.
        noted_invoice: The number that the agreement's invoice recap showed since the line's period was invoiced.
        invoices: What bills it, on deleted and void invoices too.
    """

    entry: Entry
    written: Written
    company: Named | None
    agreement: Named
    organization: Named
    prorates: bool
    seat_price: Money
    noted_invoice: str | None
    invoices: list[BilledLine] = field(default_factory=list[BilledLine])

    @property
    def month(self) -> Month:
        """The month in which the seats were used."""
        return self.entry.identity.month

    @property
    def plan(self) -> Plan:
        """The plan of the seats."""
        return self.entry.identity.plan

    @property
    def addition_id(self) -> int:
        """Its id in ConnectWise."""
        return self.entry.addition_id

    @property
    def description(self) -> str:
        """The text that an invoice has for it."""
        return self.entry.identity.invoice_description

    @property
    def places(self) -> tuple[Place, Place]:
        """Its agreement, in both ways in which an invoice may name it."""
        by_name = (int(self.company.id), self.agreement.name.casefold()) if self.company else (0, "")
        return self.written.agreement_id, by_name

    def likeness(self, billed: BilledLine) -> int:
        """How well a line of an invoice matches, from 0 to 2: by agreement, and by quantity."""
        return (billed.place in self.places) + (billed.seats in self.written.quantities)

    @property
    def seats(self) -> Decimal | None:
        """The seats to be billed, 0 in a trial month; None while it is unknown what was written or billed."""
        if self.written.trial:
            return Decimal(0)
        return next(iter(self.written.quantities)) if len(self.written.quantities) == 1 else None

    @property
    def standing(self) -> list[Decimal]:
        """The seats on each invoice that stands."""
        return [billed.seats for billed in self.invoices if billed.stands]

    @property
    def invoiced_seats(self) -> Decimal:
        """The seats on all invoices that stand; on an agreement that prorates, parts of a line count once."""
        in_parts = self.prorates and len(set(self.standing)) == 1
        return self.standing[0] if in_parts else sum(self.standing, Decimal(0))

    @property
    def difference(self) -> Decimal | None:
        """Seats billed too many, or too few if negative; None if `seats` is unknown."""
        return None if self.seats is None else self.invoiced_seats - self.seats

    @property
    def worth(self) -> Money:
        """What the difference is worth."""
        difference = self.difference
        return {currency: price * difference for currency, price in self.seat_price.items()} if difference else {}

    @property
    def reason(self) -> Reason | None:
        """Why there is a difference; None if there is none, or nothing has to be done about it."""
        difference, standing = self.difference, self.standing
        if not difference:
            return None
        if standing:
            return Reason.BILLED_TWICE if len(standing) > 1 and difference > 0 else Reason.QUANTITY_DIFFERS
        if self.written.accepted:  # what a person accepted may have been billed in another way
            return None
        return Reason.INVOICE_GONE if self.invoices or self.noted_invoice else Reason.NOT_INVOICED
