"""What people and organizations do between two syncs of a month, and what the next sync makes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.reports.unbilled import missing_usage
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.release import release_lines, unusual_month
from cw_pipeline.sync.due_months import Why, unpushed_months
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.support.fake_msp import (
    ENTERPRISE_PRODUCT,
    FEBRUARY,
    MAPPED,
    MARCH,
    OTHER_PRODUCT,
    additions_of,
    agreement_id,
    company_id,
)
from cw_pipeline_tests.sync.one_company import ONE, SPARE, the_line

if TYPE_CHECKING:
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.fake_msp import Msp


def due(msp: Msp) -> dict[Month, Why]:
    """The months that have to be pushed, with why."""
    with msp.run.warehouse.transaction() as session:
        return unpushed_months(session, msp.run.psa, FEBRUARY, datetime(2026, 4, 1, tzinfo=UTC))


def assert_repeat_writes_nothing(msp: Msp) -> None:
    written = msp.written()
    msp.sync()
    assert msp.written() == written


def test_a_new_line_names_its_month_and_lies_in_one_open_period(synced: Msp) -> None:
    line = the_line(synced)
    assert line["serialNumber"] == f"NP:2026-03:B:{organization_id(ONE)}"
    assert (line["effectiveDate"], line["cancelledDate"]) == ("2026-04-01T00:00:00Z", "2026-04-30T00:00:00Z")
    assert line["invoiceDescription"] == "NordPass Business: seats used in March 2026"
    assert line["agreementId"] == agreement_id(ONE)


def test_what_other_vendors_have_on_the_agreements_is_never_touched(msp: Msp) -> None:
    before = msp.sandbox.connectwise.records("additions")
    msp.sync()
    msp.use(8)
    msp.sync()
    assert msp.sandbox.connectwise.records("additions")[: len(before)] == before


def test_a_plan_change_moves_the_seats_to_the_other_plan_s_line(synced: Msp) -> None:
    synced.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["created"]
    assert [line.outcome for line in pushed.also(ONE)] == ["zeroed"]
    assert synced.quantities(ONE) == [0, 5]
    assert synced.lines(ONE)[1]["product"] == {"id": ENTERPRISE_PRODUCT}
    assert_repeat_writes_nothing(synced)


def test_a_remapped_company_s_open_line_moves_to_the_other_agreement(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    synced.map(ONE, agreement=agreement_id(SPARE))
    assert synced.sync().outcomes(ONE) == ["created"]
    assert [(line["agreementId"], line["quantity"]) for line in synced.lines(ONE)] == [
        (agreement_id(ONE), 0),
        (agreement_id(SPARE), 5),
    ]
    assert_repeat_writes_nothing(synced)


def test_a_remapped_product_s_open_line_moves_to_the_other_product(synced: Msp) -> None:
    synced.bill_as(Plan.BUSINESS, OTHER_PRODUCT)
    assert synced.sync().outcomes() == ["created"] * len(MAPPED)
    assert synced.quantities(ONE) == [0, 5]
    assert synced.lines(ONE)[1]["product"] == {"id": OTHER_PRODUCT}
    assert_repeat_writes_nothing(synced)


def test_an_open_line_that_was_edited_by_hand_is_overwritten(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(synced)["id"], quantity=99)
    assert synced.sync().outcomes(ONE) == ["updated"]
    assert synced.quantities(ONE) == [5]


def test_an_open_line_that_was_deleted_by_hand_is_created_again(synced: Msp) -> None:
    synced.sandbox.connectwise.delete_addition(agreement_id(ONE), the_line(synced)["id"])
    assert synced.sync().outcomes(ONE) == ["created"]
    assert synced.quantities(ONE) == [5]


def test_a_line_that_was_duplicated_by_hand_is_billed_once(synced: Msp) -> None:
    synced.sandbox.connectwise.duplicate_addition(agreement_id(ONE), the_line(synced)["id"])
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["unchanged"]
    (also,) = pushed.also(ONE)
    assert also.outcome == "zeroed"
    assert "has the serial number of another line" in also.reason
    assert synced.quantities(ONE) == [5, 0]
    assert_repeat_writes_nothing(synced)


def test_a_correction_after_invoicing_bills_only_the_difference_in_the_next_period(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    synced.use(7, ONE)
    assert synced.sync().outcomes(ONE) == ["created"]
    assert synced.quantities(ONE) == [5, 2]
    assert synced.lines(ONE)[1]["effectiveDate"] == "2026-05-01T00:00:00Z"
    assert_repeat_writes_nothing(synced)
    (invoice,) = synced.sandbox.connectwise.invoice(agreement_id(ONE))
    ours = [line for line in invoice["lines"] if (line["serial_number"] or "").startswith("NP:")]
    assert [line["quantity"] for line in ours] == [2]


def test_an_unchanged_month_after_invoicing_is_left_alone(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    assert synced.sync().outcomes(ONE) == ["unchanged"]
    assert synced.quantities(ONE) == [5]


def test_seats_that_were_invoiced_too_much_are_a_person_s_to_credit(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    synced.use(3, ONE)
    written = synced.written()
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["credit_due"]
    assert pushed.line(ONE).reason.startswith("Invoiced too much: 2 seats.")
    assert pushed.month.succeeded
    assert synced.written() == written


def test_an_open_rest_is_set_to_0_where_a_credit_is_due(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    synced.use(7, ONE)
    synced.sync()
    synced.use(3, ONE)
    assert synced.sync().outcomes(ONE) == ["credit_due"]
    assert synced.quantities(ONE) == [5, 0]


def test_an_invoiced_line_that_was_edited_is_held_until_a_person_decides(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    synced.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(synced)["id"], quantity=9)
    synced.use(12)
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["invoice_unclear"]
    assert "and invoiced, but now has 9 from 2026-04-01 to 2026-04-30" in pushed.line(ONE).reason
    assert synced.quantities(ONE) == [9]
    assert synced.quantities(MAPPED[1]) == [12]


def test_an_organization_that_moved_to_another_company_after_invoicing_is_held(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(agreement_id(ONE))
    synced.map(ONE, company=company_id(SPARE), agreement=agreement_id(SPARE))
    synced.use(9, ONE)
    assert synced.sync().outcomes(ONE) == ["moved"]
    assert synced.quantities(ONE) == [5]


def test_an_organization_that_moved_to_another_company_before_invoicing_is_billed_there(synced: Msp) -> None:
    synced.map(ONE, company=company_id(SPARE), agreement=agreement_id(SPARE))
    assert synced.sync().outcomes(ONE) == ["created"]
    assert synced.quantities(ONE) == [0, 5]


@pytest.mark.parametrize(
    ("change", "becomes"),
    [
        ({"cancelledFlag": True}, "agreement_inactive"),
        ({"noEndingDateFlag": False, "endDate": "2026-03-31T00:00:00Z"}, "agreement_inactive"),
        ({"startDate": "2026-06-01T00:00:00Z"}, "agreement_inactive"),
    ],
    ids=["cancelled", "ended", "not begun"],
)
def test_nothing_is_written_to_an_agreement_that_is_not_active(
    synced: Msp, change: dict[str, Any], becomes: str
) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(ONE), **change)
    assert synced.sync().outcomes(ONE) == [becomes]  # nothing will bill the line that is right
    synced.use(8)
    assert synced.sync().outcomes(ONE) == [becomes]
    assert synced.quantities(ONE) == [5]
    assert synced.quantities(MAPPED[1]) == [8]


def test_nothing_is_written_for_a_deleted_company(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_company(company_id(ONE), deletedFlag=True)
    synced.use(8, ONE)
    assert synced.sync().outcomes(ONE) == ["company_deleted"]
    assert synced.quantities(ONE) == [5]


def test_nothing_is_written_for_a_company_that_was_merged_into_another(synced: Msp) -> None:
    synced.sandbox.connectwise.remove_company(company_id(ONE), merged_into=company_id(SPARE))
    synced.use(8, ONE)
    assert synced.sync().outcomes(ONE) == ["moved"]
    assert synced.quantities(ONE) == [5]


@pytest.mark.parametrize(
    ("change", "becomes"),
    [({"license_type": "NFR"}, "nfr"), ({"license_type": "Trial"}, "trial"), ({"msp_managed": False}, "not_managed")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_organization_no_longer_billed_has_its_open_line_set_to_0(
    synced: Msp, change: dict[str, Any], becomes: str
) -> None:
    synced.sandbox.nordpass.edit_organization(organization_id(ONE), **change)
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == [becomes]
    assert [(line.outcome, line.seats) for line in pushed.also(ONE)] == [("zeroed", Decimal(5))]
    assert synced.quantities(ONE) == [0]


def test_an_organization_missing_from_the_report_keeps_its_line_until_released(synced: Msp) -> None:
    synced.use(None, ONE)
    (held,) = synced.sync().also(ONE)
    assert (held.outcome, held.seats) == ("unusual", 5)
    assert f"`cw-pipeline lines release --month 2026-03 --organization {organization_id(ONE)}`" in held.reason
    assert synced.quantities(ONE) == [5]
    assert MARCH not in due(synced)
    with pytest.raises(NotPossible, match="`cw-pipeline lines release --month 2026-03"):
        accept_lines(synced.run, MARCH, organization_id(ONE))
    (released,) = release_lines(synced.run, unusual_month(synced.run, MARCH), [organization_id(ONE)])
    assert released.seats == 5
    assert due(synced)[MARCH] is Why.LINES
    with synced.run.warehouse.transaction() as session:
        assert missing_usage(session) == []
    assert [line.outcome for line in synced.sync().also(ONE)] == ["zeroed"]
    assert synced.quantities(ONE) == [0]


def test_a_released_absence_is_held_again_when_the_report_changes(synced: Msp) -> None:
    synced.use(None, ONE)
    synced.sync()
    release_lines(synced.run, unusual_month(synced.run, MARCH), None)
    synced.use(6, MAPPED[1])
    assert [line.outcome for line in synced.sync().also(ONE)] == ["unusual"]
    assert synced.quantities(ONE) == [5]


def test_a_line_set_to_0_is_used_again_when_usage_returns(synced: Msp) -> None:
    synced.use(0, ONE)
    assert synced.sync().outcomes(ONE) == ["zeroed"]
    synced.use(4, ONE)
    assert synced.sync().outcomes(ONE) == ["updated"]
    assert synced.quantities(ONE) == [4]


def test_the_seats_over_all_outcomes_are_those_of_the_report(synced: Msp) -> None:
    preview = synced.sync().month.preview
    seats = sum(row["consumed_licenses"] for row in synced.sandbox.nordpass.usage("2026-03"))
    assert sum(tally.seats for tally in preview.outcomes.values()) == seats == preview.usage_seats


def test_seats_are_not_added_before_they_can_be_taken_away(synced: Msp) -> None:
    synced.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    synced.use(8, *MAPPED[1:])
    synced.sandbox.faults.add(FaultKind.STATUS, method="PATCH", path=additions_of(ONE), status=400, reply="{}")
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["rejected"]
    assert "no seat is billed twice" in pushed.line(ONE).reason
    assert [line.outcome for line in pushed.also(ONE)] == ["rejected"]
    assert pushed.outcomes(*MAPPED[1:]) == ["updated"] * (len(MAPPED) - 1)
    assert synced.quantities(ONE) == [5]
    assert synced.sync().outcomes(ONE) == ["created"]
    assert synced.quantities(ONE) == [0, 5]


def test_seats_are_not_added_while_taking_them_away_is_unconfirmed(synced: Msp) -> None:
    synced.sandbox.nordpass.edit_organization(organization_id(ONE), plan="Enterprise")
    synced.sandbox.faults.add(FaultKind.SILENT_200, method="PATCH", path=additions_of(ONE))
    assert synced.sync().outcomes(ONE) == ["unconfirmed"]
    assert synced.quantities(ONE) == [5]
    assert synced.sync().outcomes(ONE) == ["created"]
    assert synced.quantities(ONE) == [0, 5]


def test_seats_stay_where_they_are_while_their_old_agreement_cannot_be_written(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    synced.sandbox.connectwise.edit_agreement(agreement_id(ONE), cancelledFlag=True)
    synced.map(ONE, agreement=agreement_id(SPARE))
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["agreement_inactive"]
    assert [line.outcome for line in pushed.also(ONE)] == ["agreement_inactive"]
    assert synced.quantities(ONE) == [5]
