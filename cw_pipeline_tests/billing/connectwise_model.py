"""A small model of ConnectWise's agreements: lines, and invoices that freeze what they billed.

It shares no arithmetic with the rule. An agreement is invoiced for the period that begins at its `nextInvoiceDate`; a
line takes part in a period when it is effective by its last day and not cancelled before its first. What the model
refuses (a change to an invoiced line, a new line before the bill start date or in an invoiced period) fails the test.

ConnectWise does not say on which day the next period begins; `Periods` are the ways to read that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Agreement, CompanyMapping, Facts, Line, Written
from cw_pipeline.billing.writes import CreateLine, takes_away
from cw_pipeline_tests.billing.connectwise_records import ONE_DAY, Addition, Invoice, Periods, days_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.vocabulary import Month, Plan


class ConnectWise:
    """Agreements, lines and invoices, with a ledger of what pushes wrote and previews saw."""

    def __init__(
        self, agreements: Iterable[Agreement], *, periods: Periods | None = None, today: date = date.max
    ) -> None:
        self.agreements = {agreement.id: agreement for agreement in agreements}
        self.periods = periods or Periods()
        self.today = today
        self.additions: dict[int, Addition] = {}
        self.invoices: list[Invoice] = []
        self.ledger: dict[int, Written] = {}

    def facts(
        self,
        mappings: Mapping[str, CompanyMapping],
        products: Mapping[Plan, int],
        absences: Iterable[tuple[Month, str]] = (),
    ) -> Facts:
        """What a preview would read now, after it entered in the ledger what it sees."""
        self.append_seen()
        lines: dict[str, tuple[Line, ...]] = {}
        for addition in self.additions.values():
            line = _line(addition)
            lines[line.serial_number] = (*lines.get(line.serial_number, ()), line)
        return Facts(
            mappings=dict(mappings),
            products=dict(products),
            agreements=dict(self.agreements),
            lines=lines,
            ledger=dict(self.ledger),
            today=self.today,
            released=frozenset(absences),
        )

    def append_seen(self) -> None:
        """Lines that the ledger does not know are found, and those that look invoiced were invoiced, for good."""
        for addition in self.additions.values():
            known = self.ledger.get(addition.id) or _written(addition, found=True)
            seen = self.looks_invoiced(addition)
            self.ledger[addition.id] = replace(known, invoiced=known.invoiced or seen)

    def looks_invoiced(self, addition: Addition) -> bool:
        """Whether the next invoice of a line's agreement is later than the line's first day."""
        next_invoice = self.agreements[addition.agreement_id].next_invoice_date
        return next_invoice is not None and next_invoice > addition.effective

    def push(self, preview: Preview, *, killed_after: int | None = None) -> None:
        """Carries out `preview`, what takes seats away first; a killed push stops after that many writes."""
        writes = [write for line in preview.lines for write in line.writes]
        for write in sorted(writes, key=lambda write: not takes_away(write))[:killed_after]:
            self._write(write)

    def _write(self, write: Write) -> None:
        if isinstance(write, CreateLine):
            self._create(write)
            return
        addition = self.additions[write.addition_id]
        assert self.invoices_of(addition.id) == [], f"line {addition.id} was invoiced and is changed"
        assert (addition.quantity, addition.agreement_id) == (write.before, write.agreement_id)
        assert write.quantity >= 0
        addition.quantity = write.quantity
        self.ledger[addition.id] = replace(self.ledger[addition.id], quantities=frozenset({write.quantity}))

    def _create(self, write: CreateLine) -> None:
        agreement = self.agreements[write.agreement_id]
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
        self.ledger[addition.id] = _written(addition)

    def duplicate(self, addition_id: int, *, agreement_id: int | None = None) -> None:
        """A person copies a line, dates and serial number included, perhaps with its agreement."""
        original = self.additions[addition_id]
        copy = replace(
            original,
            id=len(self.additions) + 1,
            agreement_id=agreement_id or original.agreement_id,
            copy_of=addition_id,
        )
        self.additions[copy.id] = copy

    def copy_agreement(self, agreement_id: int) -> int:
        """A person copies an agreement with its lines and its next invoice date."""
        number = max(self.agreements) + 1
        self.agreements[number] = replace(self.agreements[agreement_id], id=number, name=f"Agreement {number}")
        for addition in list(self.additions.values()):
            if addition.agreement_id == agreement_id:
                self.duplicate(addition.id, agreement_id=number)
        return number

    def invoice(self, agreement_id: int) -> None:
        """Bills the period that begins at the agreement's `nextInvoiceDate`, which then moves on.

        Of days that were invoiced before, only the lines that no invoice has are billed.
        """
        agreement = self.agreements[agreement_id]
        first = agreement.next_invoice_date
        assert first is not None, "an agreement without a next invoice date cannot be invoiced"
        following = self.periods.after(first)
        again = first < self.invoiced_until(agreement_id)
        billed = {
            addition.id: addition.quantity
            for addition in self.additions.values()
            if addition.agreement_id == agreement_id
            and addition.effective < following
            and addition.cancelled >= first
            and not (again and self.invoices_of(addition.id))
        }
        self.invoices.append(Invoice(agreement_id, first, following - ONE_DAY, billed))
        self.agreements[agreement_id] = replace(agreement, next_invoice_date=following)

    def invoiced_until(self, agreement_id: int) -> date:
        """The day after the last that an invoice of the agreement covers."""
        ends = [invoice.last + ONE_DAY for invoice in self.invoices if invoice.agreement_id == agreement_id]
        return max(ends, default=date.min)

    def delete_last_invoice(self, agreement_id: int) -> None:
        """A person deletes the agreement's last invoice, which puts its period back to be invoiced again."""
        invoice = [invoice for invoice in self.invoices if invoice.agreement_id == agreement_id][-1]
        self.invoices.remove(invoice)
        agreement = self.agreements[agreement_id]
        back = min(invoice.first, agreement.next_invoice_date or date.max)
        self.agreements[agreement_id] = replace(agreement, next_invoice_date=back)

    def clear_next_invoice(self, agreement_id: int) -> None:
        """A person clears the agreement's next invoice date."""
        self.agreements[agreement_id] = replace(self.agreements[agreement_id], next_invoice_date=None)

    def restore_next_invoice(self, agreement_id: int) -> None:
        """A person gives the agreement the first day that is not invoiced yet as its next invoice date."""
        of_agreement = [line for line in self.open_lines() if line.agreement_id == agreement_id and line.quantity]
        day = min([self.invoiced_until(agreement_id), *(line.effective for line in of_agreement)])
        self.agreements[agreement_id] = replace(self.agreements[agreement_id], next_invoice_date=day)

    def invoices_of(self, addition_id: int) -> list[Invoice]:
        """The invoices that billed a line."""
        return [invoice for invoice in self.invoices if addition_id in invoice.quantities]

    def billed_of(self, addition_id: int) -> Decimal:
        """What a line billed; where several invoices have a share of it, they share the quantity of the first."""
        invoices = self.invoices_of(addition_id)
        return invoices[0].quantities[addition_id] if invoices else Decimal(0)

    def billed(self, serial_number: str) -> Decimal:
        """What invoices billed over all lines of an identity."""
        return sum((self.billed_of(line.id) for line in self._lines_of(serial_number)), Decimal(0))

    def check_billed_once(self, addition: Addition) -> None:
        """One invoice bills a line with seats; where its agreement prorates, they share out each of its days once."""
        invoices = self.invoices_of(addition.id)
        if not any(invoice.quantities[addition.id] for invoice in invoices) and not addition.quantity:
            return
        if not self.agreements[addition.agreement_id].terms.prorates:
            assert len(invoices) == 1, f"line {addition.id} is on {len(invoices)} invoices"
            return
        days = Counter(day for invoice in invoices for day in days_from(invoice.first, invoice.last))
        assert all(days[day] == 1 for day in days_from(addition.effective, addition.cancelled))
        assert 28 <= (addition.cancelled - addition.effective).days + 1 <= 31

    def credited(self, serial_number: str) -> Decimal:
        """What was credited over all lines of an identity."""
        return sum((self.ledger[line.id].credited for line in self._known_lines_of(serial_number)), Decimal(0))

    def credit(self, addition_id: int, seats: Decimal) -> None:
        """A person credits seats of an invoiced line and records that, and with it what the line billed."""
        known, billed = self.ledger[addition_id], self.billed_of(addition_id)
        credited = known.credited + seats
        assert credited <= billed, "more was credited than was billed"
        self.ledger[addition_id] = replace(
            known, quantities=frozenset({billed}), credited=credited, invoiced=True, accepted=True
        )

    def accept(self, addition_id: int) -> None:
        """A person sets a line to what its invoices billed, and accepts that."""
        addition = self.additions[addition_id]
        addition.quantity = self.billed_of(addition_id)
        found = self.ledger[addition_id].found
        self.ledger[addition_id] = replace(_written(addition, found=found), invoiced=True, accepted=True)

    def forget_everything(self) -> None:
        """The ledger is lost; what ConnectWise shows is found again."""
        self.ledger.clear()

    def can_be_found_again(self) -> bool:
        """Whether a new ledger could know what was billed: each line shows it, or is beside the older one that does."""
        return all(self._shows_what_was_billed(addition) for addition in self.additions.values()) and not any(
            known.credited for known in self.ledger.values()
        )

    def _shows_what_was_billed(self, addition: Addition) -> bool:
        invoiced = bool(self.invoices_of(addition.id))
        if self.looks_invoiced(addition) and not invoiced and addition.copy_of is not None:
            return self.additions[addition.copy_of].quantity > 0 and addition.quantity > 0
        return self.looks_invoiced(addition) is invoiced and (
            not invoiced or self.billed_of(addition.id) == addition.quantity
        )

    def still_to_bill(self, serial_number: str) -> Decimal:
        """What the lines of an identity carry that no invoice has billed."""
        return sum((line.quantity for line in self.open_lines() if line.serial_number == serial_number), Decimal(0))

    def open_lines(self) -> list[Addition]:
        """The lines that no invoice has billed."""
        return [addition for addition in self.additions.values() if not self.invoices_of(addition.id)]

    def _lines_of(self, serial_number: str) -> list[Addition]:
        return [addition for addition in self.additions.values() if addition.serial_number == serial_number]

    def _known_lines_of(self, serial_number: str) -> list[Addition]:
        return [addition for addition in self._lines_of(serial_number) if addition.id in self.ledger]


def _line(addition: Addition) -> Line:
    return Line(
        addition_id=addition.id,
        agreement_id=addition.agreement_id,
        product_id=addition.product_id,
        serial_number=addition.serial_number,
        quantity=addition.quantity,
        effective_date=addition.effective,
        cancelled_date=addition.cancelled,
    )


def _written(addition: Addition, *, found: bool = False) -> Written:
    return Written(
        agreement_id=addition.agreement_id,
        serial_number=addition.serial_number,
        quantities=frozenset({addition.quantity}),
        effective_date=addition.effective,
        cancelled_date=addition.cancelled,
        found=found,
    )
