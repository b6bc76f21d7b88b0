"""Our invoiced lines beside the invoices, in both ways that a role may read them, whatever they say of a line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.reports.reconcile.lines import Reason
from cw_pipeline.reports.reconcile.read import InvoicesNotReadable, Source
from cw_pipeline.reports.reconcile.reconcile import reconcile
from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES, Right
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow
from cw_pipeline.wording.reconciliation import what_to_do
from cw_pipeline_tests.support.by_hand import keep_by_hand
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import FEBRUARY, MAPPED, MARCH, agreement_id, company_id
from cw_pipeline_tests.sync.renewals import lose_the_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.reports.reconcile.reconcile import ReconciledLine, Reconciliation
    from cw_pipeline_tests.support.fake_msp import Msp

ONE, TWO, THREE = MAPPED
WITH_INVOICES = SEED_ROLE | {Right.INVOICING_INQUIRE, Right.PRODUCTS_INQUIRE}
WITH_REPORTS = SEED_ROLE | {Right.API_REPORTS_INQUIRE}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose role may read invoices."""
    with Sandbox(today=TODAY, reads_invoices=True) as running:
        yield running


@pytest.fixture(params=[WITH_INVOICES, WITH_REPORTS], ids=["invoices", "report"])
def billed(synced: Msp, request: pytest.FixtureRequest) -> Msp:
    """The lines of March are invoiced to all three, and the role can read invoices in one way."""
    synced.sandbox.connectwise.set_role(request.param)
    name_agreements(synced)
    find_drift(synced.run, TODAY)
    for place in MAPPED:
        synced.sandbox.connectwise.invoice(agreement_id(place))
    find_drift(synced.run, TODAY)
    return synced


def name_agreements(msp: Msp) -> None:
    """Let the warehouse have the agreements' names, as an import does."""
    with msp.run.warehouse.transaction() as session:
        for record in msp.sandbox.connectwise.records("agreements"):
            if agreement := session.get(AgreementRow, record["id"]):
                agreement.name = record["name"]


def look(msp: Msp) -> Reconciliation:
    """What is found, which only reads."""
    writes = msp.written()
    found = reconcile(msp.run, {MARCH})
    assert msp.written() == writes
    return found


def the_difference(msp: Msp) -> tuple[Reason | None, Decimal | None, Decimal | None]:
    (line,) = look(msp).differing
    assert line.company is not None
    assert line.company.id == company_id(ONE)
    return line.reason, line.seats, line.difference


def number_of(msp: Msp, place: int = ONE) -> int:
    """The last invoice of a customer."""
    invoice = msp.sandbox.connectwise.last_invoice(agreement_id(place))
    assert invoice is not None
    return invoice["number"]


def line_of(msp: Msp, place: int = ONE) -> int:
    return msp.lines(place)[0]["id"]


def test_what_is_billed_as_pushed_has_no_difference(billed: Msp) -> None:
    found = look(billed)
    assert found.differing == []
    first = found.lines[0]
    assert [(line.seats, line.invoiced_seats, line.difference) for line in found.lines] == [(5, 5, 0)] * 3
    (invoice,) = first.invoices
    assert (first.month, first.addition_id) == (MARCH, line_of(billed, place_of(first)))
    assert (invoice.number, invoice.date) == (str(number_of(billed, place_of(first))), TODAY)
    assert reconcile(billed.run, {FEBRUARY}).lines == ()


def place_of(line: ReconciledLine) -> int:
    return int(line.agreement.id) - agreement_id(0)


@pytest.mark.parametrize("carried", [["serial_number", "description"], ["description"], []])
def test_lines_are_told_apart_by_whatever_invoices_have_of_them(billed: Msp, carried: list[str]) -> None:
    billed.sandbox.connectwise.change_settings(invoices_have=carried)
    found = look(billed)
    assert [line.difference for line in found.lines] == [0, 0, 0]
    assert found.by_quantity is (not carried)
    billed.sandbox.connectwise.edit_invoice(number_of(billed), quantities={line_of(billed): Decimal(4)})
    reason = Reason.QUANTITY_DIFFERS if carried else Reason.INVOICE_GONE
    assert the_difference(billed)[0] is reason


def test_an_edited_line_of_an_invoice_differs(billed: Msp) -> None:
    billed.sandbox.connectwise.edit_invoice(number_of(billed), quantities={line_of(billed): Decimal(3)})
    assert the_difference(billed) == (Reason.QUANTITY_DIFFERS, 5, -2)


@pytest.mark.parametrize("moves_date", [True, False])
def test_a_deleted_invoice_is_named(billed: Msp, *, moves_date: bool) -> None:
    number = number_of(billed)
    billed.sandbox.connectwise.delete_invoice(number, moves_date=moves_date)
    assert the_difference(billed) == (Reason.INVOICE_GONE, 5, -5)
    assert look(billed).differing[0].noted_invoice == str(number)


def test_a_period_that_was_written_off_is_on_no_invoice(synced: Msp) -> None:
    synced.sandbox.connectwise.write_off_period(agreement_id(ONE))
    find_drift(synced.run, TODAY)
    assert the_difference(synced) == (Reason.NOT_INVOICED, 5, -5)


def test_a_period_that_is_invoiced_again_is_billed_twice(billed: Msp) -> None:
    bill_twice(billed)
    assert the_difference(billed) == (Reason.BILLED_TWICE, 5, 5)
    assert len(look(billed).differing[0].invoices) == 2


def test_a_line_in_two_prorated_periods_is_billed_in_parts(msp: Msp) -> None:
    connectwise = msp.sandbox.connectwise
    connectwise.edit_agreement(agreement_id(ONE), prorateFlag=True, nextInvoiceDate="2026-03-16")
    with msp.run.warehouse.transaction() as session:
        session.get_one(AgreementRow, agreement_id(ONE)).prorates = True
    connectwise.change_settings(periods="calendar")
    msp.sync()
    connectwise.invoice(agreement_id(ONE), until=date(2026, 4, 1))
    (line,) = look(msp).lines
    assert (len(line.invoices), line.invoiced_seats, line.reason) == (2, 5, None)


def trial_since_february(msp: Msp) -> None:
    msp.map(ONE, bill_from=FEBRUARY)
    with msp.run.warehouse.transaction() as session:
        session.get_one(CompanyMappingRow, organization_id(ONE)).trial_months = 2


def test_a_trial_month_is_to_be_on_no_invoice(msp: Msp) -> None:
    trial_since_february(msp)
    msp.sync()
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    find_drift(msp.run, TODAY)
    (line,) = look(msp).lines
    assert (line.seats, line.invoiced_seats, line.reason) == (0, 0, None)


def test_a_void_invoice_bills_nothing_as_far_as_it_can_be_seen(billed: Msp) -> None:
    billed.sandbox.connectwise.edit_invoice(number_of(billed), status="Voided")
    if look(billed).source is Source.REPORT:
        assert look(billed).differing == []  # the report has no status
    else:
        assert the_difference(billed) == (Reason.INVOICE_GONE, 5, -5)


def test_without_a_right_it_says_which_and_nothing_else_changes(billed: Msp) -> None:
    for role in (SEED_ROLE, SEED_ROLE | {Right.INVOICING_INQUIRE}):
        billed.sandbox.connectwise.set_role(role)
        with pytest.raises(InvoicesNotReadable, match="Finance > Invoicing: Inquire and Procurement > Products"):
            look(billed)
    assert billed.sync().outcomes() == ["unchanged"] * 3


def test_with_all_rights_few_requests_are_sent(billed: Msp) -> None:
    for role, paths in {
        SEED_ROLE | TO_READ_INVOICES: ["/procurement/products", "/finance/invoices"],
        WITH_REPORTS: ["/procurement/products", "/system/reports/Product"],
    }.items():
        billed.sandbox.connectwise.set_role(role)
        billed.sandbox.journal.clear()
        look(billed)
        assert [entry.path.partition("/apis/3.0")[2] for entry in billed.sandbox.journal.entries()] == paths


# --- what it says to do ---


def bill_twice(msp: Msp) -> None:
    msp.sandbox.connectwise.edit_agreement(agreement_id(ONE), nextInvoiceDate="2026-04-01")
    msp.sandbox.connectwise.invoice(agreement_id(ONE))


def accept(msp: Msp, quantity: int) -> None:
    """Set the line, and accept it, as the advice says."""
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), line_of(msp), quantity=quantity)
    command = f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}`"
    assert command in (what_to_do(look(msp).differing[0]) or "")
    accept_lines(msp.run, MARCH, organization_id(ONE))


@pytest.mark.parametrize("billed", [WITH_INVOICES], indirect=True)
@pytest.mark.parametrize(
    ("said", "accepted", "then", "quantities"),
    [
        ("Invoice 1 bills 3 seats for 5 seats. Correct the invoice.", 3, "created", [3, 2]),
        ("Invoices 1 and 4 bill 10 seats for 5 seats. Take the line off one", 10, "credit_due", [10]),
        ("Invoice 1, made for its period, is deleted or void, or no longer has line", 0, "created", [0, 5]),
    ],
)
def test_what_it_says_to_do_settles_a_difference(
    billed: Msp, *, said: str, accepted: int, then: str, quantities: list[int]
) -> None:
    number, connectwise = number_of(billed), billed.sandbox.connectwise
    match accepted:
        case 3:
            connectwise.edit_invoice(number, quantities={line_of(billed): Decimal(3)})
        case 10:
            bill_twice(billed)
        case _:
            connectwise.delete_invoice(number, moves_date=False)
    (line,) = look(billed).differing
    assert (what_to_do(line) or "").startswith(said)
    accept(billed, accepted)
    assert look(billed).differing == []
    assert billed.sync().outcomes(ONE) == [then]
    assert billed.quantities(ONE) == quantities


def test_an_invoice_that_is_made_again_settles_a_deleted_one(billed: Msp) -> None:
    billed.sandbox.connectwise.delete_invoice(number_of(billed))
    assert len(look(billed).differing) == 1
    billed.sandbox.connectwise.invoice(agreement_id(ONE))
    assert look(billed).differing == []


def test_a_line_kept_by_hand_is_not_taken_for_a_trial_month_s(msp: Msp) -> None:
    """Nothing of ours is on any invoice, so that none names a line of ours."""
    for place in MAPPED:
        with msp.run.warehouse.transaction() as session:
            session.get_one(CompanyMappingRow, organization_id(place)).trial_months = 2
    keep_by_hand(msp.sandbox.connectwise, agreement_id(ONE), 5)
    msp.sync()
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    find_drift(msp.run, TODAY)
    assert look(msp).differing == []


def test_a_trial_month_found_by_a_rebuild_is_on_no_invoice(msp: Msp) -> None:
    trial_since_february(msp)
    msp.sync()
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    lose_the_warehouse(msp)
    trial_since_february(msp)
    rebuild(msp.run)
    (line,) = [one for one in look(msp).lines if one.organization.id == organization_id(ONE)]
    assert (line.seats, line.reason) == (0, None)
