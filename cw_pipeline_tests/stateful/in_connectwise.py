"""What becomes of agreements and their invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cw_pipeline_tests.stateful.moves import Moves
from cw_pipeline_tests.stateful.strategies import (
    MOST_AGREEMENTS,
    NEXT_INVOICES,
    STATES,
    TERMS,
    WELL,
    agreements,
    any_number,
    booleans,
    days_of_invoices,
)

if TYPE_CHECKING:
    from datetime import date

_KEPT: list[dict[str, Any]] = [{}] * len(NEXT_INVOICES)
_next_invoices = st.sampled_from([*_KEPT, *({"nextInvoiceDate": one} for one in NEXT_INVOICES)])
"""A copy's, which is the original's unless a person sets another."""


class InConnectWise(Moves):
    """A history's moves on agreements."""

    @rule(which=agreements)
    def agreement_is_invoiced(self, which: int) -> None:
        self.people.invoice(self.agreement(which))

    @rule(until=days_of_invoices)
    def everything_due_is_invoiced(self, until: date) -> None:
        self.people.invoice(until=until)

    @rule(which=agreements, state=st.sampled_from(STATES))
    def agreement_changes(self, which: int, state: dict[str, Any]) -> None:
        self.connectwise.edit_agreement(self.agreement(which), **(WELL | state))

    @rule(which=agreements, days=st.integers(-20, 20))
    def billing_day_moves(self, which: int, days: int) -> None:
        self.people.move_next_invoice(self.agreement(which), days)

    @rule(which=agreements, cleared=st.sampled_from([False, False, True]))
    def next_invoice_date_is_set(self, which: int, *, cleared: bool) -> None:
        if cleared:
            self.people.clear_next_invoice(self.agreement(which))
        else:
            self.people.set_next_invoice(self.agreement(which))

    @rule(which=agreements, number=any_number, deleted=st.sampled_from([True, True, False]))
    def invoice_is_taken_back(self, which: int, number: int, *, deleted: bool) -> None:
        self.fixture.notice()
        self.people.take_back_invoice(self.agreement(which), number, deleted=deleted)

    @rule(which=agreements, next_invoice=_next_invoices, mapped=booleans, ended=booleans)
    def agreement_is_renewed(self, which: int, next_invoice: dict[str, Any], *, mapped: bool, ended: bool) -> None:
        self._copied(which, next_invoice, with_lines=False, mapped=mapped, ended=ended)

    @rule(which=agreements, next_invoice=_next_invoices, mapped=booleans, ended=booleans)
    def agreement_is_copied_with_its_lines(
        self, which: int, next_invoice: dict[str, Any], *, mapped: bool, ended: bool
    ) -> None:
        self._copied(which, next_invoice, with_lines=True, mapped=mapped, ended=ended)

    def _copied(self, which: int, next_invoice: dict[str, Any], *, with_lines: bool, mapped: bool, ended: bool) -> None:
        if len(self.people.agreements) == MOST_AGREEMENTS:
            return
        old = self.agreement(which)
        copy = self.people.copy(old, with_lines=with_lines, **next_invoice)
        if ended:
            self.connectwise.edit_agreement(old, noEndingDateFlag=False, endDate="2026-03-31T00:00:00Z")
        if mapped and not self.fixture.is_behind():
            for place, mapping in self.fixture.mappings().items():
                if mapping.agreement_id == old:
                    self.fixture.map(place, copy, mapping.bill_from)

    @rule(which=agreements, terms=st.sampled_from(TERMS))
    def terms_change(self, which: int, terms: dict[str, Any]) -> None:
        self.people.change_terms(self.agreement(which), **terms)

    @rule(which=agreements, deleted=booleans)
    def company_is_deleted(self, which: int, *, deleted: bool) -> None:
        self.connectwise.edit_company(self.people.company_of(self.agreement(which)), deletedFlag=deleted)
