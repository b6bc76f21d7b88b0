"""Lines that people keep by hand: listed with what is proposed, ended in ConnectWise, left, and taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.reports.by_hand import LineByHand, Proposal, lines_by_hand, proposed
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.by_hand import Chosen, choose
from cw_pipeline.setup.errors import NotChosen, UnknownChoice
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.sync.due import unpushed_months
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.tables import AuditEntry, CompanyMappingRow, LineByHandRow, OrganizationRow
from cw_pipeline_tests.support.by_hand import keep_by_hand, last_day_of
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    ENTERPRISE_PRODUCT,
    MAPPED,
    Msp,
    additions_of,
    agreement_id,
    company_id,
)
from cw_pipeline_tests.support.rows import rows_of
from cw_pipeline_tests.sync.renewals import JANUARY, MONTHS

if TYPE_CHECKING:
    from collections.abc import Callable

ONE, TWO, THREE = MAPPED
DECEMBER_31, JANUARY_31, MARCH_31 = date(2025, 12, 31), date(2026, 1, 31), date(2026, 3, 31)
HERE = agreement_id(ONE)
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


def by_hand(msp: Msp, place: int = ONE, **line: Any) -> int:  # noqa: ANN401 - any of a line
    return keep_by_hand(msp.sandbox.connectwise, agreement_id(place), **line)


def listed(msp: Msp) -> dict[int, LineByHand]:
    return {one.line.addition_id: one for one in lines_by_hand(msp.run)}


def act(msp: Msp, what: Act, *ids: int) -> list[Chosen]:
    return choose(msp.run, lines_by_hand(msp.run), what, ids)


def trial(msp: Msp, months: int, place: int = ONE) -> None:
    """Map an organization with so many trial months."""
    with msp.run.warehouse.transaction() as session:
        session.get_one(CompanyMappingRow, organization_id(place)).trial_months = months


def ends(msp: Msp, line: int, place: int = ONE) -> date | None:
    return last_day_of(msp.sandbox.connectwise, agreement_id(place), line)


def test_every_line_that_bills_the_same_is_listed_with_what_is_proposed(msp: Msp) -> None:
    running, of_a_month = by_hand(msp), by_hand(msp, TWO, first=date(2026, 4, 1))
    other_plan = by_hand(msp, THREE, product_id=ENTERPRISE_PRODUCT)
    bill_nothing: list[dict[str, Any]] = [
        {"last": MARCH_31},
        {"quantity": 0},
        {"billCustomer": "DoNotBill"},
        {"product_id": 7},
    ]
    for nothing in bill_nothing:
        by_hand(msp, **nothing)
    found = listed(msp)
    assert {number: (one.proposal, one.last_day, one.choice) for number, one in found.items()} == {
        running: (Proposal.END, MARCH_31, None),
        of_a_month: (Proposal.IN_CONNECTWISE, MARCH_31, None),
        other_plan: (Proposal.LEAVE, MARCH_31, None),
    }
    assert (found[running].agreement.id, found[running].product) == (HERE, "P3")
    assert (proposed(list(found.values()), Act.END), proposed(list(found.values()), Act.LEAVE)) == (
        [running],
        [other_plan],
    )


def test_a_line_is_ended_the_day_before_ours_and_gets_its_last_day_back(since_january: Msp) -> None:
    msp = since_january
    line = by_hand(msp, last=date(2027, 7, 31))
    assert msp.sync(*MONTHS).outcomes() == ["billed_by_hand", "created", "created"]
    (done,) = act(msp, Act.END, line)
    assert (done.done, done.result, ends(msp, line)) == (True, "ends on 2025-12-31", DECEMBER_31)
    with msp.run.warehouse.transaction() as session:
        assert set(unpushed_months(session, msp.run.psa, JANUARY, NOW)) == set(MONTHS)
    assert msp.sync(*MONTHS).outcomes() == ["created"] + ["unchanged"] * 2
    assert (listed(msp)[line].choice, listed(msp)[line].restored_day) == (Act.END, date(2027, 7, 31))
    with pytest.raises(NotChosen, match="is ended already"):
        act(msp, Act.LEAVE, line)
    assert act(msp, Act.UNDO, line)[0].done
    assert (ends(msp, line), listed(msp)[line].choice) == (date(2027, 7, 31), None)
    assert msp.sync(*MONTHS).outcomes()[0] == "billed_by_hand"
    with msp.run.warehouse.transaction() as session:
        acts = [(one.action, one.subject, one.after) for one in session.query(AuditEntry) if "line" in one.action]
    assert [(action, after and (after["last_day"], after["result"])) for action, _, after in acts] == [
        ("end line", ("2025-12-31", "about to be sent")),
        ("end line", ("2025-12-31", "done")),
        ("undo line", ("2027-07-31", "about to be sent")),
        ("undo line", ("2027-07-31", "done")),
    ]
    assert {subject for _, subject, _ in acts} == {f"line {line} on agreement {HERE}"}
    assert rows_of(msp.run.warehouse)[LineByHandRow.__tablename__] == []


def test_a_line_that_was_ended_later_than_ours_begin_now_is_ended_anew_as_the_hold_says(since_january: Msp) -> None:
    msp = since_january
    trial(msp, 2)
    line = by_hand(msp, last=date(2027, 7, 31))
    act(msp, Act.END, line)
    assert ends(msp, line) == date(2026, 2, 28)
    trial(msp, 0)
    msp.fetch(*MONTHS)
    msp.preview(*MONTHS)
    held = next(one for one in msp.push(*MONTHS)[0].preview.lines if one.agreement_id == HERE)
    assert (held.outcome, f"`cw-pipeline lines end {line}`" in held.reason) == ("billed_by_hand", True)
    assert proposed(list(listed(msp).values()), Act.END) == [line]
    msp.sandbox.faults.add(FaultKind.STATUS, method="PATCH", path=additions_of(ONE), status=400)
    assert not act(msp, Act.END, line)[0].done
    assert listed(msp)[line].restored_day == date(2027, 7, 31)
    act(msp, Act.END, line)
    assert (ends(msp, line), msp.sync(*MONTHS).outcomes()[0]) == (DECEMBER_31, "unchanged")
    act(msp, Act.UNDO, line)
    assert ends(msp, line) == date(2027, 7, 31)


def test_a_line_of_another_plan_is_ended_when_the_first_line_of_that_plan_begins(msp: Msp) -> None:
    msp.map(TWO, company=company_id(ONE), agreement=HERE)
    trial(msp, 3, TWO)
    with msp.run.warehouse.transaction() as session:
        session.get_one(OrganizationRow, organization_id(TWO)).plan = Plan.ENTERPRISE
    business, enterprise = by_hand(msp), by_hand(msp, product_id=ENTERPRISE_PRODUCT)
    found = listed(msp)
    assert (found[business].last_day, found[enterprise].last_day) == (MARCH_31, date(2026, 4, 30))


def unmapped(msp: Msp) -> None:
    unmap_company(msp.run.warehouse, company_id(ONE))


def without_product(msp: Msp) -> None:
    msp.bill_as(Plan.BUSINESS, 7)


@pytest.mark.parametrize("since", [unmapped, without_product])
def test_what_was_done_is_taken_back_when_nothing_is_mapped_there_any_more(
    msp: Msp, since: Callable[[Msp], None]
) -> None:
    ended, left, _undecided = by_hand(msp), by_hand(msp), by_hand(msp)
    act(msp, Act.END, ended)
    act(msp, Act.LEAVE, left)
    since(msp)
    assert {number: (one.choice, one.last_day) for number, one in listed(msp).items()} == {
        ended: (Act.END, None),
        left: (Act.LEAVE, None),
    }
    assert [one.done for one in act(msp, Act.UNDO, ended, left)] == [True, True]
    assert (ends(msp, ended), listed(msp)) == (None, {})


@pytest.mark.parametrize(("before", "what"), [((), Act.END), ((Act.LEAVE,), Act.UNDO)])
def test_what_another_person_chose_since_a_line_was_shown_is_not_overruled(
    msp: Msp, before: tuple[Act, ...], what: Act
) -> None:
    line = by_hand(msp)
    for one in before:
        act(msp, one, line)
    shown = lines_by_hand(msp.run)
    act(msp, Act.UNDO if before else Act.LEAVE, line)
    with pytest.raises(NotChosen, match=r"or chosen for it, has changed since it was shown. Nothing was changed."):
        choose(msp.run, shown, what, [line])
    assert ends(msp, line) is None


def test_a_line_that_is_left_holds_nothing_until_it_is_of_another_product_or_that_is_taken_back(
    since_january: Msp,
) -> None:
    msp = since_january
    line = by_hand(msp, product_id=ENTERPRISE_PRODUCT)
    act(msp, Act.LEAVE, line)
    msp.sandbox.connectwise.edit_addition(HERE, line, product={"id": 3})
    assert msp.sync(*MONTHS).outcomes()[0] == "billed_by_hand"
    assert listed(msp)[line].choice is None
    act(msp, Act.LEAVE, line)
    written = msp.written()
    assert msp.sync(*MONTHS).outcomes()[0] == "created"
    assert msp.written() > written
    msp.sandbox.connectwise.edit_addition(HERE, line, quantity=40)
    assert msp.sync(*MONTHS).outcomes()[0] == "unchanged"
    act(msp, Act.UNDO, line)
    assert msp.sync(*MONTHS).outcomes()[0] == "billed_by_hand"
    assert ends(msp, line) is None


def test_a_push_makes_its_preview_anew_once_a_line_is_left(msp: Msp) -> None:
    line = by_hand(msp)
    msp.fetch()
    msp.preview()
    act(msp, Act.LEAVE, line)
    (pushed,) = msp.push()
    assert {one.outcome.value for one in pushed.preview.lines if one.agreement_id == HERE} == {"created"}


def test_what_a_person_does_in_connectwise_ends_the_hold_by_itself(msp: Msp) -> None:
    line = by_hand(msp)
    assert msp.sync().outcomes()[0] == "billed_by_hand"
    msp.sandbox.connectwise.edit_addition(HERE, line, quantity=0)
    assert msp.sync().outcomes()[0] == "created"


def changed(msp: Msp, line: int) -> None:
    msp.sandbox.connectwise.edit_addition(HERE, line, quantity=13)


def deleted(msp: Msp, line: int) -> None:
    msp.sandbox.connectwise.delete_addition(HERE, line)


def invoiced(msp: Msp, line: int) -> None:
    assert line
    msp.sandbox.connectwise.invoice(HERE)


@pytest.mark.parametrize("meanwhile", [changed, deleted, invoiced])
def test_a_line_that_changed_since_it_was_shown_is_refused(msp: Msp, meanwhile: Callable[[Msp, int], None]) -> None:
    line, other = by_hand(msp), by_hand(msp, TWO)
    shown = lines_by_hand(msp.run)
    meanwhile(msp, line)
    before = msp.written()
    with pytest.raises(NotChosen, match=r"has changed since it was shown. Nothing was changed."):
        choose(msp.run, shown, Act.END, [other, line])
    assert (msp.written(), ends(msp, other, TWO)) == (before, None)
    assert rows_of(msp.run.warehouse)[LineByHandRow.__tablename__] == []


@pytest.mark.parametrize(
    ("what", "line", "refused", "sentence"),
    [
        (Act.END, {"first": date(2026, 4, 1)}, NotChosen, "begins on 2026-04-01, and would have to end on 2026-03-31"),
        (Act.UNDO, {}, NotChosen, "nothing was chosen"),
        (Act.END, {"billCustomer": "NoCharge"}, UnknownChoice, "that is kept by hand. Nothing was changed"),
    ],
    ids=["begins too late", "nothing to undo", "bills nothing"],
)
def test_what_cannot_be_done_of_a_line_changes_nothing(
    msp: Msp, what: Act, line: dict[str, Any], refused: type[Exception], sentence: str
) -> None:
    number, before = by_hand(msp, **line), msp.written()
    with pytest.raises(refused, match=sentence):
        act(msp, what, number)
    assert (msp.written(), ends(msp, number)) == (before, None)


def test_our_own_lines_are_never_taken_for_kept_by_hand(synced: Msp) -> None:
    (ours,) = synced.lines(ONE)
    synced.sandbox.connectwise.edit_addition(HERE, ours["id"], serialNumber=None)
    assert listed(synced) == {}
    assert synced.sync().outcomes() == ["unchanged"] * len(MAPPED)


@pytest.mark.parametrize(
    ("fault", "done", "result", "chosen"),
    [
        ({"kind": FaultKind.STATUS, "status": 400}, False, "400", 0),
        ({"kind": FaultKind.SILENT_200}, False, "ConnectWise shows no day as its last day", 1),
        ({"kind": FaultKind.RESET_AFTER}, True, "ends on 2026-03-31", 1),
    ],
    ids=["refused", "accepted and ignored", "the reply is lost"],
)
def test_what_became_of_an_end_is_known_and_told(
    msp: Msp, fault: dict[str, Any], *, done: bool, result: str, chosen: int
) -> None:
    line = by_hand(msp)
    msp.sandbox.faults.add(method="PATCH", path=additions_of(ONE), **fault)
    (one,) = act(msp, Act.END, line)
    assert (one.done, result in one.result) == (done, True)
    assert len(rows_of(msp.run.warehouse)[LineByHandRow.__tablename__]) == chosen
    assert (ends(msp, line), listed(msp).get(line) is None or listed(msp)[line].choice) == (
        (MARCH_31, Act.END) if done else (None, None)
    )
    with msp.run.warehouse.transaction() as session:
        results = [one.after and one.after["result"] for one in session.query(AuditEntry) if one.action == "end line"]
    assert [results[0], results[-1] == "done"] == ["about to be sent", done]
