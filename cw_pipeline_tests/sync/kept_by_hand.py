"""What people keep by hand on the mapped agreements, and what they have done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cw_pipeline.reports.by_hand import LineByHand, lines_by_hand
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.by_hand import Chosen, choose
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline_tests.support.by_hand import keep_by_hand, last_day_of
from cw_pipeline_tests.support.fake_msp import MAPPED, Msp, agreement_id

if TYPE_CHECKING:
    from datetime import date

    from cw_pipeline.billing.by_hand import Act

ONE, TWO, THREE = MAPPED
HERE = agreement_id(ONE)


def by_hand(msp: Msp, place: int = ONE, **line: Any) -> int:  # noqa: ANN401 - any of a line
    return keep_by_hand(msp.sandbox.connectwise, agreement_id(place), **line)


def listed(msp: Msp) -> dict[int, LineByHand]:
    return {shown.line.addition_id: shown for shown in lines_by_hand(msp.run)}


def act(msp: Msp, what: Act, *ids: int) -> list[Chosen]:
    return choose(msp.run, lines_by_hand(msp.run), what, ids)


def trial(msp: Msp, months: int, place: int = ONE) -> None:
    """Map an organization with so many trial months."""
    with msp.run.warehouse.transaction() as session:
        session.get_one(CompanyMappingRow, organization_id(place)).trial_months = months


def ends(msp: Msp, line: int, place: int = ONE) -> date | None:
    return last_day_of(msp.sandbox.connectwise, agreement_id(place), line)
