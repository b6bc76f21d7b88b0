"""Each seat is billed exactly once, whatever was run, re-run, killed, edited, copied or invoiced in between.

A machine changes usage, plans, licenses, mappings, agreements, their dates and lines in any order, loses the ledger,
and syncs in between. After each push, what a preview promises is checked; after the last one, every organization's
month is compared with what the model of ConnectWise billed and will bill.

Left out, because nobody could notice it: an invoiced line that a person edits to just the quantity that was last
written; a `nextInvoiceDate` that a person moves ahead without an invoice, or clears or moves back before it was read
after an invoice; the deletion of an invoice of which a part was credited; a ledger that is lost while ConnectWise does
not show what was billed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from cw_pipeline.billing.credits import credits_due
from cw_pipeline.billing.facts import CompanyMapping, Terms, Usage
from cw_pipeline.billing.holds import is_edited
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import State, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.billing.billed_once import MONTHS, ORGANIZATIONS, BilledOnce
from cw_pipeline_tests.billing.connectwise_model import Addition, ConnectWise, Periods
from cw_pipeline_tests.billing.examples import MONTHLY, PRORATED, an_agreement

AGREEMENTS = {10: 1, 11: 1, 20: 2, 30: 3}
"""The company of each agreement."""
NEXT_INVOICES = [date(2026, 2, 1), date(2026, 4, 1), date(2026, 3, 15), date(2026, 1, 31), date(2025, 11, 1), None]
STATES: list[dict[str, bool | date | Terms | None]] = [
    {},
    {"active": False},
    {"company_deleted": True},
    {"end_date": date(2026, 3, 20)},
    {"terms": replace(MONTHLY, cycle="Quarterly")},
    {"terms": replace(MONTHLY, cycle="Weekly")},
]
"""What an agreement may become: well, inactive, a deleted company's, ended, billed in another cycle."""
READINGS = [Periods(), Periods(billing_day=31), Periods(calendar=True)]
TODAY = date(2026, 2, 15)
"""Agreements without a next invoice date have lines on either side of it."""

months = st.sampled_from(MONTHS)
organizations = st.sampled_from(ORGANIZATIONS)
agreement_ids = st.sampled_from(sorted(AGREEMENTS))
plans = st.sampled_from(Plan)
seats = st.integers(0, 6)
any_number = st.integers(0, 10**6)


def standard_row(organization: str, count: int, plan: Plan) -> Usage:
    """A row that is billed."""
    return Usage(organization, organization, plan, LicenseType.STANDARD, managed=True, seats=count)


class AnyHistory(BilledOnce):
    """Everything that people, NordPass, ConnectWise and pushes may do to a few months, in any order."""

    @initialize(
        next_invoices=st.lists(st.sampled_from(NEXT_INVOICES), min_size=4, max_size=4),
        bill_starts=st.lists(st.sampled_from([None, date(2025, 6, 1), date(2026, 2, 10)]), min_size=4, max_size=4),
        mapped=st.lists(agreement_ids, min_size=2, max_size=2),
        used=st.lists(seats, min_size=6, max_size=6),
        terms=st.lists(st.sampled_from([MONTHLY, PRORATED]), min_size=4, max_size=4),
        periods=st.sampled_from(READINGS),
    )
    def begin(
        self,
        next_invoices: list[date | None],
        bill_starts: list[date | None],
        mapped: list[int],
        used: list[int],
        *,
        terms: list[Terms],
        periods: Periods,
    ) -> None:
        of_each = zip(AGREEMENTS.items(), next_invoices, bill_starts, terms, strict=True)
        agreements = [
            an_agreement(agreement_id, company, next_invoice=next_invoice, bill_start=bill_start, terms=its_terms)
            for (agreement_id, company), next_invoice, bill_start, its_terms in of_each
        ]
        self.connectwise = ConnectWise(agreements, periods=periods, today=TODAY)
        for organization, agreement_id in zip(ORGANIZATIONS, mapped, strict=True):
            self.map_company(organization, agreement_id, MONTHS[0])
        keys = [(month, organization) for month in MONTHS for organization in ORGANIZATIONS]
        for (month, organization), count in zip(keys, used, strict=True):
            self.usage[month, organization] = standard_row(organization, count, Plan.BUSINESS)
        for month in MONTHS:
            self._sync(month)

    # What NordPass reports

    @rule(month=months, organization=organizations, count=seats, plan=plans)
    def usage_changes(self, month: Month, organization: str, count: int, plan: Plan) -> None:
        self.usage[month, organization] = standard_row(organization, count, plan)
        self.absences.discard((month, organization))

    @rule(month=months, organization=organizations, count=seats, plan=plans)
    def usage_changes_and_is_synced(self, month: Month, organization: str, count: int, plan: Plan) -> None:
        self.usage_changes(month, organization, count, plan)
        self._sync(month)

    @rule(month=months, organization=organizations, license_type=st.sampled_from(LicenseType), managed=st.booleans())
    def license_changes(self, month: Month, organization: str, license_type: LicenseType, *, managed: bool) -> None:
        row = self.usage.get((month, organization), standard_row(organization, 1, Plan.BUSINESS))
        self.usage[month, organization] = replace(row, license_type=license_type, managed=managed)
        self.absences.discard((month, organization))

    @rule(month=months, organization=organizations)
    def row_disappears(self, month: Month, organization: str) -> None:
        self.usage.pop((month, organization), None)

    @rule(month=months, organization=organizations)
    def absence_is_accepted(self, month: Month, organization: str) -> None:
        assume((month, organization) not in self.usage)
        self.absences.add((month, organization))

    # What people map

    @rule(organization=organizations, agreement_id=agreement_ids, bill_from=st.sampled_from(MONTHS[:2]))
    def map_company(self, organization: str, agreement_id: int, bill_from: Month) -> None:
        agreement = self.connectwise.agreements[agreement_id]
        self.mappings[organization] = CompanyMapping(
            organization, organization, agreement.company_id, agreement_id, bill_from, terms=agreement.terms
        )

    @rule(organization=organizations)
    def unmap_company(self, organization: str) -> None:
        self.mappings.pop(organization, None)

    @rule(plan=plans, product=st.integers(0, 1))
    def map_product(self, plan: Plan, product: int) -> None:
        self.products[plan] = (100 if plan is Plan.BUSINESS else 200) + product

    # What people and ConnectWise do there

    @rule(agreement_id=agreement_ids)
    def invoicing(self, agreement_id: int) -> None:
        assume(self.connectwise.agreements[agreement_id].next_invoice_date)
        self.connectwise.invoice(agreement_id)

    @rule(today=st.dates(date(2026, 2, 1), date(2026, 6, 1)))
    def everything_due_is_invoiced(self, today: date) -> None:
        for agreement_id in self.connectwise.agreements:
            while (self.connectwise.agreements[agreement_id].next_invoice_date or date.max) <= today:
                self.connectwise.invoice(agreement_id)

    @rule(agreement_id=agreement_ids)
    def invoice_is_deleted(self, agreement_id: int) -> None:
        invoices = [invoice for invoice in self.connectwise.invoices if invoice.agreement_id == agreement_id]
        assume(invoices and self.connectwise.agreements[agreement_id].next_invoice_date)
        ledger = self.connectwise.ledger
        assume(not any(number in ledger and ledger[number].credited for number in invoices[-1].quantities))
        self.connectwise.delete_last_invoice(agreement_id)

    @rule(agreement_id=agreement_ids)
    def next_invoice_is_cleared(self, agreement_id: int) -> None:
        assume(self._has_whole_months_invoiced(agreement_id))
        self.connectwise.append_seen()
        self.connectwise.clear_next_invoice(agreement_id)

    @rule(agreement_id=agreement_ids)
    def next_invoice_is_given_again(self, agreement_id: int) -> None:
        cleared = self.connectwise.agreements[agreement_id].next_invoice_date is None
        assume(cleared and self.connectwise.invoiced_until(agreement_id) > date.min)
        self.connectwise.restore_next_invoice(agreement_id)

    @rule(agreement_id=agreement_ids, back=st.integers(0, 3))
    def next_invoice_is_moved_back(self, agreement_id: int, back: int) -> None:
        """A person sets it to the first day of an earlier period, whose invoice there still is."""
        agreement = self.connectwise.agreements[agreement_id]
        assume(agreement.next_invoice_date and self._has_whole_months_invoiced(agreement_id))
        self.connectwise.append_seen()
        firsts = [invoice.first for invoice in self.connectwise.invoices if invoice.agreement_id == agreement_id]
        day = min(firsts[-1 - min(back, len(firsts) - 1)], agreement.next_invoice_date or date.max)
        self.connectwise.agreements[agreement_id] = replace(agreement, next_invoice_date=day)

    def _has_whole_months_invoiced(self, agreement_id: int) -> bool:
        prorates = self.connectwise.agreements[agreement_id].terms.prorates
        return not prorates and self.connectwise.invoiced_until(agreement_id) > date.min

    @precondition(lambda self: len(self.connectwise.agreements) < len(AGREEMENTS) + 2)
    @rule(agreement_id=agreement_ids, organization=st.none() | organizations)
    def agreement_is_copied(self, agreement_id: int, organization: str | None) -> None:
        """A person renews an agreement by copying it, and may map an organization to the copy."""
        copy = self.connectwise.copy_agreement(agreement_id)
        if organization is not None:
            self.map_company(organization, copy, MONTHS[0])

    @rule()
    def ledger_is_lost(self) -> None:
        assume(self.connectwise.can_be_found_again())
        self.connectwise.forget_everything()

    @rule(agreement_id=agreement_ids, state=st.sampled_from(STATES))
    def agreement_changes(self, agreement_id: int, state: dict[str, bool | date | Terms | None]) -> None:
        agreement = self.connectwise.agreements[agreement_id]
        prorates = agreement.terms.prorates
        changed = replace(
            agreement, **({"active": True, "company_deleted": False, "end_date": None, "terms": MONTHLY} | state)
        )
        self.connectwise.agreements[agreement_id] = replace(changed, terms=replace(changed.terms, prorates=prorates))

    @rule(agreement_id=agreement_ids, company=st.integers(1, 3))
    def agreement_goes_to_another_company(self, agreement_id: int, company: int) -> None:
        agreement = self.connectwise.agreements[agreement_id]
        self.connectwise.agreements[agreement_id] = replace(agreement, company_id=company)

    @precondition(lambda self: self.connectwise.open_lines())
    @rule(which=any_number, quantity=seats)
    def open_line_is_edited(self, which: int, quantity: int) -> None:
        lines = self.connectwise.open_lines()
        lines[which % len(lines)].quantity = Decimal(quantity)

    @precondition(lambda self: self.connectwise.open_lines())
    @rule(which=any_number)
    def open_line_is_duplicated(self, which: int) -> None:
        lines = self.connectwise.open_lines()
        self.connectwise.duplicate(lines[which % len(lines)].id)

    @precondition(lambda self: self._invoiced_as_written())
    @rule(which=any_number, more=st.integers(1, 3))
    def invoiced_line_is_edited(self, which: int, more: int) -> None:
        lines = self._invoiced_as_written()
        lines[which % len(lines)].quantity += more

    def _invoiced_as_written(self) -> list[Addition]:
        """Invoiced lines that were billed with what the ledger wrote."""
        return [
            addition
            for addition in self.connectwise.additions.values()
            if self.connectwise.invoices_of(addition.id)
            and addition.id in self.connectwise.ledger
            and self.connectwise.ledger[addition.id].quantities == frozenset({self.connectwise.billed_of(addition.id)})
        ]

    @rule(month=months, organization=organizations)
    def what_is_unclear_is_accepted(self, month: Month, organization: str) -> None:
        """A person sets the lines that the hold is for to what their invoices say, and accepts that."""
        preview = self._preview(month)
        outcomes = {line.outcome for line in preview.lines if line.organization_id == organization}
        assume(Outcome.INVOICE_UNCLEAR in outcomes)
        for identity in (Identity(month, plan, organization) for plan in Plan):
            facts = self._facts()
            for line in facts.lines_of(identity):
                state = state_of(line, facts, month)
                waits = state in {State.UNCLEAR, State.COPY} or (state is State.INVOICED and is_edited(line, facts))
                if waits and not facts.ledger[line.addition_id].credited:
                    self.connectwise.accept(line.addition_id)

    @rule(month=months, organization=organizations)
    def what_is_due_is_credited(self, month: Month, organization: str) -> None:
        """A person issues and records the credits that a sync asks for, unless an invoiced line is a riddle."""
        preview = self._sync(month)
        facts = self._facts()
        due = credits_due(organization, preview, facts)
        if any(is_edited(credit.line, facts) for credit in due):
            return
        for credit in due:
            self.connectwise.credit(credit.line.addition_id, credit.seats)
        again = credits_due(organization, self._preview(month), self._facts())
        assert {credit.line.addition_id for credit in again}.isdisjoint(credit.line.addition_id for credit in due)

    # What we do

    @rule(order=st.permutations(MONTHS), count=st.integers(1, 3))
    def sync(self, order: list[Month], count: int) -> None:
        for month in order[:count]:
            self._sync(month)

    @rule(month=months, writes=st.integers(0, 3))
    def sync_is_killed(self, month: Month, writes: int) -> None:
        self.connectwise.push(self._preview(month), killed_after=writes)


AnyHistory.TestCase.settings = settings(derandomize=True, deadline=None, max_examples=200, stateful_step_count=30)
TestAnyHistory = AnyHistory.TestCase
