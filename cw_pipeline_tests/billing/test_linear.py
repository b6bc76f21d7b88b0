"""The rule's work grows with the organizations, and not faster: what it does is counted, never timed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from cw_pipeline.billing.facts import Facts, Written
from cw_pipeline.billing.rule import preview_month
from cw_pipeline.vocabulary import Plan
from cw_pipeline.wording.previews import preview_in_words
from cw_pipeline_tests.billing.examples import INVOICED, MARCH, OPEN, PRODUCTS, a_line, an_agreement, mapped_to, used

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from types import FrameType


def instructions(work: Callable[[], object]) -> int:
    """How many of Python's instructions `work` takes."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:  # noqa: ANN401 - what Python hands to a tracer
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def work_for(organizations: int, effective: date | None, *, by_hand: bool = False) -> int:
    """What a month takes whose organizations have a line each that begins on `effective`, if any, and one by hand."""
    ids = range(1, organizations + 1)
    lines = [
        a_line(number, 5, agreement_id=number, effective=effective, organization_id=f"org-{number}") for number in ids
    ]
    written = {
        line.addition_id: Written(
            agreement_id=line.agreement_id,
            serial_number=line.serial_number,
            quantities=frozenset({line.quantity}),
            effective_date=OPEN,
            cancelled_date=line.cancelled_date,
        )
        for line in lines
        if effective
    }
    facts = Facts(
        mappings={f"org-{number}": mapped_to(number, number, organization_id=f"org-{number}") for number in ids},
        products=PRODUCTS,
        agreements={number: an_agreement(number, number) for number in ids},
        lines={line.serial_number: (line,) for line in lines if effective},
        ledger=written,
        by_hand={
            (number, PRODUCTS[Plan.BUSINESS]): [a_line(1000 + number, 5, agreement_id=number)]
            for number in ids
            if by_hand
        },
    )
    usage = [used(5 + number % 2, organization_id=f"org-{number}") for number in ids]
    return instructions(lambda: preview_in_words(preview_month(MARCH, usage, facts), facts))


@pytest.mark.parametrize("effective", [None, OPEN, INVOICED], ids=["no line", "an open line", "an invoiced line"])
def test_the_work_grows_linearly_with_the_organizations(effective: date | None) -> None:
    assert work_for(80, effective) < 2.1 * work_for(40, effective)


def test_the_work_grows_linearly_with_the_lines_kept_by_hand() -> None:
    assert work_for(80, None, by_hand=True) < 2.1 * work_for(40, None, by_hand=True)
