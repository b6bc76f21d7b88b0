"""Records that ConnectWise answers so that they cannot be read, and what a sync makes of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline_tests.support.fake_msp import MAPPED, Msp, Pushed, additions_of, agreement_id, company_id

ONE, *OTHERS = MAPPED


@dataclass(frozen=True)
class Spoiled:
    """A record that ConnectWise answers as nobody promised: where, and what of it."""

    path: str
    members: dict[str, Any]
    says: str
    """What the hold says of it."""
    record: Callable[[Msp], int]


def line_of_one(msp: Msp) -> int:
    return int(msp.lines(ONE)[0]["id"])


AGREEMENT = agreement_id(ONE)
RECORDS = {
    "a line without a product": Spoiled(
        additions_of(ONE), {"product": None}, f"on agreement {AGREEMENT} cannot be read, .*: product: ", line_of_one
    ),
    "a line whose quantity is a text": Spoiled(
        additions_of(ONE), {"quantity": "5"}, f"on agreement {AGREEMENT} cannot be read, .*: quantity: ", line_of_one
    ),
    "a line with a date that is none": Spoiled(
        additions_of(ONE), {"effectiveDate": "soon"}, f"on agreement {AGREEMENT} .*: effectiveDate: ", line_of_one
    ),
    "an agreement with a date that is none": Spoiled(
        "/finance/agreements$",
        {"billStartDate": "soon"},
        f"Agreement {AGREEMENT} cannot.*: billStartDate: ",
        lambda _: AGREEMENT,
    ),
    "a company without a name": Spoiled(
        "/company/companies$",
        {"name": None},
        f"Company {company_id(ONE)} of agreement {AGREEMENT} cannot.*: name: ",
        lambda _: company_id(ONE),
    ),
}


def spoil(msp: Msp, spoiled: Spoiled) -> None:
    msp.sandbox.faults.add(
        FaultKind.SPOILED,
        method="GET",
        path=spoiled.path,
        times=None,
        record=spoiled.record(msp),
        members=spoiled.members,
    )


def assert_held_alone(pushed: Pushed, outcome: str) -> str:
    """The one organization is held, the others are written; its reason."""
    line = pushed.line(ONE)
    assert line.outcome == "invoice_unclear"
    assert line.organization_id == organization_id(ONE)
    assert line.writes == ()
    assert pushed.outcomes(*OTHERS) == [outcome] * len(OTHERS)
    return line.reason


def assert_right(msp: Msp, seats: int = 8) -> None:
    """Once ConnectWise has it right, each organization is billed once."""
    msp.sandbox.faults.clear()
    pushed = msp.sync()
    assert pushed.month.succeeded
    assert set(pushed.outcomes()) <= {"created", "updated", "unchanged"}
    assert [sum(msp.quantities(place)) for place in MAPPED] == [seats] * len(MAPPED)
