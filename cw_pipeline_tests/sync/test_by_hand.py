"""Lines that people keep by hand: listed with what is proposed, ended in ConnectWise, left, and taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.reports.by_hand import Proposal, lines_by_hand, proposed
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.setup.by_hand import choose
from cw_pipeline.setup.errors import NotPossible, UnknownChoice
from cw_pipeline.sync.due_months import unpushed_months
from cw_pipeline.warehouse.tables import AuditEntry, LineByHandRow
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    ENTERPRISE_PRODUCT,
    MAPPED,
    Msp,
    additions_of,
)
from cw_pipeline_tests.support.rows import rows_of
from cw_pipeline_tests.sync.kept_by_hand import HERE, ONE, THREE, TWO, act, by_hand, ends, listed
from cw_pipeline_tests.sync.renewals import JANUARY, MONTHS

if TYPE_CHECKING:
    from collections.abc import Callable

DECEMBER_31, MARCH_31 = date(2025, 12, 31), date(2026, 3, 31)
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


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
    assert {number: (line.proposal, line.last_day, line.choice) for number, line in found.items()} == {
        running: (Proposal.END, MARCH_31, None),
        of_a_month: (Proposal.IN_CONNECTWISE, MARCH_31, None),
        other_plan: (Proposal.LEAVE, MARCH_31, None),
    }
    assert (found[running].agreement.id, found[running].product) == (HERE, "P3")
    assert (proposed(list(found.values()), Act.END), proposed(list(found.values()), Act.LEAVE)) == (
        [running],
        [other_plan],
    )


def test_a_line_is_ended_the_day_before_ours_and_restored(since_january: Msp) -> None:
    msp = since_january
    line = by_hand(msp, last=date(2027, 7, 31))
    assert msp.sync(*MONTHS).outcomes() == ["billed_by_hand", "created", "created"]
    (done,) = act(msp, Act.END, line)
    assert (done.done, done.result, ends(msp, line)) == (True, "ends on 2025-12-31", DECEMBER_31)
    with msp.run.warehouse.transaction() as session:
        assert set(unpushed_months(session, msp.run.psa, JANUARY, NOW)) == set(MONTHS)
    assert msp.sync(*MONTHS).outcomes() == ["created"] + ["unchanged"] * 2
    assert (listed(msp)[line].choice, listed(msp)[line].restored_day) == (Act.END, date(2027, 7, 31))
    with pytest.raises(NotPossible, match="is ended already"):
        act(msp, Act.LEAVE, line)
    assert (
        act(msp, Act.UNDO, line)[0].result == "ends on 2027-07-31, as before: from 2026-01-01 on it bills beside ours"
    )
    assert (ends(msp, line), listed(msp)[line].choice) == (date(2027, 7, 31), None)
    assert msp.sync(*MONTHS).outcomes()[0] == "billed_by_hand"
    with msp.run.warehouse.transaction() as session:
        acts = [
            (entry.action, entry.subject, entry.after) for entry in session.query(AuditEntry) if "line" in entry.action
        ]
    assert [(action, after and (after["last_day"], after["result"])) for action, _, after in acts] == [
        ("end line", ("2025-12-31", "about to be sent")),
        ("end line", ("2025-12-31", "done")),
        ("undo line", ("2027-07-31", "about to be sent")),
        ("undo line", ("2027-07-31", "done")),
    ]
    assert {subject for _, subject, _ in acts} == {f"line {line} on agreement {HERE}"}
    assert rows_of(msp.run.warehouse)[LineByHandRow.__tablename__] == []


def test_a_left_line_holds_nothing_until_its_product_changes(
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
    assert {line.outcome.value for line in pushed.preview.lines if line.agreement_id == HERE} == {"created"}


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
    with pytest.raises(NotPossible, match=r"has changed since it was shown. Nothing was changed."):
        choose(msp.run, shown, Act.END, [other, line])
    assert (msp.written(), ends(msp, other, TWO)) == (before, None)
    assert rows_of(msp.run.warehouse)[LineByHandRow.__tablename__] == []


@pytest.mark.parametrize(
    ("what", "line", "refused", "sentence"),
    [
        (
            Act.END,
            {"first": date(2026, 4, 1)},
            NotPossible,
            "begins on 2026-04-01, and would have to end on 2026-03-31",
        ),
        (Act.UNDO, {}, NotPossible, "nothing was chosen"),
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
        results = [
            entry.after and entry.after["result"] for entry in session.query(AuditEntry) if entry.action == "end line"
        ]
    assert [results[0], results[-1] == "done"] == ["about to be sent", done]
