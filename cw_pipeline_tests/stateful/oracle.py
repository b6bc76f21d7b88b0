"""What ConnectWise has billed and will bill, told by the sandbox's own records and invoices, and by nothing of ours.

A line belongs to the organization, month and plan that its serial number said when it was first seen. What it billed
is what the invoices say that have it, as they were when they were made; each invoice to come that will have it bills
its quantity, or its days' share of it. What people credited is taken off.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.sandbox.connectwise.invoicing import covered_days
from cw_pipeline.sandbox.connectwise.store import day
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.vocabulary import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline.vocabulary import Month

_PLANS = {"B": Plan.BUSINESS, "E": Plan.ENTERPRISE}
FAR = date(2030, 1, 1)
"""After every period that a line of these months may lie in."""
_LEAST, _MOST = Decimal("0.85"), Decimal("1.15")
"""A month's days on two invoices are the parts of two months, of 28 to 31 days, which come to about one."""

Billed = tuple[Decimal, Decimal]
"""A quantity, and the share of a month for which an invoice has it."""


def about_one(share: Decimal) -> bool:
    """Whether a line's shares come to the price of one month."""
    return _LEAST <= share <= _MOST


@dataclass(frozen=True)
class OurLine:
    """A line that carries, or carried, seats of an organization's month."""

    id: int
    agreement_id: int
    company_id: int
    organization_id: str
    month: str
    plan: Plan
    quantity: Decimal
    billed: tuple[Billed, ...]
    """What each invoice that has it says."""
    to_come: Decimal
    """For how many months the invoices to come will have it."""
    credited: Decimal
    begins: date
    next_invoice: date | None

    @property
    def case(self) -> tuple[str, str]:
        """The organization and month that it is for."""
        return self.organization_id, self.month

    @property
    def invoiced(self) -> tuple[Decimal, ...]:
        """The quantity on each invoice that has it."""
        return tuple(quantity for quantity, _share in self.billed)

    @property
    def share(self) -> Decimal:
        """For how many months it was billed and will be."""
        return sum((share for _quantity, share in self.billed), self.to_come)

    @property
    def seats(self) -> Decimal:
        """What was billed and will be."""
        together = sum((quantity * share for quantity, share in self.billed), self.quantity * self.to_come)
        if about_one(self.share):
            together = round(together / self.share, 6)
        return together - self.credited

    @property
    def open(self) -> bool:
        """Whether its period is still to be invoiced."""
        return not self.billed and (self.next_invoice is None or self.begins >= self.next_invoice)


class Oracle:
    """The sandbox's records, and whose each line is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._others = {record["id"] for record in sandbox.connectwise.records("additions")}
        self._firsts: dict[int, Record] = {}
        self.credited = defaultdict[int, Decimal](Decimal)
        """The seats that people credited, by line."""

    def look(self) -> None:
        """Remember lines that are new as they are now."""
        for record in self._sandbox.connectwise.records("additions"):
            if record["id"] not in self._others and str(record.get("serialNumber")).startswith(PREFIX):
                self._firsts.setdefault(record["id"], record)

    def first(self, line_id: int) -> Record:
        """The line as it was first seen."""
        return self._firsts[line_id]

    def days_billed(self, line_id: int) -> Record:
        """The first and last day of the last period in which the line was billed, or of the line as it was made."""
        for invoice in reversed(self._sandbox.connectwise.invoices()):
            if line_id in {line["addition_id"] for line in invoice["lines"]}:
                names = {"effectiveDate": "period_start", "cancelledDate": "period_end"}
                return {name: f"{invoice[of]}T00:00:00Z" for name, of in names.items()}
        return {name: self._firsts[line_id].get(name) for name in ("effectiveDate", "cancelledDate")}

    def lines(self, place: int | None = None, month: Month | None = None, plan: Plan | None = None) -> list[OurLine]:
        """Our lines, gone ones too, oldest first."""
        self.look()
        wanted = {
            "organization_id": None if place is None else organization_id(place),
            "month": None if month is None else str(month),
            "plan": plan,
        }
        return [
            line
            for line in self._all_lines()
            if all(value is None or getattr(line, name) == value for name, value in wanted.items())
        ]

    def lines_on(self, agreement_id: int) -> list[OurLine]:
        """Our lines on an agreement."""
        return [line for line in self.lines() if line.agreement_id == agreement_id]

    def seats(self, place: int, month: Month, plan: Plan | None = None) -> Decimal:
        """What an organization's month was billed and will be."""
        return sum((line.seats for line in self.lines(place, month, plan)), Decimal(0))

    def used(self, place: int, month: Month, plan: Plan) -> int:
        """The seats of the month's report that are to be billed on the plan."""
        row = self.row(place, month)
        billed = row is not None and row["msp_managed"] and (row["license_type"], row["plan"]) == ("Standard", plan)
        return row["consumed_licenses"] if row is not None and billed else 0

    def row(self, place: int, month: Month) -> Record | None:
        """The organization's row in the month's report."""
        rows = (row for row in self._sandbox.nordpass.usage(str(month)))
        return next((row for row in rows if row["organization_id"] == organization_id(place)), None)

    def months_billed_from(self, line: OurLine, next_invoice: date) -> Decimal:
        """For how many months a line was billed and will be if its agreement's next period begins on that day."""
        return line.share - line.to_come + self._share(self.record(line.id), next_invoice)

    def goes_on_at(self, agreement_id: int) -> date | None:
        """Where ConnectWise goes on to invoice an agreement; None where it has nothing to go by."""
        agreement = self._sandbox.connectwise.tables["agreements"][agreement_id]
        if agreement.get("nextInvoiceDate"):
            return day(agreement["nextInvoiceDate"])
        if last := self._sandbox.connectwise.last_invoice(agreement_id):
            return day(last["period_end"]) + timedelta(1)
        return day(agreement["billStartDate"]) if agreement.get("billStartDate") else None

    def to_be_invoiced(self) -> Iterator[int]:
        """The agreements that have a line, unless the last invoice was made, as far as anybody knows."""
        for agreement in {line.agreement_id for line in self.lines()}:
            record = self._sandbox.connectwise.tables["agreements"][agreement]
            if record.get("nextInvoiceDate") or not self._sandbox.connectwise.last_invoice(agreement):
                yield agreement

    def record(self, line_id: int) -> Record:
        """The line as stored."""
        return self._sandbox.connectwise.tables["additions"][line_id]

    def _all_lines(self) -> Iterator[OurLine]:
        connectwise = self._sandbox.connectwise
        invoiced = defaultdict[int, list[Billed]](list)
        for invoice in connectwise.invoices():
            for line in invoice["lines"]:
                invoiced[line["addition_id"]].append((Decimal(line["quantity"]), line["share"]))
        now = {record["id"]: record for record in connectwise.records("additions")}
        agreements = {record["id"]: record for record in connectwise.records("agreements")}
        for line_id, first in self._firsts.items():
            parts = str(first.get("serialNumber")).split(":", 3)
            if line_id not in now and line_id not in invoiced:  # deleted before it billed anything
                continue
            record = now.get(line_id, first)
            agreement = agreements[record["agreementId"]]
            next_invoice = day(agreement["nextInvoiceDate"]) if agreement.get("nextInvoiceDate") else None
            billed = tuple(invoiced[line_id])
            rest = 1 - sum((share for _quantity, share in billed), Decimal(0))
            rest = Decimal(0) if rest < 1 - _LEAST else rest
            yield OurLine(
                id=line_id,
                agreement_id=agreement["id"],
                company_id=agreement["company"]["id"],
                organization_id=parts[3],
                month=parts[1],
                plan=_PLANS[parts[2]],
                quantity=Decimal(record["quantity"]) if line_id in now else Decimal(0),
                billed=billed,
                to_come=rest if next_invoice is None else self._share(record, next_invoice),
                credited=self.credited[line_id],
                begins=day(record["effectiveDate"]),
                next_invoice=next_invoice,
            )

    def _share(self, line: Record, start: date) -> Decimal:
        """For how many months the periods of its agreement, the first of which begins at `start`, bill a line."""
        agreement = self._sandbox.connectwise.tables["agreements"][line["agreementId"]]
        share = Decimal(0)
        last = day(line["cancelledDate"]) if line.get("cancelledDate") else FAR
        while start <= last:
            period = self._sandbox.connectwise.period(agreement, start)
            days = covered_days(line, period.first, period.last)
            share += Decimal(days) / period.whole_days if agreement["prorateFlag"] else Decimal(days > 0)
            start = period.following
        return share
