"""A record that cannot be read stops the organization that it concerns, by name, and nobody else."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.vocabulary import Plan
from cw_pipeline.wording.hold_reasons import CORRECT_IT
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    MAPPED,
    MARCH,
    OTHER_PRODUCT,
    Msp,
    Pushed,
    additions_of,
    agreement_id,
    company_id,
)
from cw_pipeline_tests.sync.spoiled import (
    AGREEMENT,
    ONE,
    OTHERS,
    RECORDS,
    Spoiled,
    assert_held_alone,
    assert_right,
    line_of_one,
    spoil,
)


@pytest.fixture
def synced(msp: Msp) -> Msp:
    """March was synced with 5 seats each, of which there are 8 now."""
    msp.sync()
    msp.use(8)
    return msp


@pytest.mark.parametrize("spoiled", RECORDS.values(), ids=RECORDS)
def test_an_unreadable_record_holds_only_its_organization_until_corrected(synced: Msp, spoiled: Spoiled) -> None:
    spoil(synced, spoiled)
    for outcome in ("updated", "unchanged"):
        pushed = synced.sync()
        reason = assert_held_alone(pushed, outcome)
        assert re.search(spoiled.says, reason)
        assert CORRECT_IT.rstrip(".") in reason
        assert reason.endswith("Then sync the month again.")
        assert pushed.month.succeeded  # a hold is a warning
    assert synced.quantities(ONE) == [5]
    assert_right(synced)


def test_an_unreadable_line_missing_from_its_list_holds_only_its_organization(msp: Msp) -> None:
    two = OTHERS[0]
    msp.map(two, company=company_id(ONE), agreement=AGREEMENT)
    msp.sync()
    msp.use(8)
    number, others = line_of_one(msp), msp.lines(two)
    msp.sandbox.faults.add(
        FaultKind.NOT_JSON,
        method="GET",
        path=f"{additions_of(ONE)}$",
        times=None,
        reply=json.dumps(others, default=int),
    )
    spoil(msp, replace(RECORDS["a line without a product"], path=f"{additions_of(ONE)}/{number}$"))
    assert f"Line {number} on agreement {AGREEMENT} cannot be read" in assert_held_alone(msp.sync(), "updated")
    assert_right(msp)


NAMELESS = {"agreements": ("/finance/agreements", AGREEMENT), "companies": ("/company/companies", company_id(ONE))}


@pytest.mark.parametrize(("path", "number"), NAMELESS.values(), ids=NAMELESS)
def test_a_record_without_its_id_is_asked_for_by_itself(synced: Msp, path: str, number: int) -> None:
    spoil(synced, Spoiled(f"{path}$", {"id": None}, "", lambda _: number))
    assert synced.sync().outcomes() == ["updated"] * len(MAPPED)
    spoil(synced, Spoiled(f"{path}/{number}$", {"id": None}, "", lambda _: number))
    synced.use(9)
    assert f"{number} " in assert_held_alone(synced.sync(), "updated")
    assert_right(synced, 9)


def test_a_company_is_searched_until_all_its_agreements_have_ids(synced: Msp) -> None:
    old = agreement_id(24)
    connectwise = synced.sandbox.connectwise
    connectwise.edit_agreement(old, company=company_id(1))
    line = {**synced.lines(OTHERS[0])[0], "agreementId": old, "serialNumber": f"NP:2026-03:B:{organization_id(1)}"}
    connectwise.insert("additions", {name: value for name, value in line.items() if name != "id"})
    synced.map(1)
    synced.use(8, 1)
    spoil(synced, Spoiled("/finance/agreements$", {"id": "1"}, "", lambda _: old))
    pushed = synced.sync()
    assert pushed.month.succeeded
    assert pushed.outcomes() == ["updated"] * len(MAPPED)
    assert_right(synced)
    assert sum(synced.quantities(1)) == 8


@pytest.mark.parametrize("name", [name for name in RECORDS if "line" not in name])
def test_nothing_is_created_while_the_agreement_or_company_cannot_be_read(msp: Msp, name: str) -> None:
    spoil(msp, RECORDS[name])
    assert_held_alone(msp.sync(), "created")
    assert msp.lines(ONE) == []
    assert_right(msp, 5)


def test_an_unreadable_line_unknown_to_the_ledger_holds_as_well(msp: Msp) -> None:
    connectwise = msp.sandbox.connectwise
    mark = f"NP:2026-03:B:{organization_id(ONE)}"
    line = {**connectwise.records("additions")[0], "agreementId": AGREEMENT, "serialNumber": mark}
    number = connectwise.insert("additions", {name: value for name, value in line.items() if name != "id"})["id"]
    spoil(msp, Spoiled(additions_of(ONE), {"product": None}, "", lambda _: number))
    assert f"Line {number} on agreement {AGREEMENT}" in assert_held_alone(msp.sync(), "created")
    assert len(msp.lines(ONE)) == 1


def test_seats_do_not_move_to_another_plan_past_an_unreadable_line(synced: Msp) -> None:
    synced.sandbox.nordpass.edit_organization(organization_id(ONE), plan=Plan.ENTERPRISE)
    spoil(synced, RECORDS["a line without a product"])
    assert_held_alone(pushed := synced.sync(), "updated")
    assert [line.outcome for line in pushed.also(ONE)] == ["invoice_unclear"]
    assert synced.quantities(ONE) == [5]
    assert_right(synced)


def test_an_unreadable_line_of_an_organization_no_longer_billed_is_reported(synced: Msp) -> None:
    synced.sandbox.nordpass.edit_organization(organization_id(ONE), license_type="Trial")
    spoil(synced, RECORDS["a line without a product"])
    pushed = synced.sync()
    assert pushed.outcomes(ONE) == ["trial"]
    assert [line.outcome for line in pushed.also(ONE)] == ["invoice_unclear"]


def test_a_line_of_somebody_else_does_not_matter(synced: Msp) -> None:
    connectwise = synced.sandbox.connectwise
    line = {**connectwise.additions(AGREEMENT)[0], "serialNumber": "SN-1", "product": {"id": OTHER_PRODUCT}}
    number = connectwise.insert("additions", {name: value for name, value in line.items() if name != "id"})["id"]
    spoil(synced, Spoiled(additions_of(ONE), {"product": None, "quantity": "many"}, "", lambda _: number))
    assert synced.sync().outcomes() == ["updated"] * len(MAPPED)


def test_an_unreadable_former_agreement_holds_while_seats_are_on_it(synced: Msp) -> None:
    other = 24
    synced.map(ONE, company=company_id(other), agreement=agreement_id(other))
    spoil(synced, RECORDS["an agreement with a date that is none"])
    assert f"Agreement {AGREEMENT}" in assert_held_alone(synced.sync(), "updated")
    assert synced.quantities(ONE) == [5]
    assert_right(synced)


def test_an_unreadable_agreement_concerns_whoever_has_lines_on_it(synced: Msp) -> None:
    """Of a company that is billed for the first time, and of lines that this warehouse does not know."""
    old = agreement_id(24)
    connectwise = synced.sandbox.connectwise
    connectwise.edit_agreement(old, company=company_id(1))
    line = {**synced.lines(OTHERS[0])[0], "agreementId": old, "serialNumber": f"NP:2026-03:B:{organization_id(1)}"}
    connectwise.insert("additions", {name: value for name, value in line.items() if name != "id"})
    synced.map(1)
    synced.use(8, 1)
    spoil(synced, Spoiled("/finance/agreements$", {"billStartDate": "soon"}, "", lambda _: old))
    for _ in range(2):
        pushed = synced.sync()
        assert pushed.outcomes(1) == ["invoice_unclear"]
        assert f"Agreement {old}" in pushed.line(1).reason
    synced.sandbox.faults.clear()
    synced.sync()
    assert sum(synced.quantities(1)) == 8


def test_lines_that_cannot_be_listed_fail_only_their_organization(synced: Msp) -> None:
    synced.sandbox.faults.add(FaultKind.NOT_JSON, method="GET", path=f"{additions_of(ONE)}$", times=None)
    pushed = synced.sync()
    assert pushed.outcomes() == ["unconfirmed", "updated", "updated"]
    assert not pushed.month.succeeded
    assert f"The list of the lines of agreement {AGREEMENT}" in pushed.line(ONE).reason
    assert_right(synced)


def test_lines_that_are_no_list_hold_their_organization_alone(synced: Msp) -> None:
    synced.sandbox.faults.add(
        FaultKind.NOT_JSON, method="GET", path=f"{additions_of(ONE)}$", times=None, reply='{"lines": []}'
    )
    assert_held_alone(synced.sync(), "updated")
    assert_right(synced)


def test_what_cannot_be_read_is_not_accepted_as_gone(synced: Msp) -> None:
    synced.sandbox.connectwise.invoice(AGREEMENT)
    spoil(synced, RECORDS["a line without a product"])
    synced.sync()
    with pytest.raises(NotPossible, match=r"product: .*Correct that in ConnectWise"):
        accept_lines(synced.run, MARCH, organization_id(ONE))
    assert_right(synced)


def test_a_write_whose_line_cannot_be_read_stops_only_its_organization(msp: Msp) -> None:
    msp.sandbox.faults.add(FaultKind.RESET_AFTER, method="POST", path=additions_of(ONE))
    msp.sandbox.faults.add(
        FaultKind.SPOILED, method="GET", path=additions_of(ONE), nth=2, times=None, members={"product": None}
    )
    pushed = msp.sync()
    assert pushed.outcomes() == ["unconfirmed", "created", "created"]
    assert msp.ledger(ONE) == ["intent", "unconfirmed"]
    msp.use(8)
    pushed = msp.sync()
    assert pushed.outcomes(*OTHERS) == ["updated"] * len(OTHERS)
    assert pushed.outcomes(ONE)[0] in {"unconfirmed", "invoice_unclear"}
    assert msp.ledger(ONE) == ["intent", "unconfirmed"]
    assert_right(msp)
    assert len(msp.lines(ONE)) == 1


def test_an_unsettled_write_stops_its_organization_whatever_its_preview_says(msp: Msp) -> None:
    msp.sandbox.faults.add(FaultKind.RESET_BEFORE, method="POST", path=additions_of(ONE))
    assert msp.sync().outcomes(ONE) == ["unconfirmed"]
    msp.use(8)
    msp.fetch()
    msp.preview()
    msp.sandbox.faults.add(FaultKind.NOT_JSON, method="GET", path=f"{additions_of(ONE)}$", times=5)
    (pushed,) = msp.push()
    assert Pushed(pushed).outcomes() == ["unconfirmed", "updated", "updated"]
    assert not pushed.succeeded
    assert f"agreement {AGREEMENT}" in Pushed(pushed).line(ONE).reason
    assert msp.lines(ONE) == []
    assert_right(msp)


def test_a_write_whose_agreement_cannot_be_read_afterwards_is_unconfirmed_alone(synced: Msp) -> None:
    synced.fetch()
    synced.preview()
    spoil(synced, RECORDS["an agreement with a date that is none"])
    (pushed,) = synced.push()
    assert Pushed(pushed).outcomes() == ["unconfirmed", "updated", "updated"]
    assert not pushed.succeeded
    assert "billStartDate" in Pushed(pushed).line(ONE).reason
    assert_right(synced)
    assert synced.ledger(ONE) == ["intent", "confirmed", "intent", "confirmed"]


@pytest.mark.parametrize("spoiled", RECORDS.values(), ids=RECORDS)
def test_drift_tells_what_cannot_be_read_and_takes_nothing_for_gone(synced: Msp, spoiled: Spoiled) -> None:
    synced.use(5)
    other = synced.lines(OTHERS[0])[0]["id"]
    synced.sandbox.connectwise.edit_addition(agreement_id(OTHERS[0]), other, quantity=3)
    spoil(synced, spoiled)
    found = find_drift(synced.run, TODAY)
    assert sorted(finding.kind for finding in found) == ["edited", "unreadable"]
    (unreadable,) = [finding for finding in found if finding.kind == "unreadable"]
    assert (unreadable.organization_id, unreadable.agreement_id) == (organization_id(ONE), AGREEMENT)
    assert unreadable.what_to_do == CORRECT_IT
    synced.sandbox.faults.clear()
    assert [finding.kind for finding in find_drift(synced.run, TODAY)] == ["edited"]


@pytest.mark.parametrize("spoiled", RECORDS.values(), ids=RECORDS)
def test_a_rebuild_does_the_rest_and_tells_what_cannot_be_read(synced: Msp, spoiled: Spoiled) -> None:
    spoil(synced, spoiled)
    rebuilt = rebuild(synced.run)
    assert [record.agreement_id for record in rebuilt.unread] == [AGREEMENT]
    assert rebuilt.companies == len(MAPPED)
    assert_held_alone(synced.sync(), "updated")
    assert_right(synced)
