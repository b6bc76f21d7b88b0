"""Drift: everything that people may do by hand in ConnectWise is found, and nothing that we do ourselves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse import tables
from cw_pipeline_tests.reports.drift import ONE, SPARE, SYNC, THREE, TWO, drift, edit, the_finding, the_line
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    BUSINESS_PRODUCT,
    FEBRUARY,
    MARCH,
    OTHER_PRODUCT,
    Msp,
    additions_of,
    agreement_id,
    company_id,
)

OF_THE_COMPANIES = 5
"""The agreements of the three companies: two have another one each."""

# --- what is no drift ---


def test_what_was_never_synced_has_not_drifted(msp: Msp) -> None:
    assert drift(msp) == []


def test_nothing_that_a_sync_does_is_drift(synced: Msp) -> None:
    synced.use(5, month=FEBRUARY)
    synced.use(0, TWO)
    synced.sandbox.nordpass.edit_organization(organization_id(THREE), plan="Enterprise")
    synced.sync(FEBRUARY, MARCH)
    assert drift(synced) == []
    synced.sandbox.connectwise.invoice(until=TODAY)
    assert drift(synced) == []
    synced.use(8, ONE)
    synced.sync(FEBRUARY, MARCH)
    assert synced.quantities(ONE) == [5, 3]
    assert drift(synced) == []


@pytest.mark.parametrize(
    ("ends_empty", "most"), [(False, 4), (True, 8)], ids=["full pages", "an empty page at the end"]
)
def test_drift_reads_each_agreement_s_lines_once_and_four_lists_besides(
    synced: Msp, *, ends_empty: bool, most: int
) -> None:
    synced.sandbox.connectwise.change_settings(numbered_pages_end_with_empty_page=ends_empty)
    assert drift(synced) == []
    reads = [entry.path.partition("?")[0] for entry in synced.sandbox.journal.reads("/v4_6_release/")]
    lines = Counter(path for path in reads if path.endswith("/additions"))
    assert list(lines.values()) == [1] * OF_THE_COMPANIES
    assert len(reads) - OF_THE_COMPANIES <= most


def test_lines_left_behind_by_a_mapping_that_was_changed_are_no_drift(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    synced.map(ONE, agreement=agreement_id(SPARE))
    synced.bill_as(Plan.BUSINESS, OTHER_PRODUCT)
    synced.sync()
    assert synced.quantities(ONE) == [0, 5]
    assert drift(synced) == []
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), synced.lines(ONE)[0]["id"])
    assert drift(synced) == []


def test_what_an_unmapping_left_behind_is_left_to_people(synced: Msp) -> None:
    edit(synced, quantity=9)
    with synced.run.warehouse.transaction() as session:
        session.query(tables.CompanyMappingRow).filter_by(organization_id=organization_id(ONE)).delete()
    assert drift(synced) == []


def test_lines_before_the_first_month_that_is_billed_are_left_to_people(synced: Msp) -> None:
    edit(synced, quantity=9)
    synced.map(ONE, bill_from=MARCH.plus(1))
    assert drift(synced) == []


def test_a_write_that_is_not_settled_yet_is_no_drift(msp: Msp) -> None:
    msp.fetch()
    msp.preview()
    msp.sandbox.faults.add(FaultKind.RESET_AFTER, method="POST", path=additions_of(ONE))
    msp.sandbox.faults.add(FaultKind.STATUS, method="GET", path=additions_of(ONE), status=400, times=None)
    msp.push()
    msp.sandbox.faults.clear()
    assert (msp.ledger(ONE), msp.quantities(ONE)) == (["intent", "unconfirmed"], [5])
    assert drift(msp) == []


# --- lines ---


SERIAL_NUMBER = f"NP:2026-03:B:{organization_id(ONE)}"
BILLABLE = "Set it to Billable in ConnectWise before it is invoiced."
NOT_INCLUDED = "Set its included quantity to 0 in ConnectWise before it is invoiced."
EDITS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "more": ({"quantity": 9}, "quantity 5", "quantity 9", f"Set its quantity back, or run {SYNC}."),
    "nothing": ({"quantity": 0}, "quantity 5", "quantity 0", f"Set its quantity back, or run {SYNC}."),
    "product": (
        {"product": {"id": OTHER_PRODUCT}},
        f"product {BUSINESS_PRODUCT}",
        f"product {OTHER_PRODUCT}",
        f"Set its product back, or run {SYNC}.",
    ),
    "serial number": ({"serialNumber": None}, SERIAL_NUMBER, "no serial number", "Set its serial number back."),
    "not billed": (
        {"billCustomer": "DoNotBill"},
        "Billable",
        "DoNotBill",
        f"Line {{line}} is DoNotBill: its 5 seats are not billed. {BILLABLE}",
    ),
    "included": (
        {"lessIncluded": 3},
        "0 included",
        "3 included",
        f"Line {{line}} bills 2 of its 5 seats: 3 count as included in the agreement. {NOT_INCLUDED}",
    ),
    "several": (
        {"billCustomer": "NoCharge", "quantity": 4},
        "quantity 5, Billable",
        "quantity 4, NoCharge",
        f"Set its quantity back, or run {SYNC}. Line {{line}} is NoCharge: its 4 seats are not billed. {BILLABLE}",
    ),
}


@pytest.mark.parametrize(("fields", "expected", "found", "what_to_do"), EDITS.values(), ids=EDITS)
def test_an_open_line_that_was_edited_is_found(
    synced: Msp, fields: dict[str, Any], expected: str, found: str, what_to_do: str
) -> None:
    what_to_do = what_to_do.format(line=the_line(synced)["id"])
    edit(synced, **fields)
    assert the_finding(synced) == ("edited", expected, found, what_to_do)


@pytest.mark.parametrize("fields", [edit[0] for edit in EDITS.values()], ids=EDITS)
def test_drift_offers_a_sync_exactly_where_a_sync_mends_it(synced: Msp, fields: dict[str, Any]) -> None:
    edit(synced, **fields)
    synced.sync()
    left = [finding.what_to_do for finding in drift(synced)]
    assert not any(SYNC in sentence for sentence in left)
    assert bool(left) is not fields.keys().isdisjoint({"serialNumber", "billCustomer", "lessIncluded"})


@pytest.mark.parametrize("edited", ["product", "serial number"])
def test_after_invoicing_what_a_sync_cannot_mend_is_to_be_set_back(synced: Msp, edited: str) -> None:
    synced.sandbox.connectwise.invoice(until=TODAY)
    fields, expected, found, _ = EDITS[edited]
    edit(synced, **fields)
    assert the_finding(synced) == ("edited", expected, found, f"Set its {edited} back.")
    with pytest.raises(NotPossible, match="as it was written"):
        accept_lines(synced.run, MARCH, organization_id(ONE))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"cancelledDate": "2026-04-15T00:00:00Z"}, "2026-04-01 to 2026-04-15"),
        ({"cancelledDate": None}, "2026-04-01 to no last day"),
        ({"effectiveDate": None}, "no first day to 2026-04-30"),
        (
            {"effectiveDate": "2026-05-01T00:00:00Z", "cancelledDate": "2026-05-31T00:00:00Z"},
            "2026-05-01 to 2026-05-31",
        ),
    ],
    ids=["shortened", "for ever", "without a beginning", "later"],
)
def test_a_line_whose_days_were_changed_is_found(synced: Msp, fields: dict[str, Any], found: str) -> None:
    edit(synced, **fields)
    kind, expected, shown, what_to_do = the_finding(synced)
    assert (kind, expected, shown) == ("cancelled", "2026-04-01 to 2026-04-30", found)
    assert what_to_do == "Set its days back."


def test_days_that_may_have_been_invoiced_are_not_set_back(synced: Msp) -> None:
    edit(synced, effectiveDate="2026-03-10T00:00:00Z")
    kind, _, _, what_to_do = the_finding(synced)
    assert kind == "cancelled"
    assert what_to_do.startswith("See the invoice, set the line to what it billed, and accept that")


def test_a_line_that_was_deleted_is_found_until_it_is_made_again(synced: Msp) -> None:
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
    assert the_finding(synced) == ("deleted", "quantity 5", "no such line", f"{SYNC} makes a new one.")
    synced.sync()
    assert drift(synced) == []
    synced.sandbox.connectwise.invoice(until=TODAY)
    assert drift(synced) == []


def test_a_duplicated_line_is_found_until_it_is_set_to_0(synced: Msp) -> None:
    original = the_line(synced)["id"]
    synced.sandbox.connectwise.duplicate_addition(agreement_id(ONE), original)
    kind, expected, found, what_to_do = the_finding(synced)
    assert (kind, expected) == ("duplicated", f"only line {original}")
    assert found == f"quantity 5 with the serial number NP:2026-03:B:{organization_id(ONE)}"
    assert SYNC in what_to_do
    synced.sync()
    assert synced.quantities(ONE) == [5, 0]
    assert drift(synced) == []


def test_an_unknown_line_with_a_serial_number_of_ours_is_found(synced: Msp) -> None:
    lines = synced.sandbox.connectwise.additions(agreement_id(ONE))
    other = next(line for line in lines if not line.get("serialNumber"))
    synced.sandbox.connectwise.edit_addition(
        agreement_id(ONE), other["id"], serialNumber="NP:2024-12:B:someone", quantity=2
    )
    (finding,) = drift(synced)
    assert (finding.kind.value, finding.month, finding.organization_id) == ("duplicated", None, None)
    assert (finding.addition_id, finding.expected) == (other["id"], "no such line")


@pytest.mark.parametrize("deleted", [False, True], ids=["edited", "deleted"])
def test_an_invoiced_line_that_was_changed_is_found_until_it_is_accepted(synced: Msp, *, deleted: bool) -> None:
    synced.sandbox.connectwise.invoice(until=TODAY)
    if deleted:
        synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
    else:
        edit(synced, quantity=3, cancelledDate="2026-04-15T00:00:00Z")
    findings = drift(synced)
    assert {finding.kind.value for finding in findings} == ({"deleted"} if deleted else {"edited", "cancelled"})
    for finding in findings:
        assert f"lines accept --month 2026-03 --organization {organization_id(ONE)}" in finding.what_to_do
    accept_lines(synced.run, MARCH, organization_id(ONE))
    assert drift(synced) == []


# --- the order ---


def test_findings_come_lines_first_by_month_and_organization(synced: Msp) -> None:
    synced.use(5, month=FEBRUARY)
    synced.sync(FEBRUARY)
    for place, month in ((TWO, MARCH), (ONE, MARCH), (TWO, FEBRUARY)):
        (line,) = synced.lines(place, month)
        synced.sandbox.connectwise.edit_addition(agreement_id(place), line["id"], quantity=9)
    synced.sandbox.connectwise.edit_company(company_id(THREE), name="New Name")
    assert [(str(one.month), one.organization_id) for one in drift(synced)] == [
        ("2026-02", organization_id(TWO)),
        *(("2026-03", number) for number in sorted([organization_id(ONE), organization_id(TWO)])),
        ("None", organization_id(THREE)),
    ]
