"""Any history: what people, NordPass, ConnectWise, the network and kills may do to the sync, in any order.

Left out, because nobody could notice it from what ConnectWise shows:

- an invoiced line that is edited to just the quantity that was last written, or of which the ledger knows nothing
  because a person made it; one that is invoiced in days that a person gave it, and then deleted or moved on; a serial
  number that is edited before the line's write was seen through;
- a period that is written off, or that a person skips by hand in an agreement's `nextInvoiceDate`; an invoice that is
  deleted while that date stays, or whose period is opened again before any sync saw that it was invoiced.

Let go by the way, and counted, are an organization's months of which nobody can tell any more what was billed: an
invoice stands while its period is opened again; a person had changed something before the warehouse was lost; a copy
belongs to a company that nobody maps; a line was made while its agreement had no next invoice date and does not fit the
one that it gets; or it was invoiced while its agreement was billed otherwise than when it was mapped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline_tests.stateful.decisions import MONTHS, ORGANIZATIONS
from cw_pipeline_tests.stateful.in_connectwise import InConnectWise
from cw_pipeline_tests.stateful.invariants import check_the_promise
from cw_pipeline_tests.stateful.on_lines import OnLines
from cw_pipeline_tests.stateful.on_lines_by_hand import OnLinesByHand
from cw_pipeline_tests.stateful.strategies import (
    BILL_STARTS,
    NEXT_INVOICES,
    agreements,
    booleans,
    choices,
    days_of_invoices,
    faults,
    invoicings,
    limits,
    moments,
    months,
    news,
    places,
    plans,
    seats,
    some_months,
    switches,
)
from cw_pipeline_tests.stateful.syncs import AGREEMENTS
from cw_pipeline_tests.support.fake_msp import BUSINESS_PRODUCT, ENTERPRISE_PRODUCT, OTHER_PRODUCT, agreement_id

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from datetime import date

    from cw_pipeline.billing.unusual import Limits
    from cw_pipeline.vocabulary import Month, Plan
    from cw_pipeline.warehouse.previews import StoredPreview
    from cw_pipeline_tests.stateful.backups import Backup
    from cw_pipeline_tests.stateful.fixture import Fixture
    from cw_pipeline_tests.stateful.strategies import Fault, News


class History(InConnectWise, OnLines, OnLinesByHand):
    """One MSP's history."""

    def __init__(self, fixture: Fixture, tally: Counter[str]) -> None:
        super().__init__(fixture)
        self.tally = tally  # of all histories
        self.nordpass = fixture.sandbox.nordpass
        self.last_backup: Backup | None = None
        self.looked_at: dict[Month, StoredPreview] = {}

    @initialize(
        next_invoices=st.lists(st.sampled_from(NEXT_INVOICES), min_size=4, max_size=4),
        bill_starts=st.lists(st.sampled_from(BILL_STARTS), min_size=4, max_size=4),
        prorated=st.lists(booleans, min_size=4, max_size=4),
        used=st.lists(seats, min_size=9, max_size=9),
        synced=booleans,
        fault=st.none() | faults(),
        invoicing=invoicings,
        invoiced_until=st.none() | days_of_invoices,
        switches=switches,
        limits=limits,
    )
    def begin(
        self,
        next_invoices: list[str | None],
        bill_starts: list[str | None],
        prorated: list[bool],
        used: list[int],
        *,
        switches: dict[str, Any],
        limits: Limits,
        synced: bool,
        fault: Fault | None,
        invoicing: tuple[int, int] | None,
        invoiced_until: date | None,
    ) -> None:
        self.connectwise.change_settings(**switches)
        self.fixture.run = replace(self.fixture.run, limits=limits)
        for agreement, next_invoice, bill_start, prorate in zip(
            AGREEMENTS, next_invoices, bill_starts, prorated, strict=True
        ):
            self.connectwise.edit_agreement(
                agreement, nextInvoiceDate=next_invoice, billStartDate=bill_start, prorateFlag=prorate
            )
        for place in ORGANIZATIONS:
            self.fixture.map(place, agreement_id(place), MONTHS[0])
        rows = [(place, month) for place in ORGANIZATIONS for month in MONTHS]
        for (place, month), count in zip(rows, used, strict=True):
            self.usage_changes(place, month, count)
        if synced:
            self._sync(MONTHS, None, fault=fault, invoicing=invoicing)
            if invoiced_until is not None:
                self.people.invoice(until=invoiced_until)

    # --- NordPass ---

    @rule(place=places, month=months, count=st.one_of(seats, st.none()))
    def usage_changes(self, place: int, month: Month, count: int | None) -> None:
        self.fixture.msp.use(count, place, month=month)

    @rule(place=places)
    def organization_is_gone(self, place: int) -> None:
        for month in MONTHS:
            self.usage_changes(place, month, None)

    @rule(place=places, plan=plans)
    def plan_changes(self, place: int, plan: Plan) -> None:
        self.nordpass.edit_organization(organization_id(place), plan=plan.value)

    @rule(place=places, license_type=st.sampled_from(["Standard", "Standard", "Trial", "NFR"]))
    def license_changes(self, place: int, license_type: str) -> None:
        self.nordpass.edit_organization(organization_id(place), license_type=license_type)

    @rule(place=places, managed=st.sampled_from([True, True, False]))
    def management_changes(self, place: int, *, managed: bool) -> None:
        self.nordpass.edit_organization(organization_id(place), msp_managed=managed)

    @rule(month=months, final=st.sampled_from([True, True, False]))
    def report_is_made_anew(self, month: Month, *, final: bool) -> None:
        self.nordpass.set_report_final(str(month), final=final)

    # --- what people map ---

    @rule(
        place=places,
        agreement=agreements,
        bill_from=st.sampled_from([MONTHS[0]] * 3 + [*MONTHS[1:]]),
        trial_months=st.sampled_from([0, 0, 0, 1, 2]),
    )
    def company_is_mapped(self, place: int, agreement: int, bill_from: Month, trial_months: int) -> None:
        if not self.fixture.is_behind():
            self.fixture.map(place, self.agreement(agreement), bill_from, trial_months)

    @rule(place=places, again=st.sampled_from([True, True, False]))
    def company_is_unmapped(self, place: int, *, again: bool) -> None:
        if self.fixture.is_behind():
            return
        self.fixture.unmap(place)
        if again:
            self.fixture.map(place, agreement_id(place), MONTHS[0])

    @rule(
        plan=plans, product=st.sampled_from([None, OTHER_PRODUCT] + [ENTERPRISE_PRODUCT] * 2 + [BUSINESS_PRODUCT] * 2)
    )
    def product_is_confirmed(self, plan: Plan, product: int | None) -> None:
        self.fixture.msp.bill_as(plan, product)

    # --- what happens to the warehouse ---

    @rule()
    def backup_is_made(self) -> None:
        self.last_backup = self.fixture.backup()

    @rule(storage_too=booleans)
    def warehouse_is_restored(self, *, storage_too: bool) -> None:
        if self.last_backup is not None:
            self.fixture.restore(self.last_backup, storage_too=storage_too)

    @rule(storage_too=st.sampled_from([False, False, True]), rebuilt=st.sampled_from([False, False, True]))
    def warehouse_is_lost(self, *, storage_too: bool, rebuilt: bool) -> None:
        self.fixture.lose(storage_too=storage_too, rebuilt=rebuilt)

    # --- what we do ---

    @rule()
    def drift_is_looked_for(self) -> None:
        self.fixture.drift()

    @rule(some=some_months, news=news, undisturbed=booleans)
    def sync(self, some: list[Month], news: News | None, *, undisturbed: bool) -> None:
        if undisturbed:
            self.fixture.heal()
        self._sync(some, news)

    @rule(some=some_months, news=news, choice=choices, fault=st.none() | st.none() | faults())
    def sync_for_some(self, some: list[Month], news: News | None, choice: Choice, fault: Fault | None) -> None:
        self._sync(some, news, choice=choice, fault=fault)

    @rule(which=st.integers(0, 3))
    def run_is_undone(self, which: int) -> None:
        self.fixture.undo(which)

    @rule(which=st.integers(0, 3), fault=st.none() | faults(), killed_at=st.none() | moments, invoicing=invoicings)
    def run_is_undone_amid_trouble(
        self, which: int, fault: Fault | None, killed_at: int | None, invoicing: tuple[int, int] | None
    ) -> None:
        self.fixture.undo(which, fault=fault, acts=self._acts(killed_at, invoicing))

    @rule(some=some_months)
    def preview(self, some: list[Month]) -> None:
        self.looked_at |= self.fixture.preview(some)

    @rule(some=some_months, news=news)
    def previews_are_pushed(self, some: list[Month], news: News | None) -> None:
        """What was looked at before, or just now, perhaps with other usage since."""
        if not any(month in self.looked_at for month in some):
            self.looked_at |= self.fixture.preview(some)
        if news is not None:
            self.usage_changes(news[0], some[0], news[1])
        self.fixture.push_looked_at({month: self.looked_at[month] for month in some if month in self.looked_at})

    @rule(some=some_months)
    def push_alone(self, some: list[Month]) -> None:
        self.fixture.push(some)

    @rule(some=some_months, news=news, fault=faults(), invoicing=invoicings)
    def sync_amid_a_fault(
        self, some: list[Month], news: News | None, fault: Fault, invoicing: tuple[int, int] | None
    ) -> None:
        self._sync(some, news, fault=fault, invoicing=invoicing)

    @rule(some=some_months, news=news, moment=moments, invoicing=invoicings)
    def sync_is_killed(
        self, some: list[Month], news: News | None, moment: int, invoicing: tuple[int, int] | None
    ) -> None:
        self._sync(some, news, killed_at=moment, invoicing=invoicing)

    @rule(some=some_months, news=news, invoicing=st.tuples(moments, agreements))
    def sync_amid_invoicing(self, some: list[Month], news: News | None, invoicing: tuple[int, int]) -> None:
        self._sync(some, news, invoicing=invoicing)

    def _sync(
        self,
        some: Sequence[Month],
        news: News | None,
        *,
        choice: Choice = EVERYBODY,
        fault: Fault | None = None,
        killed_at: int | None = None,
        invoicing: tuple[int, int] | None = None,
    ) -> None:
        """A sync after, in one month of it, an organization's usage changed, so that there is something to write."""
        if news is not None:
            self.usage_changes(news[0], some[0], news[1])
        self.fixture.sync(some, choice=choice, fault=fault, acts=self._acts(killed_at, invoicing))

    def _acts(self, killed_at: int | None, invoicing: tuple[int, int] | None) -> dict[int, Callable[[], None]]:
        """What happens at moments of a sync."""
        acts: dict[int, Callable[[], None]] = {}
        if invoicing is not None:
            moment, agreement = invoicing
            acts[moment] = self.fixture.invoicing_meanwhile(self.agreement(agreement))
        if killed_at is not None:
            acts[killed_at] = self.fixture.kill
        return acts

    # --- the end ---

    def teardown(self) -> None:
        try:
            self.tally += check_the_promise(self.fixture)
        finally:
            self.fixture.close()
