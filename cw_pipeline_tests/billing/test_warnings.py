"""Lines whose quantity is right, but of which invoices leave seats out or which show another serial number."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline_tests.billing.examples import INVOICED, a_line, preview_of, row_line, the_facts, used

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Line

RIGHT = a_line(1, 5)
WARNED = [
    pytest.param(
        replace(RIGHT, less_included=Decimal(2)),
        "bills 3 of its 5 seats",
        "Set its included quantity to 0",
        id="included",
    ),
    pytest.param(replace(RIGHT, bill_customer="DoNotBill"), "is DoNotBill", "Set it to Billable", id="not billed"),
    pytest.param(replace(RIGHT, bill_customer="NoCharge"), "is NoCharge", "Set it to Billable", id="no charge"),
    pytest.param(
        replace(RIGHT, shown_serial_number=""), "no serial number", RIGHT.serial_number, id="no serial number"
    ),
    pytest.param(
        replace(RIGHT, shown_serial_number="SN-1"), "number SN-1", RIGHT.serial_number, id="another serial number"
    ),
]
warned_lines = pytest.mark.parametrize(("line", "what", "set_right"), WARNED)


@warned_lines
def test_an_open_line_is_warned_of_with_what_sets_it_right(line: Line, what: str, set_right: str) -> None:
    row = row_line(preview_of(the_facts(line, ledger={1: [5]}), used(5)))
    assert row.outcome is Outcome.UNCHANGED
    assert row.warning is not None
    assert what in row.warning
    assert set_right in row.warning


@pytest.mark.parametrize(("line", "what", "set_right"), WARNED[:3])
def test_an_invoiced_line_is_warned_of_until_a_person_accepts_it(line: Line, what: str, set_right: str) -> None:
    invoiced = replace(line, effective_date=INVOICED)
    row = row_line(preview_of(the_facts(invoiced, ledger={1: [5]}), used(5)))
    assert row.warning is not None
    assert what in row.warning
    assert "Bill the rest by hand, and accept that with `cw-pipeline lines accept" in row.warning
    assert set_right not in row.warning
    accepted = row_line(preview_of(the_facts(invoiced, accepted=[1]), used(5)))
    assert (accepted.outcome, accepted.warning) == (Outcome.UNCHANGED, None)


@pytest.mark.parametrize(("line", "what", "set_right"), WARNED[3:])
def test_a_missing_serial_number_is_warned_of_until_it_is_back(line: Line, what: str, set_right: str) -> None:
    for invoiced in (line, replace(line, effective_date=INVOICED)):
        warning = row_line(preview_of(the_facts(invoiced, accepted=[1]), used(5))).warning
        assert warning is not None
        assert what in warning
        assert set_right in warning


def test_a_warning_beside_a_row_is_reported_without_a_write() -> None:
    stale = replace(a_line(2, 4, effective=INVOICED), bill_customer="DoNotBill")
    preview = preview_of(the_facts(stale, a_line(1, 1)), used(5))
    assert any(line.warning for line in preview.lines)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(RIGHT, id="as it should be"),
        pytest.param(replace(RIGHT, shown_serial_number=RIGHT.serial_number), id="our serial number"),
        pytest.param(replace(a_line(1, 0), bill_customer="DoNotBill"), id="no seats"),
    ],
)
def test_nobody_is_warned_of_a_line_that_loses_no_seats(line: Line) -> None:
    assert row_line(preview_of(the_facts(line), used(int(line.quantity)))).warning is None
