"""The promise itself, checked from outside: against ConnectWise's invoices, and after a clean sync.

For every organization and month, what ConnectWise billed and will bill is what NordPass reports, except what is held,
and that has an outcome whose cause is really there. Nothing here asks the billing rule.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, Outcome
from cw_pipeline.billing.preview import PreviewLine
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline_tests.stateful.decisions import MONTHS, ORGANIZATIONS
from cw_pipeline_tests.stateful.on_lines_by_hand import billing_by_hand, bills_the_days_of

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline.warehouse.pushes import PushedMonth
    from cw_pipeline_tests.stateful.fixture import Fixture
    from cw_pipeline_tests.stateful.people import Case as Key

_ADDITIONS = "/v4_6_release/apis/3.0/finance/agreements/[0-9]+/additions"
_ROLE = re.compile(f"GET .*|POST {_ADDITIONS}|PATCH {_ADDITIONS}/[0-9]+")
"""The requests that a sync may make."""


def check_the_promise(fixture: Fixture) -> Counter[str]:
    """A clean sync of every month keeps the promise, and a second one has nothing left to do.

    Returns:
        Of how many organizations' months and plans with usage the seats were `compared`, how many were `held`, and
        how many were `left out` since nobody can tell what was billed.
    """
    fixture.heal()
    fixture.drift()
    _leave_out_copies_nobody_looks_at(fixture)
    before = [_quantities(fixture, case) for case in _cases(fixture) if not case.is_billed]
    pushed = {one.preview.month: one for one in fixture.sync(MONTHS)}
    assert sorted(pushed) == sorted(MONTHS)
    assert not [line for one in pushed.values() for line in one.preview.lines if line.outcome in FAILED]
    cases = _cases(fixture, pushed)
    assert [_quantities(fixture, case) for case in cases if not case.is_billed] == before
    assert fixture.in_doubt() == set()
    _check_nothing_is_left_to_write(fixture)
    for case in cases:
        _check_trial(fixture, case)
    fixture.marks.unknowable |= fixture.marks.trials
    for case in cases:
        _check_exclusion(fixture, case)
        _check_holds(fixture, case)
        _check_seats(fixture, case)
        _check_nothing_is_billed_by_hand_as_well(fixture, case)
    _check_lines_by_hand(fixture)
    fixture.people.invoice_everything()
    for case in cases:
        _check_seats(fixture, case)
        _check_no_more_than_reported(fixture, case)
    for entry in fixture.sandbox.journal.entries():
        assert entry.status != 403
        assert _ROLE.fullmatch(f"{entry.method} {entry.path}")
    return Counter(
        "left out" if case.key in fixture.marks.unknowable else "held" if case.held(plan) else "compared"
        for case in cases
        for plan in map(Plan, case.products)
        if case.is_billed and fixture.oracle.used(case.place, case.month, plan)
    )


@dataclass(frozen=True)
class _Case:
    """An organization's month, and what became of it."""

    place: int
    month: Month
    mapping: CompanyMappingRow | None
    products: dict[str, int]
    told: tuple[PreviewLine, ...] = ()

    @property
    def organization(self) -> str:
        return organization_id(self.place)

    @property
    def key(self) -> Key:
        return self.organization, str(self.month)

    @property
    def is_billed(self) -> bool:
        """Whether anything of it may be touched."""
        return self.mapping is not None and self.month >= self.mapping.bill_from

    @property
    def holds(self) -> set[Outcome]:
        return {line.outcome for line in self.told} & HELD

    def held(self, plan: Plan) -> set[Outcome]:
        """The holds of a plan's lines; what moved holds all. Seats may wait for a plan that lost its product, too."""
        waits = HELD | {Outcome.PRODUCT_UNMAPPED}
        return {
            line.outcome
            for line in self.told
            if line.outcome in waits and (line.plan is plan or line.outcome is Outcome.MOVED)
        }


def _cases(fixture: Fixture, pushed: dict[Month, PushedMonth] | None = None) -> list[_Case]:
    mappings, products = fixture.mappings(), fixture.products()
    lines = [(month, line) for month, one in (pushed or {}).items() for line in one.preview.lines]
    return [
        _Case(
            place,
            month,
            mappings.get(place),
            products,
            tuple(line for of, line in lines if (of, line.organization_id) == (month, organization_id(place))),
        )
        for place in ORGANIZATIONS
        for month in MONTHS
    ]


def _check_seats(fixture: Fixture, case: _Case) -> None:
    """Each seat of a mapped organization's month is billed once, to its company, or held."""
    if case.mapping is None or not case.is_billed or case.key in fixture.marks.unknowable:
        return
    for plan in Plan:
        if plan not in case.products:
            continue
        held, used = case.held(plan), fixture.oracle.used(case.place, case.month, plan)
        lines = fixture.oracle.lines(case.place, case.month, plan)
        seats = sum(line.seats for line in lines)
        if not held:
            assert seats == used, f"{seats} of {used} seats of {case} on {plan}: {lines}"
            assert {line.company_id for line in lines if line.seats} <= {case.mapping.company_id}
        elif held == {Outcome.CREDIT_DUE}:
            assert seats > used
            assert not [line for line in lines if line.open and line.quantity]


def _check_nothing_is_billed_by_hand_as_well(fixture: Fixture, case: _Case) -> None:
    """Where nothing is held, no line that people keep by hand bills the product in the days of an open one of ours."""
    if case.mapping is None or not case.is_billed or case.key in fixture.marks.touched:
        return
    for plan, product in case.products.items():
        if case.held(Plan(plan)):
            continue
        ours = {line.id for line in fixture.oracle.lines()}
        unmarked = billing_by_hand(fixture, case.mapping.agreement_id, product)
        by_hand = [one for one in unmarked if one["id"] not in ours]
        for line in fixture.oracle.lines(case.place, case.month, Plan(plan)):
            if line.open and line.next_invoice is not None and line.quantity:
                last = fixture.oracle.record(line.id)["cancelledDate"]
                assert not [one for one in by_hand if bills_the_days_of(one, line, last)], (case, line, by_hand)


def _check_trial(fixture: Fixture, case: _Case) -> None:
    """What is open of a trial month bills nobody, and no more than was used; after it, nothing is left over of it."""
    mapping = case.mapping
    if mapping is None or not case.is_billed or case.key not in fixture.marks.trials - fixture.marks.touched:
        return
    is_trial = case.month < mapping.bill_from.plus(mapping.trial_months)
    for plan in map(Plan, case.products):
        lines = fixture.oracle.lines(case.place, case.month, plan)
        carrying = [one for one in lines if one.open and one.next_invoice is not None and one.quantity]
        if carrying and not case.held(plan):
            assert sum(one.quantity for one in carrying) <= fixture.oracle.used(case.place, case.month, plan)
            billable = {fixture.oracle.record(one.id)["billCustomer"] == "Billable" for one in carrying}
            assert billable == {not is_trial}, (case, carrying)


def _check_lines_by_hand(fixture: Fixture) -> None:
    """What people keep by hand is as they left it, and ends only where they let us end it."""
    for number, last_day in fixture.by_hand.items():
        record = fixture.connectwise.tables["additions"][number]
        ends = record.get("cancelledDate")
        assert (record["quantity"], ends and ends[:10]) == (12, last_day and str(last_day))


def _check_no_more_than_reported(fixture: Fixture, case: _Case) -> None:
    """Of no seat two are billed, also where a credit is due since the report has fewer now, or nothing is mapped."""
    if case.key in fixture.marks.touched or Outcome.AGREEMENT_CHANGED in case.holds:
        return
    for plan in Plan:
        assert fixture.oracle.seats(case.place, case.month, plan) <= fixture.most.get((case.place, case.month, plan), 0)


def _check_holds(fixture: Fixture, case: _Case) -> None:
    """What is held has its cause."""
    holds = case.holds
    if not holds or case.key in fixture.marks.unknowable:
        return
    assert case.mapping is not None
    lines = fixture.oracle.lines(case.place, case.month)
    agreements = fixture.connectwise.tables["agreements"]
    marks = fixture.marks
    deleted = {record["id"] for record in fixture.connectwise.records("companies") if record["deletedFlag"]}
    concerned = [agreements[number] for number in {case.mapping.agreement_id, *(line.agreement_id for line in lines)}]
    causes = {
        Outcome.MOVED: any(line.company_id != case.mapping.company_id and not line.open for line in lines),
        Outcome.INVOICE_UNCLEAR: case.key in marks.doubtful | marks.edited | marks.unclear
        or any(line.next_invoice is None for line in lines),
        Outcome.UNUSUAL: fixture.run.limits.hold or fixture.oracle.row(case.place, case.month) is None,
        Outcome.AGREEMENT_CHANGED: case.mapping.agreement_id in fixture.people.changed,
        Outcome.COMPANY_DELETED: any(one["company"]["id"] in deleted for one in concerned),
        Outcome.AGREEMENT_INACTIVE: any(
            fixture.connectwise.status_of(one) != "Active" or one.get("endDate") for one in concerned
        ),
        Outcome.CREDIT_DUE: any(line.seats for line in lines),
        Outcome.BILLED_BY_HAND: any(
            billing_by_hand(fixture, case.mapping.agreement_id, product) for product in case.products.values()
        ),
    }
    assert all(causes[hold] for hold in holds), case


def _check_exclusion(fixture: Fixture, case: _Case) -> None:
    """A row is not billed for the first reason that applies, and billed or held if none does."""
    rows = [
        row for row in fixture.sandbox.nordpass.usage(str(case.month)) if row["organization_id"] == case.organization
    ]
    told = [line.outcome for line in case.told if not line.also]
    lines = fixture.oracle.lines(case.place, case.month)
    assert len(told) == len(rows)
    for row, outcome in zip(rows, told, strict=True):
        excluded = _exclusion(row, case)
        if excluded is None and outcome is Outcome.PRODUCT_UNMAPPED:
            assert any(line.quantity for line in lines if line.open and line.plan not in case.products)
        elif excluded is None:
            assert outcome not in NOT_BILLED - {Outcome.ZERO_USAGE}
        else:
            assert outcome is excluded


def _exclusion(row: Record, case: _Case) -> Outcome | None:
    reasons = {
        Outcome.NOT_MANAGED: not row["msp_managed"],
        Outcome.NFR: row["license_type"] == "NFR",
        Outcome.TRIAL: row["license_type"] == "Trial",
        Outcome.UNMAPPED: case.mapping is None,
        Outcome.BEFORE_BILL_FROM: not case.is_billed,
        Outcome.PRODUCT_UNMAPPED: row["plan"] not in case.products,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _check_nothing_is_left_to_write(fixture: Fixture) -> None:
    written = fixture.msp.written()
    again = fixture.sync(MONTHS)
    assert fixture.msp.written() == written
    assert {line.outcome for month in again for line in month.preview.lines} <= {Outcome.UNCHANGED} | NOT_BILLED | HELD


def _leave_out_copies_nobody_looks_at(fixture: Fixture) -> None:
    """Only the agreements of mapped companies are looked at each day."""
    for copy in fixture.people.copies:
        fixture.marks.unknowable |= {line.case for line in fixture.oracle.lines_on(copy)}


def _quantities(fixture: Fixture, case: _Case) -> dict[int, Decimal]:
    return {line.id: line.quantity for line in fixture.oracle.lines(case.place, case.month)}
