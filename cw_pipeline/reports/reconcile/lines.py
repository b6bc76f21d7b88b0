"""Both sides of the comparison: our lines as the ledger has them, and lines of invoices, however they were read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from cw_pipeline.billing.accounting import Entry
from cw_pipeline.billing.facts import Written

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
        written: What is accounted for.
        company_id: The company that its agreement belonged to when it was imported; 0 where it was not.
        agreement_name: Its agreement's name then.
        prorates: Whether its agreement bills it in parts where it lies in two periods.
        noted_invoice: The number that the invoice recap had for its agreement since its period was invoiced.
    """

    entry: Entry
    written: Written
    company_id: int = 0
    agreement_name: str = ""
    prorates: bool = False
    noted_invoice: str | None = None

    @property
    def number(self) -> int:
        """Its id in ConnectWise."""
        return self.entry.addition_id

    @property
    def seats(self) -> Decimal | None:
        """The seats that it is to bill: none of a trial month.

        None while a write is not settled, or where it is unknown what was billed.
        """
        if self.written.trial:
            return Decimal(0)
        return next(iter(self.written.quantities)) if len(self.written.quantities) == 1 else None

    @property
    def description(self) -> str:
        """What an invoice says of it."""
        return self.entry.identity.invoice_description

    @property
    def places(self) -> tuple[Place, Place]:
        """Its agreement, in either way that an invoice may name it."""
        return self.written.agreement_id, (self.company_id, self.agreement_name.casefold())

    def likeness(self, billed: BilledLine) -> int:
        """How much a line of an invoice is like it, from 0 to 2: the agreement, and the quantity."""
        return (billed.place in self.places) + (billed.quantity in self.written.quantities)


@dataclass(frozen=True)
class BilledLine:
    """A line of an invoice, of one of our products.

    Attributes:
        invoice_id: Its invoice's id, where that is known.
        number: Its invoice's number.
        date: Its invoice's date.
        place: The agreement that it is billed for.
        serial_numbers: Those that it has.
        text: What the invoice says of it.
        stands: Whether its invoice does: it is neither deleted nor void.
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
class Match:
    """A line of ours with the lines of invoices that are for it.

    Attributes:
        billed: Those lines.
        seats: The seats on invoices that stand; on an agreement that prorates, parts of the line count once.
        reason: Why that differs from what the ledger has; None if it does not, or if that is not to be said.
    """

    line: PushedLine
    billed: tuple[BilledLine, ...]
    seats: Decimal
    reason: Reason | None

    @property
    def difference(self) -> Decimal | None:
        """The seats billed more, or less if it is negative; None where the ledger does not know how many it carries."""
        return None if self.line.seats is None else self.seats - self.line.seats
