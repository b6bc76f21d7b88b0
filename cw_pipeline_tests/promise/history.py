"""Any history: what people, NordPass, ConnectWise, the network and kills may do to the sync, in any order.

Left out, because nobody could notice it from what ConnectWise shows: an invoiced line that is edited to just the
quantity that was last written, or of which the ledger knows nothing because a person made it; a period that a person
skips or puts back by hand in an agreement's ``nextInvoiceDate``; a line that is invoiced in days that a person gave it,
and then deleted or moved on; a serial number that is edited before the line's write was seen through.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from cw_pipeline.sandbox.connectwise.store import day
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline_tests.promise.promise import check_the_promise
from cw_pipeline_tests.promise.strategies import (
    BILL_STARTS,
    NEXT_INVOICES,
    STATES,
    WELL,
    agreement_ids,
    any_number,
    booleans,
    days_of_invoices,
    faults,
    invoicings,
    moments,
    months,
    news,
    places,
    plans,
    quantities,
    seats,
    some_months,
)
from cw_pipeline_tests.promise.world import AGREEMENTS, MONTHS, ORGANIZATIONS, World
from cw_pipeline_tests.sync.msp import BUSINESS_PRODUCT, ENTERPRISE_PRODUCT, OTHER_PRODUCT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from datetime import date
    from decimal import Decimal

    from cw_pipeline.billing.identity import Plan
    from cw_pipeline.billing.months import Month
    from cw_pipeline_tests.promise.strategies import Fault, News
    from cw_pipeline_tests.promise.truth import OurLine


class History(RuleBasedStateMachine):
    """One MSP's history."""

    def __init__(self, world: World, tally: Counter[str]) -> None:
        super().__init__()
        self.world = world
        self.tally = tally  # of all histories
        self.connectwise = world.connectwise
        self.nordpass = world.sandbox.nordpass

    @initialize(
        next_invoices=st.lists(st.sampled_from(NEXT_INVOICES), min_size=4, max_size=4),
        bill_starts=st.lists(st.sampled_from(BILL_STARTS), min_size=4, max_size=4),
        prorated=st.lists(booleans, min_size=4, max_size=4),
        used=st.lists(seats, min_size=9, max_size=9),
        synced=booleans,
        fault=st.none() | faults(),
        invoicing=invoicings,
        invoiced_until=st.none() | days_of_invoices,
        switches=st.fixed_dictionaries(
            {
                "accepts_writes_on_invoiced_additions": booleans,
                "accepts_writes_on_inactive_agreements": booleans,
                "forward_only_additions": booleans,
                "unset_dates": st.sampled_from(["absent", "empty"]),
            }
        ),
    )
    def begin(
        self,
        next_invoices: list[str | None],
        bill_starts: list[str | None],
        prorated: list[bool],
        used: list[int],
        *,
        switches: dict[str, Any],
        synced: bool,
        fault: Fault | None,
        invoicing: tuple[int, int] | None,
        invoiced_until: date | None,
    ) -> None:
        self.connectwise.change_settings(**switches)
        for agreement, next_invoice, bill_start, prorate in zip(
            AGREEMENTS, next_invoices, bill_starts, prorated, strict=True
        ):
            self.connectwise.edit_agreement(
                agreement, nextInvoiceDate=next_invoice, billStartDate=bill_start, prorateFlag=prorate
            )
        rows = [(place, month) for place in ORGANIZATIONS for month in MONTHS]
        for (place, month), count in zip(rows, used, strict=True):
            self.usage_changes(place, month, count)
        if synced:
            self._sync(MONTHS, None, fault=fault, invoicing=invoicing)
            if invoiced_until is not None:
                self.everything_due_is_invoiced(invoiced_until)

    # --- NordPass ---

    @rule(place=places, month=months, count=st.one_of(seats, st.none()))
    def usage_changes(self, place: int, month: Month, count: int | None) -> None:
        self.world.msp.use(count, place, month=month)

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

    @rule(place=places, agreement=agreement_ids, bill_from=st.sampled_from([MONTHS[0]] * 3 + [*MONTHS[1:]]))
    def company_is_mapped(self, place: int, agreement: int, bill_from: Month) -> None:
        self.world.msp.map(place, company=AGREEMENTS[agreement], agreement=agreement, bill_from=bill_from)

    @rule(place=places, again=st.sampled_from([True, True, False]))
    def company_is_unmapped(self, place: int, *, again: bool) -> None:
        self.world.unmap(place)
        if again:
            self.world.msp.map(place, bill_from=MONTHS[0])

    @rule(
        plan=plans, product=st.sampled_from([None, OTHER_PRODUCT] + [ENTERPRISE_PRODUCT] * 2 + [BUSINESS_PRODUCT] * 2)
    )
    def product_is_confirmed(self, plan: Plan, product: int | None) -> None:
        self.world.msp.bill_as(plan, product)

    # --- ConnectWise's invoices and agreements ---

    @rule(agreement=agreement_ids)
    def agreement_is_invoiced(self, agreement: int) -> None:
        self.world.invoice(agreement)

    @rule(until=days_of_invoices)
    def everything_due_is_invoiced(self, until: date) -> None:
        self.world.invoice(until=until)

    @rule(agreement=agreement_ids, state=st.sampled_from(STATES))
    def agreement_changes(self, agreement: int, state: dict[str, Any]) -> None:
        self.connectwise.edit_agreement(agreement, **(WELL | state))

    @rule(agreement=agreement_ids, days=st.integers(-20, 20))
    def billing_day_moves(self, agreement: int, days: int) -> None:
        record = next(one for one in self.connectwise.records("agreements") if one["id"] == agreement)
        if record.get("nextInvoiceDate") is None:
            return
        moved = day(record["nextInvoiceDate"]) + timedelta(days)
        invoiced = [one["period_end"] for one in self.connectwise.invoices() if one["agreement_id"] == agreement]
        waiting = [line for line in self.world.truth.lines() if line.agreement_id == agreement and not line.invoiced]
        billed_once = all(self.world.truth.invoices_to_come(line, moved) == 1 for line in waiting)
        if billed_once and moved.isoformat() > max(invoiced, default=""):
            self.world.move_next_invoice(agreement, moved)

    @rule(agreement=agreement_ids, deleted=booleans)
    def company_is_deleted(self, agreement: int, *, deleted: bool) -> None:
        self.connectwise.edit_company(AGREEMENTS[agreement], deletedFlag=deleted)

    # --- what people do to our lines ---

    @rule(which=any_number, quantity=quantities)
    def quantity_is_edited(self, which: int, quantity: Decimal) -> None:
        written = self.world.written()
        lines = [line for line in self._lines() if not line.invoiced or self._billed_as_written(line)]
        line = _one(lines, which)
        if line is not None and not (line.invoiced and quantity in written[line.id].quantities):
            self.world.edit(line, quantity=quantity)

    @rule(which=any_number)
    def line_is_duplicated(self, which: int) -> None:
        as_written = [line for line in self._lines() if not line.invoiced and self._as_first_seen(line)]
        line = _one(as_written, which)
        if line is not None:
            self.world.duplicate(line)

    @rule(which=any_number, first=st.integers(-20, 40), last=st.one_of(st.integers(-20, 40), st.none()))
    def dates_are_edited(self, which: int, first: int, last: int | None) -> None:
        written = self.world.written()
        line = _one([line for line in self._lines() if line.id in written and self._billed_in_its_days(line)], which)
        if line is not None:
            record = self.world.truth.first(line.id)
            begins, ends = (day(record[name]) for name in ("effectiveDate", "cancelledDate"))
            self.world.edit(
                line,
                effectiveDate=f"{begins + timedelta(first)}T00:00:00Z",
                cancelledDate=None if last is None else f"{ends + timedelta(last)}T00:00:00Z",
            )

    @rule(which=any_number, text=st.sampled_from(["paid by check", None, f"NP:2026-02:E:{organization_id(15)}"]))
    def serial_number_is_edited(self, which: int, text: str | None) -> None:
        line = _one([line for line in self._lines() if line.id in self.world.written()], which)
        if line is not None:
            self.world.edit(line, serialNumber=text)

    @rule(which=any_number)
    def line_is_deleted(self, which: int) -> None:
        lines = [line for line in self._lines() if not line.invoiced or self._billed_as_written(line)]
        line = _one([line for line in lines if self._billed_in_its_days(line)], which)
        if line is not None:
            self.world.delete(line)

    @rule(place=places, month=months)
    def invoice_is_accepted(self, place: int, month: Month) -> None:
        gone = [line for line in self.world.truth.lines(place, month) if line.id not in self.world.shown()]
        if not gone:
            self.world.accept(place, month)

    # --- what we do ---

    @rule(some=some_months, news=news, undisturbed=booleans)
    def sync(self, some: list[Month], news: News | None, *, undisturbed: bool) -> None:
        if undisturbed:
            self.world.heal()
        self._sync(some, news)

    @rule(some=some_months)
    def preview(self, some: list[Month]) -> None:
        self.world.preview(some)

    @rule(some=some_months)
    def push_alone(self, some: list[Month]) -> None:
        self.world.push(some)

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

    @rule(some=some_months, news=news, invoicing=st.tuples(moments, agreement_ids))
    def sync_amid_invoicing(self, some: list[Month], news: News | None, invoicing: tuple[int, int]) -> None:
        self._sync(some, news, invoicing=invoicing)

    def _sync(
        self,
        some: Sequence[Month],
        news: News | None,
        *,
        fault: Fault | None = None,
        killed_at: int | None = None,
        invoicing: tuple[int, int] | None = None,
    ) -> None:
        """A sync after, in one month of it, an organization's usage changed, so that there is something to write."""
        if news is not None:
            self.usage_changes(news[0], some[0], news[1])
        acts: dict[int, Callable[[], None]] = {}
        if invoicing is not None:
            moment, agreement = invoicing
            acts[moment] = self.world.invoicing_meanwhile(agreement)
        if killed_at is not None:
            acts[killed_at] = self.world.kill
        self.world.sync(some, fault=fault, acts=acts)

    # --- the end ---

    def teardown(self) -> None:
        try:
            self.tally += check_the_promise(self.world)
        finally:
            self.world.close()

    def _lines(self) -> list[OurLine]:
        shown = self.world.shown()
        return [line for line in self.world.truth.lines() if line.id in shown]

    def _billed_as_written(self, line: OurLine) -> bool:
        written = self.world.written().get(line.id)
        return written is not None and line.invoiced == tuple(written.quantities)

    def _billed_in_its_days(self, line: OurLine) -> bool:
        return not line.invoiced or self._as_first_seen(line)

    def _as_first_seen(self, line: OurLine) -> bool:
        first, now = self.world.truth.first(line.id), self.world.truth.record(line.id)
        return all(first.get(name) == now.get(name) for name in ("effectiveDate", "cancelledDate", "serialNumber"))


def _one(lines: list[OurLine], which: int) -> OurLine | None:
    return lines[which % len(lines)] if lines else None
