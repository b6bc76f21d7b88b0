"""Unusual usage: what a person should look at before, or after, an organization's month is billed.

A closed set of rules compares the month with the last one that was billed to the organization, and with earlier reports
of the month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from cw_pipeline.billing.outcomes import RIGHT, Outcome
from cw_pipeline.vocabulary import Month, Plan

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.billing.facts import Usage
    from cw_pipeline.billing.preview import Preview

BILLED = RIGHT | {Outcome.ZERO_USAGE}
"""The outcomes of a usage row that later months are compared with."""


class Rule(StrEnum):
    """Why usage is unusual."""

    CHANGED = "changed"
    """It rose or fell by both the percentage and the number of seats in `Limits`."""
    FELL_TO_0 = "fell to 0"
    CAME_FROM_0 = "came from 0"
    FIRST_BILLED = "first billed"
    """The organization is billed for the first time, for `first_seats` or more."""
    VANISHED = "vanished"
    """The report lacks the organization, although its lines carry seats."""
    PLAN_BOTH_WAYS = "plan both ways"
    """The month's reports changed its plan, and changed it back."""


@dataclass(frozen=True)
class Limits:
    """When usage is unusual, and what happens then."""

    percent: int = 50
    """A change is unusual if it is at least this share of the earlier seats,"""
    seats: int = 10
    """and at least so many seats."""
    first_seats: int = 100
    """An organization that is billed for the first time is unusual from so many seats on."""
    hold: bool = False
    """Whether it is held until a person releases it, or only has a warning. A vanished organization is always held."""


class Billed(NamedTuple):
    """A month that was billed to an organization, and its seats."""

    month: Month
    seats: Decimal


@dataclass(frozen=True)
class Baseline:
    """What a month's usage is compared with.

    Attributes:
        limits: When it is unusual.
        billed: By organization id, the last earlier month that was billed.
        plans: By organization id, the plans that the month's reports named, the earliest first; only for organizations
            with several.
    """

    limits: Limits = field(default_factory=Limits)
    billed: Mapping[str, Billed] = field(default_factory=dict[str, Billed])
    plans: Mapping[str, Sequence[Plan]] = field(default_factory=dict[str, Sequence[Plan]])


@dataclass(frozen=True)
class Unusual:
    """An organization's unusual month.

    Attributes:
        seats: The usage in the report; 0 if the report lacks the organization.
        before: The last earlier month that was billed; None if there is none.
        held: Whether nothing is written for it until a person releases it.
    """

    month: Month
    organization_id: str
    rules: tuple[Rule, ...]
    seats: int
    before: Billed | None
    held: bool


def unusual_usage(row: Usage, month: Month, baseline: Baseline) -> Unusual | None:
    """What is unusual about a usage row that is billed; None if nothing is."""
    billed = baseline.billed.get(row.organization_id)
    of_seats = _unusual_seats(row.seats, billed, baseline.limits)
    rules = [of_seats] if of_seats else []
    if len(list(groupby(baseline.plans.get(row.organization_id, ())))) > len(Plan):
        rules.append(Rule.PLAN_BOTH_WAYS)
    if not rules:
        return None
    return Unusual(month, row.organization_id, tuple(rules), row.seats, billed, baseline.limits.hold)


def vanished(organization_id: str, month: Month, baseline: Baseline) -> Unusual:
    """An organization that the month's report lacks."""
    return Unusual(month, organization_id, (Rule.VANISHED,), 0, baseline.billed.get(organization_id), held=True)


def _unusual_seats(seats: int, billed: Billed | None, limits: Limits) -> Rule | None:
    if billed is None:
        return Rule.FIRST_BILLED if seats >= limits.first_seats else None
    change = abs(seats - billed.seats)
    if change and not billed.seats:
        return Rule.CAME_FROM_0
    if change and not seats:
        return Rule.FELL_TO_0
    is_large = change >= limits.seats and change * 100 >= limits.percent * billed.seats
    return Rule.CHANGED if is_large and change else None


def billed_in(preview: Preview[Any, Any]) -> dict[str, Billed]:
    """What `preview` bills, by organization id, once it is pushed."""
    return {
        line.organization_id: Billed(preview.month, line.seats)
        for line in preview.lines
        if not line.also and line.outcome in BILLED
    }
