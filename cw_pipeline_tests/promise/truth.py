"""What ConnectWise has billed and will bill, told by the sandbox's own records and invoices, and by nothing of ours.

A line belongs to the organization, month and plan that its serial number said when it was first seen. What it billed
is what the invoices say that have it, as they were when they were made; each invoice to come that will have it bills
its quantity.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Plan
from cw_pipeline.sandbox.connectwise.invoicing import covered_days, next_period_start
from cw_pipeline.sandbox.connectwise.store import day
from cw_pipeline.sandbox.nordpass.seed import organization_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.billing.months import Month
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.wire import Record

_PLANS = {"B": Plan.BUSINESS, "E": Plan.ENTERPRISE}
_FAR = date(2030, 1, 1)
"""After every period that a line of these months may lie in."""


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
    invoiced: tuple[Decimal, ...]
    """What each invoice that has it says."""
    to_come: int
    """How many invoices will have it."""
    begins: date
    next_invoice: date | None

    @property
    def seats(self) -> Decimal:
        """What was billed and will be."""
        return sum(self.invoiced, self.quantity * self.to_come)

    @property
    def open(self) -> bool:
        """Whether its period is still to be invoiced."""
        return not self.invoiced and (self.next_invoice is None or self.begins >= self.next_invoice)


class Truth:
    """The sandbox's records, and whose each line is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._others = {record["id"] for record in sandbox.connectwise.records("additions")}
        self._firsts: dict[int, Record] = {}

    def look(self) -> None:
        """Remember lines that are new as they are now."""
        for record in self._sandbox.connectwise.records("additions"):
            if record["id"] not in self._others:
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

    def seats(self, place: int, month: Month, plan: Plan | None = None) -> Decimal:
        """What an organization's month was billed and will be."""
        return sum((line.seats for line in self.lines(place, month, plan)), Decimal(0))

    def used(self, place: int, month: Month, plan: Plan) -> int:
        """The seats of the month's report that are to be billed on the plan."""
        rows = (row for row in self._sandbox.nordpass.usage(str(month)))
        row = next((row for row in rows if row["organization_id"] == organization_id(place)), None)
        billed = row is not None and row["msp_managed"] and (row["license_type"], row["plan"]) == ("Standard", plan)
        return row["consumed_licenses"] if row is not None and billed else 0

    def invoices_to_come(self, line: OurLine, next_invoice: date) -> int:
        """On how many invoices a line would be if its agreement's next period began on ``next_invoice``."""
        return _periods_covered(self.record(line.id), next_invoice)

    def invoice_everything(self) -> None:
        """Invoice each agreement that has a line, if it can be invoiced, until every line was billed."""
        for agreement in {line.agreement_id for line in self.lines()}:
            with suppress(ValueError):
                self._sandbox.connectwise.invoice(agreement, until=_FAR)

    def record(self, line_id: int) -> Record:
        """The line as stored."""
        return self._sandbox.connectwise.tables["additions"][line_id]

    def _all_lines(self) -> Iterator[OurLine]:
        connectwise = self._sandbox.connectwise
        invoiced: dict[int, list[Decimal]] = {}
        for invoice in connectwise.invoices():
            for line in invoice["lines"]:
                invoiced.setdefault(line["addition_id"], []).append(Decimal(line["quantity"]))
        now = {record["id"]: record for record in connectwise.records("additions")}
        agreements = {record["id"]: record for record in connectwise.records("agreements")}
        for line_id, first in self._firsts.items():
            parts = str(first.get("serialNumber")).split(":", 3)
            if line_id not in now and line_id not in invoiced:  # deleted before it billed anything
                continue
            record = now.get(line_id, first)
            agreement = agreements[record["agreementId"]]
            next_invoice = day(agreement["nextInvoiceDate"]) if agreement.get("nextInvoiceDate") else None
            once = int(line_id not in invoiced)
            yield OurLine(
                id=line_id,
                agreement_id=agreement["id"],
                company_id=agreement["company"]["id"],
                organization_id=parts[3],
                month=parts[1],
                plan=_PLANS[parts[2]],
                quantity=Decimal(record["quantity"]) if line_id in now else Decimal(0),
                invoiced=tuple(invoiced.get(line_id, ())),
                to_come=once if next_invoice is None else _periods_covered(record, next_invoice),
                begins=day(record["effectiveDate"]),
                next_invoice=next_invoice,
            )


def _periods_covered(line: Record, start: date) -> int:
    """In how many of the periods that begin at ``start`` a line is active."""
    periods = 0
    last = day(line["cancelledDate"]) if line.get("cancelledDate") else _FAR
    while start <= last:
        following = next_period_start(start)
        periods += covered_days(line, start, following - timedelta(1)) > 0
        start = following
    return periods
