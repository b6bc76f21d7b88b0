"""What a history is drawn from: the places, months and quantities, the states of an agreement, and every fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from cw_pipeline.billing.unusual import Limits
from cw_pipeline.sandbox import FaultKind
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.chosen_organizations import Choice
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.stateful.decisions import MONTHS, ORGANIZATIONS


@dataclass(frozen=True)
class Fault:
    """A fault of some requests, as the sandbox takes it."""

    kind: FaultKind
    path: str
    options: Mapping[str, Any]


NEXT_INVOICES = ["2026-04-01", "2026-03-01", "2026-02-01", "2026-03-15", "2026-01-31", "2025-12-01", None]
BILL_STARTS = ["2023-10-01T00:00:00Z", "2026-02-10T00:00:00Z", None]
STATES: list[dict[str, Any]] = [
    {},
    {"cancelledFlag": True},
    {"noEndingDateFlag": False, "endDate": "2026-03-20T00:00:00Z"},
    {"noEndingDateFlag": False, "endDate": "2026-04-20T00:00:00Z"},
    {"startDate": "2026-06-01T00:00:00Z"},
]
"""What an agreement may become: well, cancelled, ended, about to end, not begun yet."""
_WEEKLY, _MONTHLY = 1, 2
TERMS: list[dict[str, Any]] = [
    {"prorateFlag": True},
    {"prorateFlag": False},
    {"billingCycle": _WEEKLY},
    {"billingCycle": _MONTHLY},
    {"billingCycle": _MONTHLY},
]
"""How an agreement may be billed from now on."""
WELL: dict[str, Any] = {"cancelledFlag": False, "noEndingDateFlag": True, "endDate": None, "startDate": None}

MOST_AGREEMENTS = 7

places = st.sampled_from(ORGANIZATIONS)
months = st.sampled_from(MONTHS)
some_months = st.lists(months, min_size=1, unique=True)
plans = st.sampled_from(Plan)
agreements = st.integers(0, MOST_AGREEMENTS - 1)
"""Which of the agreements that there are by then."""
seats = st.integers(0, 9)
quantities = st.one_of(seats.map(Decimal), st.just(Decimal("2.5")))
any_number = st.integers(0, 10**6)
moments = st.integers(1, 40)
invoicings = st.none() | st.tuples(moments, agreements)
"""Whether ConnectWise invoices meanwhile: at which moment of the sync, and which agreement."""
News = tuple[int, int]
news = st.none() | st.tuples(places, seats)
"""An organization and what it used."""
limits = st.sampled_from([Limits(), Limits(), Limits(seats=4, hold=True)])
"""What is unusual usage, and whether it is held."""
choices = st.one_of(
    st.builds(Choice, st.frozensets(places.map(organization_id), min_size=1, max_size=2)),
    st.builds(Choice, limit=st.integers(1, 2)),
)
"""For whom a sync is."""
booleans = st.booleans()
days_of_invoices = st.dates(date(2026, 2, 1), date(2026, 6, 1))
"""Until when everything due is invoiced."""


_writes = st.fixed_dictionaries(
    {"method": st.sampled_from(["POST", "PATCH"]), "path": st.just("/additions"), "nth": st.sampled_from([1, 1, 2, 3])}
)
_requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", None]),
        "path": st.sampled_from(["^/(?!nordpass)", "/additions", "/agreements$", "/company/"]),
        "nth": st.integers(1, 4),
    }
)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault that the sandbox knows, of requests to either service; most often one that leaves a write in doubt.

    Not a 4xx that was carried out all the same: it is ConnectWise's word that nothing was. NordPass is asked again
    only once, since its client waits in between.
    """
    kind = draw(st.sampled_from([FaultKind.RESET_AFTER, FaultKind.SLOW, *FaultKind]))
    hit = draw(st.sampled_from([_writes] * 6 + [_requests] * 3 + [None]))
    if hit is None:
        status = draw(st.sampled_from([400, 401, 404, 429, 503]))
        return Fault(kind, "/nordpass/", {"nth": draw(st.integers(1, 3)), "status": status, "seconds": 0.01})
    status = draw(st.sampled_from([400, 401, 404, 408, 409, 429, 500, 502, 503]))
    options: dict[str, Any] = draw(hit) | {
        "times": draw(st.sampled_from([1, 1, 2] if kind is FaultKind.SLOW else [1, 1, 2, 6, None])),
        "status": status,
        "seconds": 0.01 if kind is FaultKind.UNANSWERED else None,
        "written": draw(st.sampled_from([None, True, False])) if status >= 500 else None,
        "members": {"effectiveDate": "soon", "billStartDate": "soon"},
    }
    return Fault(kind, options.pop("path"), options)


switches = st.fixed_dictionaries(
    {
        "accepts_writes_on_invoiced_additions": booleans,
        "accepts_writes_on_inactive_agreements": booleans,
        "forward_only_additions": booleans,
        "last_invoice_clears_date": booleans,
        "unset_dates": st.sampled_from(["absent", "empty"]),
        "lists_lag": st.sampled_from([{}, {"additions": 1, "agreements": 1}]),
        "periods": st.sampled_from(["anniversary", "calendar"]),
        "after_short_month": st.sampled_from(["short", "long"]),
    }
)
"""What ConnectWise is like where no document settles it."""
