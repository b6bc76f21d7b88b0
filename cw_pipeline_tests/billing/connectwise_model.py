"""A small model of ConnectWise's agreements: lines, and invoices that freeze what they billed.

It shares no arithmetic with the rule. An agreement is invoiced for the period that begins at its ``nextInvoiceDate``; a
line takes part in a period when it is effective by its last day and not cancelled before its first. What the model
refuses (a change to an invoiced line, a new line before the bill start date or in an invoiced period) fails the test.

ConnectWise does not say on which day the period after one that began on the 29th to 31st of a longer month begins. The
model can do it either way: ``billing_day`` None goes on from the shortened day, a number returns to that day.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cw_pipeline.billing.balance import Write
    from cw_pipeline.billing.identity import Plan
    from cw_pipeline.billing.preview import Preview

_ONE_DAY = timedelta(days=1)


@dataclass
class Addition:
    """A line, as ConnectWise has it; both dates are days on which it is billed."""

    id: int
    agreement_id: int
    product_id: int
    serial_number: str
    quantity: Decimal
    effective: date
    cancelled: date


@dataclass(frozen=True)
class Invoice:
    """What one agreement was billed for one period, by addition id; later changes do not alter it."""

    agreement_id: int
    first: date
    last: date
    quantities: dict[int, Decimal]


def next_period(first: date, billing_day: int | None = None) -> date:
    """The first day of the period that follows the one which begins on ``first``."""
    year, month = (first.year, first.month + 1) if first.month < 12 else (first.year + 1, 1)
    return date(year, month, min(billing_day or first.day, calendar.monthrange(year, month)[1]))


class ConnectWise:
    """Agreements, lines and invoices, with a ledger of what pushes wrote."""

    def __init__(self, agreements: Iterable[Agreement], *, billing_day: int | None = None) -> None:
        self.agreements = {agreement.id: agreement for agreement in agreements}
        self.billing_day = billing_day
        self.additions: dict[int, Addition] = {}
        self.invoices: list[Invoice] = []
        self.ledger: dict[int, Decimal] = {}
        self.credits: dict[int, Decimal] = {}
        """What people credited of a line in all, and recorded."""

    def facts(self, mappings: Mapping[str, CompanyMapping], products: Mapping[Plan, int]) -> Facts:
        """What a preview would read now."""
        lines: dict[str, tuple[Line, ...]] = {}
        for addition in self.additions.values():
            line = Line(
                addition_id=addition.id,
                agreement_id=addition.agreement_id,
                product_id=addition.product_id,
                serial_number=addition.serial_number,
                quantity=addition.quantity,
                effective_date=addition.effective,
                cancelled_date=addition.cancelled,
            )
            lines[line.serial_number] = (*lines.get(line.serial_number, ()), line)
        return Facts(
            mappings=dict(mappings),
            products=dict(products),
            agreements=dict(self.agreements),
            lines=lines,
            ledger={
                addition_id: Written(
                    agreement_id=self.additions[addition_id].agreement_id,
                    serial_number=self.additions[addition_id].serial_number,
                    quantities=frozenset({quantity}),
                    effective_date=self.additions[addition_id].effective,
                    cancelled_date=self.additions[addition_id].cancelled,
                    credited=self.credits.get(addition_id, Decimal(0)),
                )
                for addition_id, quantity in self.ledger.items()
            },
        )

    def push(self, preview: Preview, *, killed_after: int | None = None) -> None:
        """Carries out ``preview``, what takes seats away first; a killed push stops after that many writes."""
        writes = [write for line in preview.lines for write in line.writes]
        for write in sorted(writes, key=lambda write: not write.takes_away)[:killed_after]:
            self._write(write)

    def _write(self, write: Write) -> None:
        if write.addition_id is None:
            self._create(write)
            return
        addition = self.additions[write.addition_id]
        assert self.invoices_of(addition.id) == [], f"line {addition.id} was invoiced and is changed"
        assert (addition.quantity, addition.agreement_id) == (write.before, write.agreement_id)
        assert write.quantity >= 0
        addition.quantity = write.quantity
        self.ledger[addition.id] = write.quantity

    def _create(self, write: Write) -> None:
        agreement = self.agreements[write.agreement_id]
        assert write.cancelled_date is not None
        assert write.effective_date >= (agreement.bill_start_date or date.min), "before the bill start date"
        assert write.effective_date >= (agreement.next_invoice_date or date.min), "in an invoiced period"
        assert write.effective_date >= write.identity.month.first_day, "before the usage"
        addition = Addition(
            id=len(self.additions) + 1,
            agreement_id=write.agreement_id,
            product_id=write.product_id,
            serial_number=write.identity.serial_number,
            quantity=write.quantity,
            effective=write.effective_date,
            cancelled=write.cancelled_date,
        )
        self.additions[addition.id] = addition
        self.ledger[addition.id] = addition.quantity

    def duplicate(self, addition_id: int) -> None:
        """A person copies a line, dates and serial number included."""
        copy = replace(self.additions[addition_id], id=len(self.additions) + 1)
        self.additions[copy.id] = copy

    def invoice(self, agreement_id: int) -> None:
        """Bills the period that begins at the agreement's ``nextInvoiceDate``, which then moves on."""
        agreement = self.agreements[agreement_id]
        first = agreement.next_invoice_date
        assert first is not None, "an agreement without a next invoice date cannot be invoiced"
        following = next_period(first, self.billing_day)
        billed = {
            addition.id: addition.quantity
            for addition in self.additions.values()
            if addition.agreement_id == agreement_id and addition.effective < following and addition.cancelled >= first
        }
        self.invoices.append(Invoice(agreement_id, first, following - _ONE_DAY, billed))
        self.agreements[agreement_id] = replace(agreement, next_invoice_date=following)

    def delete_last_invoice(self, agreement_id: int) -> None:
        """A person deletes the agreement's last invoice, which puts its period back to be invoiced again."""
        invoice = [invoice for invoice in self.invoices if invoice.agreement_id == agreement_id][-1]
        self.invoices.remove(invoice)
        self.agreements[agreement_id] = replace(self.agreements[agreement_id], next_invoice_date=invoice.first)

    def invoices_of(self, addition_id: int) -> list[Invoice]:
        """The invoices that billed a line."""
        return [invoice for invoice in self.invoices if addition_id in invoice.quantities]

    def billed(self, serial_number: str) -> Decimal:
        """What invoices billed over all lines of an identity."""
        lines = [addition.id for addition in self.additions.values() if addition.serial_number == serial_number]
        return sum(
            (invoice.quantities[line] for line in lines for invoice in self.invoices_of(line)),
            Decimal(0),
        )

    def credited(self, serial_number: str) -> Decimal:
        """What was credited over all lines of an identity."""
        return sum(
            (seats for line, seats in self.credits.items() if self.additions[line].serial_number == serial_number),
            Decimal(0),
        )

    def credit(self, addition_id: int, seats: Decimal) -> None:
        """A person credits seats of an invoiced line and records that, and with it what the line billed."""
        (invoice,) = self.invoices_of(addition_id)
        self.credits[addition_id] = self.credits.get(addition_id, Decimal(0)) + seats
        assert self.credits[addition_id] <= invoice.quantities[addition_id], "more was credited than was billed"
        self.ledger[addition_id] = invoice.quantities[addition_id]

    def still_to_bill(self, serial_number: str) -> Decimal:
        """What the lines of an identity carry that no invoice has billed."""
        return sum((line.quantity for line in self.open_lines() if line.serial_number == serial_number), Decimal(0))

    def open_lines(self) -> list[Addition]:
        """The lines that no invoice has billed."""
        return [addition for addition in self.additions.values() if not self.invoices_of(addition.id)]
