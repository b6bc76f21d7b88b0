"""What a sync, a rebuild, a release and the search for drift read and write, on both databases.

The other tests of what is remembered, held, unusual or drifted run on SQLite: on PostgreSQL they would send the same
statements again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.unusual import Limits
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.setup.release import release_lines, unusual_month
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.reports.drift_of_invoices import ACCEPT, AGREEMENT, drift, the_finding
from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    MAPPED,
    MARCH,
    Msp,
    additions_of,
    agreement_id,
    company_id,
)
from cw_pipeline_tests.sync.renewals import MONTHS, OLD, ONE, assert_nothing_is_written, lose_the_warehouse

TWO = MAPPED[1]


def release(msp: Msp) -> None:
    """Release the one organization's usage of March."""
    released = release_lines(msp.run, unusual_month(msp.run, MARCH), [organization_id(ONE)])
    assert [line.organization_id for line in released] == [organization_id(ONE)]


def test_a_new_warehouse_writes_nothing_for_two_years_of_renewed_agreements(since_january: Msp) -> None:
    msp = since_january
    years = tuple(Month(2024, 4).until(MARCH))
    half = years[:12], years[12:]
    for place in MAPPED:
        msp.map(place, bill_from=years[0])
        for month in years:
            msp.use(7, place, month=month)
    renewed = {place: msp.sandbox.connectwise.copy_agreement(agreement_id(24)) for place in MAPPED}
    for place, number in renewed.items():
        msp.sandbox.connectwise.edit_agreement(agreement_id(place), nextInvoiceDate="2024-04-01")
        msp.sandbox.connectwise.edit_agreement(number, company=company_id(place), nextInvoiceDate="2025-04-01")
    msp.sync(*half[0])
    msp.sandbox.connectwise.invoice(until=date(2025, 3, 1))
    for place, number in renewed.items():
        msp.map(place, agreement=number, bill_from=years[0])
    msp.sync(*half[1])
    msp.sandbox.connectwise.invoice(until=date(2026, 3, 1))
    lose_the_warehouse(msp)
    for place, number in renewed.items():
        msp.map(place, agreement=number, bill_from=years[0])
    written = msp.written()
    assert msp.sync(*years).outcomes() == ["unchanged"] * len(MAPPED)
    assert msp.written() == written
    assert [[msp.quantities(place, month) for month in years] for place in MAPPED] == [[[7]] * 24] * 3


def test_a_rebuild_takes_corrections_that_the_backup_does_not_know_for_ours(
    invoiced_since_january: Msp,
) -> None:
    invoiced = invoiced_since_january
    lose_the_warehouse(invoiced)
    rebuild(invoiced.run)
    with invoiced.run.warehouse.transaction() as session:  # as a backup would have it: the line was written here
        for entry in session.query(tables.LedgerEntry).filter_by(kind="rebuilt"):
            entry.kind = EntryKind.CONFIRMED
    backup = replace(invoiced.run, run_id="run-after-the-backup")
    invoiced.use(8, ONE)
    assert replace(invoiced, run=backup).sync().outcomes(ONE) == ["created"]
    with invoiced.run.warehouse.transaction() as session:
        session.query(tables.LedgerEntry).filter_by(run_id=backup.run_id).filter(
            tables.LedgerEntry.intent_id.is_not(None)
        ).delete()
        session.query(tables.LedgerEntry).filter_by(run_id=backup.run_id, kind="intent").delete()
    (found,) = rebuild(invoiced.run).found
    assert found[1].quantity == 3
    assert_nothing_is_written(invoiced, MARCH)
    assert invoiced.quantities(ONE) == [5, 3]


def test_a_wrong_id_in_an_answer_makes_nobody_else_s_line_ours(since_january: Msp) -> None:
    msp = since_january
    others = [line for line in msp.sandbox.connectwise.additions(OLD) if not line.get("serialNumber")]
    answer = {
        "id": others[0]["id"],
        "product": {"id": BUSINESS_PRODUCT},
        "quantity": 4,
        "billCustomer": "Billable",
        "serialNumber": f"NP:2026-03:B:{organization_id(ONE)}",
    }
    msp.sandbox.faults.add(
        FaultKind.STATUS, method="POST", path=additions_of(ONE), status=201, reply=json.dumps(answer), written=False
    )
    assert msp.sync().outcomes(ONE) == ["unconfirmed"]
    assert msp.sync().outcomes(ONE) == ["created"]
    assert msp.quantities(ONE) == [5]
    assert [line for line in msp.sandbox.connectwise.additions(OLD) if not line.get("serialNumber")] == others


def test_unusual_usage_is_held_again_when_the_report_changes(
    since_january: Msp,
) -> None:
    msp = replace(since_january, run=replace(since_january.run, limits=Limits(hold=True)))
    assert msp.sync(*MONTHS).outcomes() == ["created"] * len(MAPPED)
    msp.use(25, ONE)
    msp.use(8, TWO)
    assert msp.sync().outcomes(ONE, TWO) == ["unusual", "updated"]
    assert (msp.quantities(ONE), msp.quantities(TWO)) == ([5], [8])
    release(msp)
    msp.use(26, ONE)
    assert msp.sync().outcomes(ONE) == ["unusual"]
    release(msp)
    assert msp.sync().outcomes(ONE) == ["updated"]
    assert msp.quantities(ONE) == [26]
    with msp.run.warehouse.transaction() as session:
        acts = [(act.subject, act.after) for act in session.query(tables.AuditEntry) if act.action == "release lines"]
    assert [subject for subject, _ in acts] == [f"2026-03 {organization_id(ONE)}"] * 2
    assert [after and after["seats"] for _, after in acts] == [{"Business": "25"}, {"Business": "26"}]


def test_copies_of_invoiced_lines_are_reported_until_a_person_accepts_them(
    synced_on_both_databases: Msp,
) -> None:
    invoiced = synced_on_both_databases
    invoiced.sandbox.connectwise.invoice(until=date(2026, 4, 1))
    invoiced.sync()
    copied = invoiced.sandbox.connectwise.copy_agreement(AGREEMENT)
    kind, _, what_to_do = the_finding(invoiced)
    assert kind == "duplicated"
    assert ACCEPT in what_to_do
    (copy,) = (line for line in invoiced.lines(ONE) if line["agreementId"] == copied)
    assert invoiced.sync().outcomes(ONE) == ["invoice_unclear"]
    invoiced.sandbox.connectwise.edit_addition(copied, copy["id"], quantity=0)
    accept_lines(invoiced.run, MARCH, organization_id(ONE))
    assert drift(invoiced) == []
    assert invoiced.sync().outcomes(ONE) == ["unchanged"]
