"""Trial months, on both databases: what is written and billed, and what becomes of it when a trial begins or ends."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.month_lines import MonthLine, month_lines
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.mapping import left_behind
from cw_pipeline.warehouse.tables import CompanyMappingRow, LedgerEntry, PushLineRow
from cw_pipeline_tests.support.by_hand import keep_by_hand
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, Msp, agreement_id
from cw_pipeline_tests.sync.renewals import JANUARY, MONTHS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.vocabulary import Month

ONE, TWO, _ = MAPPED
HERE = agreement_id(ONE)


def on_trial(msp: Msp, months: int) -> None:
    """Map the first organization anew, with so many trial months from January on."""
    msp.map(ONE, bill_from=JANUARY)
    with msp.run.warehouse.transaction() as session:
        session.get_one(CompanyMappingRow, organization_id(ONE)).trial_months = months


def billed(msp: Msp, month: Month) -> list[tuple[str, int]]:
    return [(line["billCustomer"], int(line["quantity"])) for line in msp.lines(ONE, month)]


def month_of(msp: Msp, month: Month) -> Sequence[MonthLine]:
    """A month as people read it."""
    (preview,) = msp.preview(month)
    with msp.run.warehouse.transaction() as session:
        return month_lines(session, msp.run.psa, preview.preview).lines


@pytest.fixture
def trial(since_january: Msp) -> Msp:
    """Three companies billed since January, one of them after two trial months, and billed by hand as well."""
    on_trial(since_january, 2)
    keep_by_hand(since_january.sandbox.connectwise, HERE, 12, last=date(2026, 2, 28))
    assert since_january.sync(*MONTHS).outcomes() == ["created"] * len(MAPPED)
    return since_january


def test_trial_months_bill_nobody_and_then_it_is_billed(trial: Msp) -> None:
    assert [billed(trial, month) for month in MONTHS] == [[("DoNotBill", 5)], [("DoNotBill", 5)], [("Billable", 5)]]
    trial.sandbox.connectwise.invoice(HERE, until=date(2026, 3, 1))
    assert trial.sync(*MONTHS).outcomes() == ["unchanged"] * len(MAPPED)
    ours = {line["id"] for month in MONTHS for line in trial.lines(ONE, month)}
    invoices = [invoice for invoice in trial.sandbox.connectwise.invoices() if invoice["agreement_id"] == HERE]
    on_invoices = [
        line["addition_id"] for invoice in invoices for line in invoice["lines"] if line["addition_id"] in ours
    ]
    assert on_invoices == [trial.lines(ONE, MARCH)[0]["id"]]
    with trial.run.warehouse.transaction() as session:
        told = {
            (line.organization_id, line.by_hand)
            for line in session.query(PushLineRow)
            if line.organization_id in {organization_id(ONE), organization_id(TWO)}
        }
        entries = session.query(LedgerEntry).filter_by(organization_id=organization_id(ONE), kind="confirmed")
        assert [bool(entry.trial) for entry in entries] == [True, True, False]
    assert told == {(organization_id(ONE), 12), (organization_id(ONE), None), (organization_id(TWO), None)}


def test_a_trial_that_ends_early_is_billed_but_for_what_was_invoiced(trial: Msp) -> None:
    trial.sandbox.connectwise.invoice(HERE, until=date(2026, 1, 1))
    trial.sync(*MONTHS)
    on_trial(trial, 0)
    assert trial.sync(FEBRUARY).outcomes(ONE) == ["billed_by_hand"]
    by_hand = max(line["id"] for line in trial.sandbox.connectwise.additions(HERE) if "serialNumber" not in line)
    trial.sandbox.connectwise.edit_addition(HERE, by_hand, cancelledDate="2026-01-31T00:00:00Z")
    trial.sync(*MONTHS)
    assert billed(trial, JANUARY) == [("DoNotBill", 5)]
    assert billed(trial, FEBRUARY) == [("DoNotBill", 0), ("Billable", 5)]
    written = trial.written()
    assert trial.sync(*MONTHS).outcomes() == ["unchanged"] * len(MAPPED)
    assert trial.written() == written
    (january,) = [billed for billed in month_of(trial, JANUARY) if billed.organization.id == organization_id(ONE)]
    assert (january.owed, january.billed) == (5, 0)
    assert "Invoiced already: 5 seats, 5 of them to nobody, because it was a trial month." in january.line.reason


def test_what_is_left_behind_on_trial_bills_nobody(trial: Msp) -> None:
    (march,) = trial.lines(ONE, MARCH)
    with trial.run.warehouse.transaction() as session:
        behind = left_behind(session, trial.run.psa)[organization_id(ONE)]
    assert f"billed as they are: line {march['id']} of 5 for 2026-03 on agreement {HERE}. Set" in behind


def test_a_trial_that_begins_later_takes_back_what_is_not_invoiced(trial: Msp) -> None:
    on_trial(trial, 3)
    trial.sync(*MONTHS)
    assert billed(trial, MARCH) == [("Billable", 0), ("DoNotBill", 5)]


def test_a_line_that_connectwise_bills_all_the_same_is_unconfirmed(since_january: Msp) -> None:
    msp = since_january
    on_trial(msp, 3)
    spoiled = msp.sandbox.faults.add
    spoiled(FaultKind.SPOILED, method="POST", path="/additions", members={"billCustomer": "Billable"}, times=None)
    spoiled(FaultKind.SPOILED, method="GET", path="/additions", members={"billCustomer": "Billable"}, times=None)
    msp.fetch(*MONTHS)
    msp.preview(*MONTHS)
    lines = [line for pushed in msp.push(*MONTHS) for line in pushed.preview.lines]
    reasons = [line.reason for line in lines if line.outcome.value == "unconfirmed"]
    assert [" as Billable instead of 5 with the serial number " in reason for reason in reasons] == [True] * 3
    msp.sandbox.faults.clear()
    assert msp.sync(*MONTHS).outcomes() == ["unchanged"] * len(MAPPED)
    assert [billed(msp, month) for month in MONTHS] == [[("DoNotBill", 5)]] * 3
