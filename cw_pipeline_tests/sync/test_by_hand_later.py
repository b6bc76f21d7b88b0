"""Lines that people keep by hand, for which they chose, when something else is mapped or chosen since."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.reports.by_hand import Proposal, lines_by_hand, proposed
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.by_hand import choose
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.mapping import unmap_company
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.tables import OrganizationRow
from cw_pipeline_tests.support.fake_msp import ENTERPRISE_PRODUCT, MARCH, Msp, additions_of, company_id
from cw_pipeline_tests.sync.kept_by_hand import HERE, ONE, TWO, act, by_hand, ends, listed, trial
from cw_pipeline_tests.sync.renewals import MONTHS

if TYPE_CHECKING:
    from collections.abc import Callable

DECEMBER_31, MARCH_31 = date(2025, 12, 31), date(2026, 3, 31)


def test_a_line_that_ended_too_late_is_ended_again(since_january: Msp) -> None:
    msp = since_january
    trial(msp, 2)
    line = by_hand(msp, last=date(2027, 7, 31))
    act(msp, Act.END, line)
    assert ends(msp, line) == date(2026, 2, 28)
    trial(msp, 0)
    msp.fetch(*MONTHS)
    msp.preview(*MONTHS)
    held = next(line for line in msp.push(*MONTHS)[0].preview.lines if line.agreement_id == HERE)
    assert (held.outcome, f"`cw-pipeline lines end {line}`" in held.reason) == ("billed_by_hand", True)
    assert proposed(list(listed(msp).values()), Act.END) == [line]
    msp.sandbox.faults.add(FaultKind.STATUS, method="PATCH", path=additions_of(ONE), status=400)
    assert not act(msp, Act.END, line)[0].done
    assert listed(msp)[line].restored_day == date(2027, 7, 31)
    act(msp, Act.END, line)
    assert (ends(msp, line), msp.sync(*MONTHS).outcomes()[0]) == (DECEMBER_31, "unchanged")
    act(msp, Act.UNDO, line)
    assert ends(msp, line) == date(2027, 7, 31)


def test_a_line_is_ended_when_ours_of_its_plan_begins(msp: Msp) -> None:
    msp.map(TWO, company=company_id(ONE), agreement=HERE)
    trial(msp, 3, TWO)
    with msp.run.warehouse.transaction() as session:
        session.get_one(OrganizationRow, organization_id(TWO)).plan = Plan.ENTERPRISE
    business, enterprise = by_hand(msp), by_hand(msp, product_id=ENTERPRISE_PRODUCT)
    found = listed(msp)
    assert (found[business].last_day, found[enterprise].last_day) == (MARCH_31, date(2026, 4, 30))


def test_a_plan_that_an_organization_had_since_it_is_billed_counts(msp: Msp) -> None:
    line = by_hand(msp)
    msp.sync()
    with msp.run.warehouse.transaction() as session:
        session.get_one(OrganizationRow, organization_id(ONE)).plan = Plan.ENTERPRISE
    assert listed(msp)[line].proposal is Proposal.END
    msp.map(ONE, bill_from=MARCH.plus(1))
    with msp.run.warehouse.transaction() as session:
        session.get_one(OrganizationRow, organization_id(ONE)).plan = Plan.ENTERPRISE
    assert listed(msp)[line].proposal is Proposal.LEAVE


def unmapped(msp: Msp) -> None:
    unmap_company(msp.run.warehouse, company_id(ONE))


def without_product(msp: Msp) -> None:
    msp.bill_as(Plan.BUSINESS, 7)


@pytest.mark.parametrize("since", [unmapped, without_product])
def test_a_choice_is_undone_even_when_nothing_is_mapped_there(msp: Msp, since: Callable[[Msp], None]) -> None:
    ended, left, _undecided = by_hand(msp), by_hand(msp), by_hand(msp)
    act(msp, Act.END, ended)
    act(msp, Act.LEAVE, left)
    since(msp)
    assert {number: (line.choice, line.last_day) for number, line in listed(msp).items()} == {
        ended: (Act.END, None),
        left: (Act.LEAVE, None),
    }
    assert [chosen.done for chosen in act(msp, Act.UNDO, ended, left)] == [True, True]
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
    with pytest.raises(NotPossible, match=r"or chosen for it, has changed since it was shown. Nothing was changed."):
        choose(msp.run, shown, what, [line])
    assert ends(msp, line) is None
