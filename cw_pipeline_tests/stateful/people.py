"""What people, and ConnectWise itself, change in ConnectWise, and what nobody can be sure of afterwards."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cw_pipeline.sandbox.connectwise.store import day
from cw_pipeline_tests.stateful.oracle import FAR, about_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.connectwise.invoicing import Invoice
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline_tests.stateful.oracle import Oracle, OurLine

Case = tuple[str, str]
"""An organization's id and a month."""


@dataclass
class Marks:
    """The organizations' months of which something is to be known before they are judged."""

    doubtful: set[Case] = field(default_factory=set[Case])
    """Those of which a person set a quantity, or which were invoiced amid or after a sync that did not see its writes
    through; until a clean sync finds them right."""
    edited: set[Case] = field(default_factory=set[Case])
    """Those of which a person deleted a line or changed more than its quantity."""
    rearranged: set[Case] = field(default_factory=set[Case])
    """Those of which a person copied a line or its agreement, or moved the periods that it lies in."""
    unclear: set[Case] = field(default_factory=set[Case])
    """Those of which a person deleted an invoice, let it be made again, or made copies that may be on one, and those
    that were changed after the backup that was restored."""
    unknowable: set[Case] = field(default_factory=set[Case])
    """Those of which nobody can tell any more what was billed: they are judged by nothing."""
    trials: set[Case] = field(default_factory=set[Case])
    """Those that were a trial month at some time: what no invoice has of them may count as settled."""
    credited: set[Case] = field(default_factory=set[Case])
    """Those of which a person issued a credit."""

    @property
    def touched(self) -> set[Case]:
        """Those of which people, or an invoice amid a sync, may have changed what is billed."""
        return self.doubtful | self.edited | self.rearranged | self.unclear | self.unknowable

    def lose(self) -> None:
        """Nobody remembers any more what was changed: the warehouse is gone."""
        self.unknowable |= self.touched | self.credited


class People:
    """Those who work in ConnectWise by hand, and its own invoicing."""

    def __init__(self, sandbox: Sandbox, oracle: Oracle, in_doubt: Callable[[], set[Case]]) -> None:
        self._connectwise = sandbox.connectwise
        self._truth = oracle
        self._in_doubt = in_doubt
        self.marks = Marks()
        self.agreements: list[int] = []
        """Those that organizations are billed on, the first ones and their copies."""
        self.copies: set[int] = set()
        """Agreements that were made by copying one with its lines, and that nothing of ours has looked at yet."""
        self.changed: set[int] = set()
        """Agreements whose terms changed: if they are invoiced so, nobody notices in time what that bills."""
        self.settled: set[int] = set()
        """Lines that were invoiced, which was noticed: whatever is done afterwards, no sync may change them."""

    def company_of(self, agreement_id: int) -> int:
        """The company of an agreement."""
        return int(self._connectwise.tables["agreements"][agreement_id]["company"]["id"])

    def terms_of(self, agreement_id: int) -> dict[str, Any]:
        """How an agreement is billed, as it is remembered with a mapping."""
        record = self._record(agreement_id)
        cycle = self._connectwise.tables["billing_cycles"][record["billingCycle"]["id"]]["billingOptions"]
        return {"cycle": cycle, "period_type": record.get("periodType"), "prorates": record["prorateFlag"]}

    def shown(self) -> set[int]:
        """The lines that there are in ConnectWise now."""
        return {record["id"] for record in self._connectwise.records("additions")}

    # --- lines ---

    def edit(self, line: OurLine, **fields: object) -> None:
        """A person changes a line."""
        changed = self.marks.doubtful if fields.keys() == {"quantity"} else self.marks.edited
        changed.add(line.case)
        self._connectwise.edit_addition(line.agreement_id, line.id, **fields)

    def duplicate(self, line: OurLine) -> None:
        """A person copies a line."""
        self.marks.rearranged.add(line.case)
        self.marks.unclear.add(line.case)
        self._connectwise.duplicate_addition(line.agreement_id, line.id)

    def delete(self, line: OurLine) -> None:
        """A person deletes a line."""
        self.marks.edited.add(line.case)
        self._connectwise.delete_addition(line.agreement_id, line.id)

    # --- invoices ---

    def last_day(self) -> date | None:
        """The last day that an invoice covers."""
        return max((day(one["period_end"]) for one in self._connectwise.invoices()), default=None)

    def invoices_of(self, agreement_id: int) -> list[Invoice]:
        """An agreement's invoices that stand, by their periods."""
        invoices = [one for one in self._connectwise.invoices() if one["agreement_id"] == agreement_id]
        return sorted(invoices, key=lambda one: one["period_start"])

    def invoice(self, agreement: int | None = None, until: date | None = None) -> None:
        """ConnectWise invoices one agreement or all, if it can."""
        self.marks.doubtful |= self._in_doubt()
        for one in self.agreements if agreement is None else [agreement]:
            self._go_on(one)
            self._invoice(one, until)

    def invoicing_meanwhile(self, agreement: int, about_to_be: set[Case]) -> Callable[[], None]:
        """The same in the middle of a sync, which leaves in doubt what is on the agreement or `about_to_be`."""

        def invoice() -> None:
            self.marks.doubtful |= about_to_be | {line.case for line in self._truth.lines_on(agreement)}
            self._go_on(agreement)
            self._invoice(agreement)

        return invoice

    def _go_on(self, agreement: int) -> None:
        """Without a next invoice date ConnectWise goes on where its invoices end: lines made meanwhile may not fit."""
        if agreement in self.changed:
            self.marks.unknowable |= {line.case for line in self._truth.lines_on(agreement) if line.to_come}
        self._leave_out_if_undated(agreement)

    def invoice_everything(self) -> None:
        """ConnectWise invoices all that is left."""
        for agreement in self._truth.to_be_invoiced():
            self._leave_out_if_undated(agreement)
            self._invoice(agreement, until=FAR)

    def _invoice(self, agreement: int, until: date | None = None) -> None:
        with suppress(ValueError):  # ConnectWise cannot
            self._connectwise.invoice(agreement, until=until)

    def _leave_out_if_undated(self, agreement: int) -> None:
        start = self._truth.goes_on_at(agreement)
        if start is not None and self._record(agreement).get("nextInvoiceDate") is None:
            self._leave_out_what_does_not_fit(agreement, start)

    def _leave_out_what_does_not_fit(self, agreement: int, start: date) -> None:
        """Lines that no invoice, or more than one, will bill though no date showed that when they were made."""
        lines = [line for line in self._truth.lines_on(agreement) if line.id in self.shown() and line.quantity]
        misfits = [line for line in lines if not about_one(self._truth.months_billed_from(line, start))]
        self.marks.unknowable |= {line.case for line in misfits}

    def move_next_invoice(self, agreement: int, days: int) -> None:
        """A person changes the day on which an agreement's next period begins, so that each line is billed once."""
        record = self._record(agreement)
        if record.get("nextInvoiceDate") is None:
            return
        moved = day(record["nextInvoiceDate"]) + timedelta(days)
        invoiced = [one["period_end"] for one in self.invoices_of(agreement)]
        waiting = [line for line in self._truth.lines_on(agreement) if line.id in self.shown() and line.to_come]
        billed_once = all(about_one(self._truth.months_billed_from(line, moved)) for line in waiting)
        if billed_once and moved.isoformat() > max(invoiced, default=""):
            self.marks.doubtful |= self._in_doubt()
            self.marks.rearranged |= {line.case for line in self._truth.lines_on(agreement)}
            self._connectwise.edit_agreement(agreement, nextInvoiceDate=moved.isoformat())

    def clear_next_invoice(self, agreement: int) -> None:
        """A person clears an agreement's next invoice date."""
        self.marks.doubtful |= self._in_doubt()
        self._connectwise.edit_agreement(agreement, nextInvoiceDate=None)

    def set_next_invoice(self, agreement: int) -> None:
        """A person sets a date that is missing to where the invoices end."""
        start = self._truth.goes_on_at(agreement)
        if start is not None and self._record(agreement).get("nextInvoiceDate") is None:
            self._go_on(agreement)
            self._connectwise.edit_agreement(agreement, nextInvoiceDate=start.isoformat())

    def take_back_invoice(self, agreement: int, which: int, *, deleted: bool) -> None:
        """A person deletes an invoice, with which the next invoice date moves back; or moves only that back.

        What is invoiced again although its invoice stands is billed twice, which no sync can mend. Nor can it tell what
        is passed over where the date had been moved back before, and goes on from the deleted invoice's period.
        """
        invoices = self.invoices_of(agreement)
        if not invoices:
            return
        index = which % len(invoices)
        concerned = self._truth.lines_on(agreement)
        again = _on(invoices[index + deleted :])
        self.marks.unclear |= {line.case for line in concerned}
        self.marks.unknowable |= {line.case for line in concerned if line.id in again}
        self.settled |= _on(invoices)
        if deleted:
            goes_on_at = day(invoices[index]["period_start"])
            passed_over = [line for line in concerned if line.to_come and line.begins < goes_on_at]
            self.marks.unknowable |= {line.case for line in passed_over}
            self._connectwise.delete_invoice(invoices[index]["number"])
        else:
            self._connectwise.edit_agreement(agreement, nextInvoiceDate=invoices[index]["period_start"])

    # --- agreements ---

    def change_terms(self, agreement: int, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        """A person changes how an agreement is billed: what is half billed is billed otherwise from now on."""
        self.marks.doubtful |= self._in_doubt()
        self._connectwise.edit_agreement(agreement, **fields)
        lines = self._truth.lines_on(agreement)
        self.marks.rearranged |= {line.case for line in lines}
        self.marks.unknowable |= {line.case for line in lines if line.billed and line.to_come}
        self.changed.add(agreement)

    def copy(self, agreement: int, *, with_lines: bool, **fields: Any) -> int:  # noqa: ANN401 - any JSON
        """A person makes an agreement by copying one, with or without its lines."""
        copy = self._connectwise.copy_agreement(agreement, **fields)
        self.agreements.append(copy)
        if not with_lines:
            for line in self._connectwise.additions(copy):
                self._connectwise.delete_addition(copy, line["id"])
        if agreement in self.changed:
            self.changed.add(copy)
        copied = {line.case for line in self._truth.lines_on(copy)}
        self.marks.rearranged |= copied
        self.marks.unclear |= copied
        self.copies |= {copy} if copied else set()
        return copy

    def _record(self, agreement: int) -> Record:
        return self._connectwise.tables["agreements"][agreement]


def _on(invoices: Iterable[Invoice]) -> set[int]:
    return {line["addition_id"] for invoice in invoices for line in invoice["lines"]}
