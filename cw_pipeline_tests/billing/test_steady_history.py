"""Corrections between invoices, many in a row: what the free history of any kind seldom gets deep into.

Agreements stay as they are and mappings within their company, so nothing but a credit may ever be held.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline_tests.billing.billed_once import MONTHS, ORGANIZATIONS
from cw_pipeline_tests.billing.examples import MONTHLY, PRORATED
from cw_pipeline_tests.billing.test_any_history import NEXT_INVOICES, READINGS, AnyHistory

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Terms
    from cw_pipeline_tests.billing.connectwise_model import Periods


@dataclass(frozen=True)
class Correction:
    """An organization's month is reported anew, and synced."""

    month: Month
    organization: str
    count: int
    plan: Plan


@dataclass(frozen=True)
class Remapping:
    """An organization goes to another agreement of its company."""

    organization: str
    agreement_id: int


corrections = st.builds(
    Correction, st.sampled_from(MONTHS), st.sampled_from(ORGANIZATIONS), st.integers(0, 9), st.sampled_from(Plan)
)
remappings = st.builds(Remapping, st.sampled_from(ORGANIZATIONS), st.sampled_from([10, 11]))
invoicing_days = st.dates(date(2026, 2, 1), date(2026, 7, 1))
events = st.lists(st.one_of(corrections, corrections, invoicing_days, remappings), min_size=8, max_size=16)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    next_invoices=st.lists(st.sampled_from([day for day in NEXT_INVOICES if day]), min_size=4, max_size=4),
    terms=st.sampled_from([MONTHLY, PRORATED]),
    periods=st.sampled_from(READINGS),
    history=events,
)
def test_after_any_corrections_each_seat_is_billed_once_or_credit_due(
    next_invoices: list[date | None],
    terms: Terms,
    periods: Periods,
    history: list[Correction | Remapping | date],
) -> None:
    machine = AnyHistory()
    machine.begin(next_invoices, [None] * 4, [10, 11], [3, 4, 5, 6, 7, 8], terms=[terms] * 4, periods=periods)
    for event in history:
        match event:
            case Correction(month, organization, count, plan):
                machine.usage_changes_and_is_synced(month, organization, count, plan)
            case Remapping(organization, agreement_id):
                machine.map_company(organization, agreement_id, MONTHS[0])
            case date():
                machine.everything_due_is_invoiced(event)
    machine.teardown()
    assert {line.outcome for line in machine.last_lines} & HELD <= {Outcome.CREDIT_DUE}
