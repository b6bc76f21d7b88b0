"""After each kind of hold, each alternative of its own sentence settles the month, also when the customer is gone."""

from __future__ import annotations

from dataclasses import replace
from shutil import copy
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.unusual import Limits
from cw_pipeline.sandbox import Sandbox
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import UNMAPPED, open_msp
from cw_pipeline_tests.sync.customer import (
    AGREEMENT,
    COMMAND,
    COMPANY,
    ONE,
    ORGANIZATION,
    RENEWED,
    SEATS,
    Customer,
    assert_settled,
    stuck,
)
from cw_pipeline_tests.sync.happenings import Held, Way, copied, in_turn, invoiced, line, seen_invoiced, use
from cw_pipeline_tests.sync.holds import HOLDS
from cw_pipeline_tests.sync.holds_of_agreements import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def set_up_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which the company is mapped, to be copied."""
    file = tmp_path_factory.mktemp("set_up") / "warehouse.db"
    warehouse = Warehouse(f"sqlite:///{file}")
    with Sandbox(today=TODAY) as sandbox:
        sandbox.connectwise.edit_agreement(RENEWED, company=COMPANY)
        with open_msp(sandbox, warehouse) as msp:
            Customer(msp).set_up()
    warehouse.close()
    return file


@pytest.fixture
def customer(set_up_file: Path, tmp_path: Path) -> Iterator[Customer]:
    """The customer, whose organization used 5 seats in March; few others used any. Unusual usage is held."""
    warehouse = Warehouse(f"sqlite:///{copy(set_up_file, tmp_path)}")
    with Sandbox(today=TODAY) as sandbox:
        sandbox.connectwise.edit_agreement(RENEWED, company=COMPANY)
        with open_msp(sandbox, warehouse) as msp:
            msp.use_nothing_but(ONE, *UNMAPPED)
            msp.use(SEATS, ONE)
            yield Customer(msp).here(replace(msp, run=replace(msp.run, limits=Limits(hold=True))))
    warehouse.close()


CASES = [
    pytest.param(held, way, gone, id=f"{name}, {how}{', gone' if gone else ''}")
    for name, held in HOLDS.items()
    for how, way in held.ways.items()
    for gone in (False, True)
    if not (gone and way.only_here)
]


@pytest.mark.parametrize(("held", "way", "gone"), CASES)
def test_each_alternative_of_a_hold_s_own_sentence_settles_its_month(
    customer: Customer, held: Held, way: Way, *, gone: bool
) -> None:
    if held.billed_before:
        assert_settled(customer.sync(anew=True))
    held.spoil(customer)
    customer.msp.fetch()
    if gone:
        customer.leave()
    outcome, reason = stuck(customer.sync(anew=not gone))
    assert outcome == held.outcome
    assert way.advice in reason
    assert reason.endswith(".")
    if way.act is not None:
        way.act(customer)
    commands = COMMAND.findall(reason)
    followed = {number for way in held.ways.values() for number in way.commands}
    assert followed == set(range(len(commands))), reason
    for number in way.commands:
        customer.do(commands[number])
    if way.then is not None:
        way.then(customer)
    assert_settled(customer.sync(anew=not gone))
    assert customer.billed() == way.billed


CREDITED = ("credit_due", None)
STEPS: dict[str, tuple[Callable[[Customer], None], list[tuple[str, Callable[[Customer], None] | None]], list[int]]] = {
    "a copy was billed as well": (
        in_turn(seen_invoiced, copied),
        [("invoice_unclear", None), CREDITED],
        [SEATS, SEATS],
    ),
    "no invoice has the line of an agreement that is never invoiced next": (
        in_turn(seen_invoiced, NEVER, use(8)),
        [("invoice_unclear", line(quantity=0)), ("agreement_inactive", None)],
        [],
    ),
    "the report lost an organization that was invoiced": (
        in_turn(invoiced, use(None)),
        [("unusual", None), CREDITED],
        [SEATS],
    ),
}


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
@pytest.mark.parametrize(("spoil", "steps", "billed"), STEPS.values(), ids=STEPS)
def test_a_way_out_into_another_hold_leads_out_of_it_too(
    customer: Customer,
    spoil: Callable[[Customer], None],
    steps: list[tuple[str, Callable[[Customer], None] | None]],
    billed: list[int],
    *,
    gone: bool,
) -> None:
    customer.sync(anew=True)
    spoil(customer)
    customer.msp.fetch()
    if gone:
        customer.leave()
    for expected, act in steps:
        outcome, reason = stuck(customer.sync(anew=not gone))
        assert outcome == expected
        if act is not None:
            act(customer)
        customer.do(COMMAND.findall(reason)[0])
    assert_settled(customer.sync(anew=not gone))
    assert list(customer.billed().values()) == billed


SERIAL_NUMBER = f"NP:2026-03:B:{ORGANIZATION}"


def found_again(customer: Customer) -> None:
    connectwise = customer.msp.sandbox.connectwise
    last = connectwise.additions(AGREEMENT)[-1]["id"]
    connectwise.edit_addition(AGREEMENT, last, serialNumber=SERIAL_NUMBER)


WARNINGS: dict[str, tuple[Callable[[Customer], None], str, Callable[[Customer], None] | None]] = {
    "not billed": (line(billCustomer="DoNotBill"), "Set it to Billable", line(billCustomer="Billable")),
    "included": (line(lessIncluded=3), "Set its included quantity to 0", line(lessIncluded=0)),
    "lost": (line(serialNumber=None), f"Set its serial number to {SERIAL_NUMBER}", found_again),
    "not billed and invoiced": (in_turn(line(billCustomer="DoNotBill"), invoiced), "Bill the rest by hand", None),
    "included and invoiced": (in_turn(line(lessIncluded=3), invoiced), "Bill the rest by hand", None),
}


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
@pytest.mark.parametrize(("spoil", "advice", "act"), WARNINGS.values(), ids=WARNINGS)
def test_what_is_told_of_a_right_line_is_settled_as_it_says(
    customer: Customer,
    spoil: Callable[[Customer], None],
    advice: str,
    act: Callable[[Customer], None] | None,
    *,
    gone: bool,
) -> None:
    customer.sync(anew=True)
    spoil(customer)
    if gone:
        customer.leave()
    (warning,) = filter(None, [line.warning for line in customer.sync(anew=not gone).month.preview.lines])
    assert advice in warning
    if act is not None:
        act(customer)
    for command in COMMAND.findall(warning):
        customer.do(command)
    assert_settled(customer.sync(anew=not gone))
    assert customer.billed() == {AGREEMENT: SEATS}
