"""A month that is held or failed, whose reason says what to do, and that becomes right."""

from __future__ import annotations

from cw_pipeline.billing.outcomes import FAILED, HELD
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline_tests.support.fake_msp import MAPPED, Msp, Pushed, agreement_id, company_id

ONE = MAPPED[0]
ANOTHER = 24
"""Another company, without an organization of its own, whose agreement is like that of `ONE`."""


def accept(*, credited: int | None = None) -> str:
    """The command that takes a person's word about the one company's month."""
    seats = "" if credited is None else f" --credited {credited}"
    return f"`cw-pipeline lines accept --month 2026-03 --organization {organization_id(ONE)}{seats}`"


def assert_stuck(pushed: Pushed, outcome: str, *advice: str) -> None:
    """The one company's line has this outcome, and its reason says in these words what to do."""
    line = pushed.line(ONE)
    assert line.outcome == outcome
    for words in advice:
        assert words in line.reason
    assert line.reason.endswith(".")


def assert_right(msp: Msp, *quantities: int) -> Pushed:
    """The next sync is green with nothing held or failed, and these are the quantities of the one company's lines."""
    pushed = msp.sync()
    assert pushed.month.succeeded
    assert {line.outcome for line in pushed.month.preview.lines}.isdisjoint(HELD | FAILED)
    assert msp.quantities(ONE) == list(quantities)
    return pushed


def map_elsewhere(msp: Msp) -> None:
    msp.map(ONE, company=company_id(ANOTHER), agreement=agreement_id(ANOTHER))
