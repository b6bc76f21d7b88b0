"""Both sides of the comparison, our lines and lines of invoices, and what came of comparing them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from cw_pipeline.billing.accounting import Entry
from cw_pipeline.billing.facts import Written
from cw_pipeline.reports.worth import Money
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.names import Named

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
class PushedLine:
    """A line of ours, as the ledger has it.

    Attributes:
        entry: The last entry that says what it carries.
        company: None if its agreement is no longer imported.
        prorates: Whether its agreement bills a line in two periods in parts.
        seat_price: Empty if unknown.
        noted_invoice: The number that the agreement's invoice recap showed since the line's period was invoiced.
    """

    entry: Entry
    written: Written
    company: Named | None
    agreement: Named
    organization: Named
    prorates: bool
    seat_price: Money
    noted_invoice: str | None

    @property
    def addition_id(self) -> int:
        """Its id in ConnectWise."""
        return self.entry.addition_id

    @property
    def seats(self) -> Decimal | None:
        """The seats to be billed, 0 in a trial month; None while it is unknown what was written or billed."""
        if self.written.trial:
            return Decimal(0)
        return next(iter(self.written.quantities)) if len(self.written.quantities) == 1 else None

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
        return (billed.place in self.places) + (billed.quantity in self.written.quantities)


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
    quantity: Decimal
    place: Place
    serial_numbers: Collection[str]
    text: str
    stands: bool = True


@dataclass(frozen=True)
class OnInvoice:
    """An invoice that has a line of ours."""

    number: str
    date: date | None
    seats: Decimal


@dataclass(frozen=True)
class ReconciledLine:
    """A line of ours compared with its invoices.

    Attributes:
        month: The month in which the seats were used.
        company: None if its agreement is no longer imported.
        invoices: The invoices that have it, including deleted and void ones.
        seats: The seats in the ledger; None if unknown.
        invoiced_seats: The seats on invoices that stand; on an agreement that prorates, parts of a line count once.
        difference: Seats billed too many, or too few if negative; None if `seats` is unknown.
        worth: What the difference is worth.
        reason: None if nothing differs, or nothing has to be done about it.
        noted_invoice: The number that the agreement's invoice recap showed since the line's period was invoiced.
    """

    month: Month
    company: Named | None
    agreement: Named
    organization: Named
    plan: Plan
    addition_id: int
    invoices: tuple[OnInvoice, ...]
    seats: Decimal | None
    invoiced_seats: Decimal
    difference: Decimal | None
    worth: Money
    reason: Reason | None
    noted_invoice: str | None
