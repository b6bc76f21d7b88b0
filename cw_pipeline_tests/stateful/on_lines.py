"""What people do to our lines, and say of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.sandbox.connectwise.store import day
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline_tests.stateful.moves import Moves
from cw_pipeline_tests.stateful.strategies import any_number, months, places, quantities

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.stateful.oracle import OurLine


class OnLines(Moves):
    """A history's moves on single lines."""

    @rule(which=any_number, quantity=quantities)
    def quantity_is_edited(self, which: int, quantity: Decimal) -> None:
        written = self.fixture.written()
        lines = [line for line in self._lines() if not line.invoiced or self._billed_as_written(line)]
        line = _one(lines, which)
        if line is not None and not (line.invoiced and quantity in written[line.id].quantities):
            self.people.edit(line, quantity=quantity)

    @rule(which=any_number)
    def line_is_duplicated(self, which: int) -> None:
        as_written = [line for line in self._lines() if not line.invoiced and self._as_first_seen(line)]
        line = _one(as_written, which)
        if line is not None:
            self.people.duplicate(line)

    @rule(which=any_number, first=st.integers(-20, 40), last=st.one_of(st.integers(-20, 40), st.none()))
    def dates_are_edited(self, which: int, first: int, last: int | None) -> None:
        written = self.fixture.written()
        line = _one([line for line in self._lines() if line.id in written and self._billed_in_its_days(line)], which)
        if line is not None:
            record = self.fixture.oracle.first(line.id)
            begins, ends = (day(record[name]) for name in ("effectiveDate", "cancelledDate"))
            self.people.edit(
                line,
                effectiveDate=f"{begins + timedelta(first)}T00:00:00Z",
                cancelledDate=None if last is None else f"{ends + timedelta(last)}T00:00:00Z",
            )

    @rule(which=any_number, text=st.sampled_from(["paid by check", None, f"NP:2026-02:E:{organization_id(15)}"]))
    def serial_number_is_edited(self, which: int, text: str | None) -> None:
        line = _one([line for line in self._lines() if line.id in self.fixture.written()], which)
        if line is not None:
            self.people.edit(line, serialNumber=text)
            self.people.marks.unclear |= (
                {(organization_id(15), "2026-02")} if text and text.startswith(PREFIX) else set()
            )

    @rule(which=any_number)
    def line_is_deleted(self, which: int) -> None:
        lines = [line for line in self._lines() if not line.invoiced or self._billed_as_written(line)]
        line = _one([line for line in lines if self._billed_in_its_days(line)], which)
        if line is not None:
            self.people.delete(line)

    @rule(place=places, month=months)
    def invoice_is_accepted(self, place: int, month: Month) -> None:
        gone = [line for line in self.fixture.oracle.lines(place, month) if line.id not in self.people.shown()]
        if not gone:
            self.fixture.accept(place, month)

    @rule(place=places, month=months)
    def unusual_usage_is_released(self, place: int, month: Month) -> None:
        self.fixture.release(place, month)

    @rule(place=places, month=months)
    def credit_is_issued(self, place: int, month: Month) -> None:
        self.fixture.credit(place, month)

    def _lines(self) -> list[OurLine]:
        shown = self.people.shown()
        return [line for line in self.fixture.oracle.lines() if line.id in shown]

    def _billed_as_written(self, line: OurLine) -> bool:
        written = self.fixture.written().get(line.id)
        return written is not None and written.quantities == frozenset(line.invoiced)

    def _billed_in_its_days(self, line: OurLine) -> bool:
        return not line.invoiced or self._as_first_seen(line)

    def _as_first_seen(self, line: OurLine) -> bool:
        first, now = self.fixture.oracle.first(line.id), self.fixture.oracle.record(line.id)
        return all(first.get(name) == now.get(name) for name in ("effectiveDate", "cancelledDate", "serialNumber"))


def _one(lines: list[OurLine], which: int) -> OurLine | None:
    return lines[which % len(lines)] if lines else None
