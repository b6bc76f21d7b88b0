"""Each seat is billed exactly once: what is checked of a history of a few months."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis.stateful import RuleBasedStateMachine

from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import State, state_of
from cw_pipeline.billing.outcomes import HELD, NOT_BILLED, Outcome
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.billing.connectwise_model import ConnectWise
from cw_pipeline_tests.billing.examples import preview_of

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import CompanyMapping, Facts, Usage
    from cw_pipeline.billing.preview import Preview, PreviewLine

MONTHS = [Month(2026, 1), Month(2026, 2), Month(2026, 3)]
ORGANIZATIONS = ["org-1", "an-organization-whose-id-is-longer-than-37-characters"]
PERIODS_TO_THE_END = 18
"""Enough to invoice every line of these months on every agreement."""


class BilledOnce(RuleBasedStateMachine):
    """A few months that are synced, and what must hold after each push and at the end, whatever happened."""

    def __init__(self) -> None:
        super().__init__()
        self.connectwise = ConnectWise([])
        self.absences: set[tuple[Month, str]] = set()
        self.mappings: dict[str, CompanyMapping] = {}
        self.products = {Plan.BUSINESS: 100, Plan.ENTERPRISE: 200}
        self.usage: dict[tuple[Month, str], Usage] = {}
        self.last_lines: list[PreviewLine] = []

    def _sync(self, month: Month) -> Preview:
        preview = self._preview(month)
        self._check_counts(month, preview)
        self._check_writes(preview)
        before = {organization: self._on_lines(month, organization) for organization in ORGANIZATIONS}
        self.connectwise.push(preview)
        for organization in ORGANIZATIONS:
            self._check_never_on_two_lines(month, organization, before[organization])
        again = self._preview(month)
        self._check_repeat(again)
        return again

    def _preview(self, month: Month) -> Preview:
        rows = [row for (used_in, _), row in self.usage.items() if used_in == month]
        return preview_of(self._facts(), *rows, month=month)

    def _facts(self) -> Facts:
        return self.connectwise.facts(self.mappings, self.products, self.absences)

    # What must hold

    def _check_counts(self, month: Month, preview: Preview) -> None:
        """Each usage row has one line with its seats, and no seat is without an outcome."""
        rows = [
            (row.organization_id, row.plan, row.seats) for (used_in, _), row in self.usage.items() if used_in == month
        ]
        lines = [(line.organization_id, line.plan, line.seats) for line in preview.lines if not line.also]
        assert sorted(lines) == sorted(rows)
        assert preview.unaccounted_seats == 0

    def _check_writes(self, preview: Preview) -> None:
        """Held lines write nothing but the 0 of a credit, and no line is written twice."""
        for line in preview.lines:
            if line.outcome in HELD:
                assert line.outcome is Outcome.CREDIT_DUE or not line.writes
                assert all(write.quantity == 0 for write in line.writes)
        written = [
            write.addition_id for line in preview.lines for write in line.writes if isinstance(write, SetQuantity)
        ]
        assert len(written) == len(set(written))

    def _check_repeat(self, again: Preview) -> None:
        """A preview right after a push has nothing left to write."""
        assert {line.outcome for line in again.lines} <= {Outcome.UNCHANGED} | NOT_BILLED | HELD
        assert [write for line in again.lines for write in line.writes] == []

    def _on_lines(self, month: Month, organization: str) -> Decimal:
        """What all lines of an organization's month carry, invoiced or not, without what was credited."""
        names = {Identity(month, plan, organization).serial_number for plan in Plan}
        carried = sum(line.quantity for line in self.connectwise.additions.values() if line.serial_number in names)
        return carried - sum((self.connectwise.credited(name) for name in names), Decimal(0))

    def _check_never_on_two_lines(self, month: Month, organization: str, before: Decimal) -> None:
        """A push leaves no more seats than were used, unless they were there before or are invoiced."""
        allowed = Decimal(0)
        for plan in Plan:
            identity = Identity(month, plan, organization)
            facts = self.connectwise.facts({}, {})
            invoiced = sum(
                facts.counted(line)
                for line in facts.lines_of(identity)
                if state_of(line, facts, month) in {State.INVOICED, State.COPY}
            )
            allowed += max(Decimal(invoiced), Decimal(self._billable(month, organization, plan)))
        assert self._on_lines(month, organization) <= max(before, allowed)

    def _billable(self, month: Month, organization: str, plan: Plan) -> int:
        """The seats that are to be billed for a mapped organization on a plan."""
        row = self.usage.get((month, organization))
        if row is None or row.plan is not plan or not row.managed or row.license_type is not LicenseType.STANDARD:
            return 0
        return row.seats

    def teardown(self) -> None:
        """A last sync of every month, the balance of each, and then invoicing until every line was billed."""
        last = {month: self._sync(month) for month in MONTHS}
        self.last_lines = [line for preview in last.values() for line in preview.lines]
        for month, preview in last.items():
            for mapping in self.mappings.values():
                if month >= mapping.bill_from:
                    self._check_balance(month, mapping, preview)
        for agreement_id in self.connectwise.agreements:
            self._invoice_to_the_end(agreement_id)
        for addition in self.connectwise.additions.values():
            if self.connectwise.invoices_of(addition.id) and addition.copy_of is None:
                self.connectwise.check_billed_once(addition)

    def _invoice_to_the_end(self, agreement_id: int) -> None:
        """Every line that a new invoice is still to have is billed; one that was copied may look invoiced already."""
        if self.connectwise.agreements[agreement_id].next_invoice_date is None:
            if self.connectwise.invoiced_until(agreement_id) == date.min:
                return
            self.connectwise.restore_next_invoice(agreement_id)
        on_it = [line for line in self.connectwise.additions.values() if line.agreement_id == agreement_id]
        to_come = [line for line in on_it if not self.connectwise.looks_invoiced(line)]
        for _ in range(PERIODS_TO_THE_END):
            self.connectwise.invoice(agreement_id)
        for addition in to_come:
            self.connectwise.check_billed_once(addition)

    def _check_balance(self, month: Month, mapping: CompanyMapping, preview: Preview) -> None:
        """What was billed and what will be is the usage, unless the plan's lines say that they are held."""
        for plan in Plan:
            identity = Identity(month, plan, mapping.organization_id)
            lines: list[PreviewLine] = [
                line for line in preview.lines if (line.organization_id, line.plan) == (mapping.organization_id, plan)
            ]
            held = {line.outcome for line in lines} & HELD
            billed = self.connectwise.billed(identity.serial_number) - self.connectwise.credited(identity.serial_number)
            still = self.connectwise.still_to_bill(identity.serial_number)
            usage = self._billable(month, mapping.organization_id, plan)
            if not held:
                assert billed + still == usage
                assert self._billed_companies(identity) <= {mapping.company_id}
            elif held == {Outcome.CREDIT_DUE}:
                assert billed > usage
                assert still == 0

    def _billed_companies(self, identity: Identity) -> set[int]:
        """The companies to which an identity's seats were invoiced."""
        return {
            self.connectwise.agreements[line.agreement_id].company_id
            for line in self.connectwise.additions.values()
            if line.serial_number == identity.serial_number
            and self.connectwise.billed_of(line.id) != self.connectwise.ledger[line.id].credited
            and self.connectwise.invoices_of(line.id)
        }
