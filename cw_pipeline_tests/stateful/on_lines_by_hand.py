"""Lines that people keep by hand beside ours, and what they choose for them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.reports.by_hand import lines_by_hand
from cw_pipeline.setup.by_hand import choose
from cw_pipeline.setup.errors import NotPossible, UnknownChoice
from cw_pipeline.warehouse.by_hand import left_lines
from cw_pipeline_tests.stateful.moves import Moves
from cw_pipeline_tests.stateful.strategies import agreements, any_number
from cw_pipeline_tests.support.by_hand import keep_by_hand
from cw_pipeline_tests.support.fake_msp import BUSINESS_PRODUCT, ENTERPRISE_PRODUCT

if TYPE_CHECKING:
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline_tests.stateful.fixture import Fixture
    from cw_pipeline_tests.stateful.oracle import OurLine

_MOST = 2
"""More would hold so much that little is compared."""
_acts = st.sampled_from([Act.END, Act.END, Act.LEAVE, Act.UNDO])


class OnLinesByHand(Moves):
    """A history's moves on lines that are not ours."""

    @rule(
        which=agreements,
        product=st.sampled_from([BUSINESS_PRODUCT, BUSINESS_PRODUCT, ENTERPRISE_PRODUCT]),
        first=st.sampled_from([date(2024, 8, 1), date(2026, 3, 1), date(2026, 4, 1)]),
        last=st.sampled_from([None, None, date(2026, 3, 31)]),
        act=st.none() | _acts,
    )
    def line_is_kept_by_hand(self, which: int, product: int, first: date, last: date | None, act: Act | None) -> None:
        if len(self.fixture.by_hand) == _MOST:
            return
        number = keep_by_hand(self.connectwise, self.agreement(which), product_id=product, first=first, last=last)
        self.fixture.by_hand[number] = last
        if act is not None:
            choose_for(self.fixture, number, act)

    @rule(which=any_number, act=_acts)
    def line_by_hand_is_chosen_for(self, which: int, act: Act) -> None:
        lines = sorted(self.fixture.by_hand)
        if lines:
            choose_for(self.fixture, lines[which % len(lines)], act)

    @rule(which=any_number)
    def line_by_hand_is_ended_in_connectwise(self, which: int) -> None:
        lines = sorted(self.fixture.by_hand)
        if lines:
            number = lines[which % len(lines)]
            agreement = self.connectwise.tables["additions"][number]["agreementId"]
            self.connectwise.edit_addition(agreement, number, cancelledDate="2026-02-28T00:00:00Z")
            self.fixture.by_hand[number] = date(2026, 2, 28)


def choose_for(fixture: Fixture, number: int, act: Act) -> None:
    """A person chooses for a line that is kept by hand, where that is offered."""
    run = fixture.new_run()
    with suppress(NotPossible, UnknownChoice, ConnectWiseError):
        (chosen,) = choose(run, lines_by_hand(run), act, [number])
        if chosen.done and act is Act.END:
            fixture.by_hand[number] = chosen.kept.last_day
        elif chosen.done and act is Act.UNDO and chosen.kept.choice is Act.END:
            fixture.by_hand[number] = chosen.kept.restored_day


def billing_by_hand(fixture: Fixture, agreement_id: int, product_id: int) -> list[Record]:
    """The lines that bill a product on an agreement and are not marked as ours, but for those that are to be left."""
    with fixture.warehouse.transaction() as session:
        left = {one.addition_id for one in left_lines(session, fixture.run.psa)}
    return [
        record
        for record in fixture.connectwise.additions(agreement_id)
        if record["product"]["id"] == product_id
        and record["billCustomer"] == "Billable"
        and record["quantity"]
        and record["id"] not in left
        and not str(record.get("serialNumber")).startswith(PREFIX)
    ]


def bills_the_days_of(by_hand: Record, line: OurLine, last: str) -> bool:
    """Whether a line that is kept by hand bills any day of one of ours, whose last day is `last`."""
    ends = by_hand.get("cancelledDate")
    return by_hand["effectiveDate"][:10] <= last[:10] and (ends is None or ends[:10] >= str(line.begins))
