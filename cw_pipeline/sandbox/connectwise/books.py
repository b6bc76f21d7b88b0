"""Invoicing agreements: their periods are invoiced, written off and reopened."""

from datetime import date, timedelta
from decimal import Decimal

from cw_pipeline.sandbox.connectwise.invoicing import Invoice, Period, billed_lines, period_from
from cw_pipeline.sandbox.connectwise.store import Store, day, end_of
from cw_pipeline.sandbox.wire import Record


class Books(Store):
    """The records and their invoices.

    Only `nextInvoiceDate` says what is invoiced next: a period to which a person moves it back is invoiced again.
    """

    def invoices(self) -> list[Invoice]:
        """All invoices that were not deleted."""
        with self.lock:
            return list(self._invoices)

    def is_invoiced(self, addition_id: int) -> bool:
        """Whether an invoice has a line for the addition."""
        return any(line["addition_id"] == addition_id for invoice in self._invoices for line in invoice["lines"])

    def last_invoice(self, agreement_id: int) -> Invoice | None:
        """The agreement's invoice with the highest number."""
        made = (invoice for invoice in self._invoices if invoice["agreement_id"] == agreement_id)
        return max(made, key=lambda invoice: invoice["number"], default=None)

    def period(self, agreement: Record, start: date) -> Period:
        """The agreement's period that begins at `start`, by its billing cycle and the switches."""
        cycle: str = self._record("billing_cycles", agreement["billingCycle"]["id"])["billingOptions"]
        return period_from(
            start, cycle, periods=self.settings.periods, day=self._day_before_short_month(agreement, start)
        )

    def invoice(self, agreement_id: int | None = None, *, until: date | None = None) -> list[Invoice]:
        """Invoice one or more periods, and advance `nextInvoiceDate`.

        Args:
            agreement_id: One agreement; None: every Active agreement with a billing cycle. A child agreement is
                invoiced by its own dates.
            until: Invoice each period that begins on or before this day; None: one period each.

        Returns:
            The new invoices.

        Raises:
            ValueError: the agreement cannot be invoiced.
        """
        with self.lock:
            if agreement_id is None:
                every = self.tables["agreements"].values()
                agreements = [agreement for agreement in every if self._not_billable(agreement) is None]
            else:
                agreements = [self._billable(agreement_id)]
            made = [invoice for agreement in agreements for invoice in self._invoice(agreement, until)]
            self.changed()
            return made

    def edit_invoice(
        self, number: int, *, status: str | None = None, quantities: dict[int, Decimal] | None = None
    ) -> Invoice:
        """Change an invoice, but not its agreement.

        Args:
            number: The invoice.
            status: Its new status, such as `Void`.
            quantities: New quantities by addition id; 0 removes the line.

        Raises:
            ValueError: there is no such invoice.
        """
        with self.lock:
            invoice = self._standing(number)
            if status is not None:
                invoice["status"] = status
            for addition_id, quantity in (quantities or {}).items():
                for line in invoice["lines"]:
                    if line["addition_id"] == addition_id:
                        line["quantity"] = quantity
                        line["amount"] = (quantity * line["unit_price"] * line["share"]).quantize(Decimal("0.01"))
            invoice["lines"] = [line for line in invoice["lines"] if line["quantity"]]
            self.changed()
            return invoice

    def delete_invoice(self, number: int, *, moves_date: bool = True) -> None:
        """Delete an invoice and, if `moves_date`, move the agreement's `nextInvoiceDate` back to its period.

        Raises:
            ValueError: there is no such invoice.
        """
        with self.lock:
            invoice = self._standing(number)
            self._invoices.remove(invoice)
            if moves_date:
                self._set("agreements", invoice["agreement_id"], {"nextInvoiceDate": invoice["period_start"]})
            self.changed()

    def write_off_period(self, agreement_id: int) -> date:
        """Advance the agreement's `nextInvoiceDate` by one period, for which nothing is billed; return that date.

        Raises:
            ValueError: the agreement cannot be invoiced.
        """
        with self.lock:
            agreement = self._billable(agreement_id)
            period = self.period(agreement, self._first_period(agreement))
            self._written_off.append({"agreement_id": agreement_id, "period_start": period.first.isoformat()})
            self._move_on(agreement, period.following)
            self.changed()
            return period.following

    def reopen_period(self, agreement_id: int) -> date:
        """Undo the agreement's last write-off.

        Returns its `nextInvoiceDate`, which is the first day of that period again.

        Raises:
            ValueError: no period of it is written off.
        """
        with self.lock:
            written_off = [period for period in self._written_off if period["agreement_id"] == agreement_id]
            if not written_off:
                raise ValueError(f"no period of agreement {agreement_id} is written off")
            self._written_off.remove(written_off[-1])
            self._set("agreements", agreement_id, {"nextInvoiceDate": written_off[-1]["period_start"]})
            self.changed()
            return day(written_off[-1]["period_start"])

    def _standing(self, number: int) -> Invoice:
        invoice = next((invoice for invoice in self._invoices if invoice["number"] == number), None)
        if invoice is None:
            raise ValueError(f"there is no invoice {number}")
        return invoice

    def _invoice(self, agreement: Record, until: date | None) -> list[Invoice]:
        lines = self.additions_of(agreement["id"])
        start, end = self._first_period(agreement), end_of(agreement)
        made: list[Invoice] = []
        while (until is None and not made) or (until is not None and start <= until):
            if end is not None and start > end:
                break
            period = self.period(agreement, start)
            made.append(
                {
                    "number": self._next_id("invoices"),
                    "made_on": self.today().isoformat(),
                    "agreement_id": agreement["id"],
                    "period_start": period.first.isoformat(),
                    "period_end": period.last.isoformat(),
                    "lines": billed_lines(agreement, lines, period, self.tables["catalog"]),
                }
            )
            self._invoices.append(made[-1])
            start = period.following
        if made:
            self._move_on(agreement, start)
        return made

    def _move_on(self, agreement: Record, following: date) -> None:
        end = end_of(agreement)
        over = self.settings.last_invoice_clears_date and end is not None and following > end
        self._set("agreements", agreement["id"], {"nextInvoiceDate": None if over else following.isoformat()})

    def _first_period(self, agreement: Record) -> date:
        if agreement.get("nextInvoiceDate"):
            return day(agreement["nextInvoiceDate"])
        if last := self.last_invoice(agreement["id"]):
            return day(last["period_end"]) + timedelta(days=1)
        if agreement.get("billStartDate"):
            return day(agreement["billStartDate"])
        begin = (day(line["effectiveDate"]) for line in self.additions_of(agreement["id"]))
        return min(begin, default=self.today()).replace(day=1)

    def _day_before_short_month(self, agreement: Record, start: date) -> int:
        """The day of the month on which periods began before a month that was too short for it; 0: unknown."""
        in_last_day = (start + timedelta(days=1)).day == 1
        if self.settings.after_short_month == "short" or not in_last_day:
            return 0
        invoices = (invoice for invoice in self._invoices if invoice["agreement_id"] == agreement["id"])
        return max([start.day, *(day(invoice["period_start"]).day for invoice in invoices)])

    def _billable(self, agreement_id: int) -> Record:
        agreement = self._agreement(agreement_id)
        if reason := self._not_billable(agreement):
            raise ValueError(f"agreement {agreement_id} is not invoiced: {reason}")
        return agreement

    def _not_billable(self, agreement: Record) -> str | None:
        reference = agreement.get("billingCycle")
        cycle = self._record("billing_cycles", reference["id"]) if reference else None
        if cycle is None or cycle["billingOptions"] == "NotRecurring":
            return f"its billing cycle is {cycle['name'] if cycle else None}"
        status = self.status_of(agreement)
        return None if status == "Active" else f"it is {status}"
