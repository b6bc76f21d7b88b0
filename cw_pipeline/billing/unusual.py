"""Unusual usage: what a person should look at before, or after, an organization's month is billed.

A closed set of rules compares the month with the last one before it that was billed to the organization, and with
what earlier reports of the month said.
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
"""The outcomes of a usage row with which later months are compared."""


class Rule(StrEnum):
    """Why usage is unusual."""

    CHANGED = "changed"
    """It is more or less than before, by so many seats and so much of what it was."""
    FELL_TO_0 = "fell to 0"
    CAME_FROM_0 = "came from 0"
    FIRST_BILLED = "first billed"
    """So many seats are billed for the first time."""
    VANISHED = "vanished"
    """The report lacks the organization, whose lines carry seats."""
    PLAN_BOTH_WAYS = "plan both ways"
    """The month's reports changed its plan, and changed it back."""


@dataclass(frozen=True)
class Limits:
    """From where on usage is unusual, and what happens then."""

    percent: int = 50
    """A change is unusual from so many hundredths of the seats before,"""
    seats: int = 10
    """and from so many seats."""
    first_seats: int = 100
    """From so many seats on an organization that is billed for the first time is unusual."""
    hold: bool = False
    """Whether it is held until a person releases it, or only warned of. What vanished is always held."""


class Billed(NamedTuple):
    """A month that was billed to an organization, and its seats."""

    month: Month
    seats: Decimal


@dataclass(frozen=True)
class Before:
    """What a month's usage is compared with.

    Attributes:
        limits: From where on it is unusual.
        billed: By organization id, the last month before it that was billed.
        plans: By organization id, the plans that the month's reports named, the earliest first; only of those with
            several.
    """

    limits: Limits = field(default_factory=Limits)
    billed: Mapping[str, Billed] = field(default_factory=dict[str, Billed])
    plans: Mapping[str, Sequence[Plan]] = field(default_factory=dict[str, Sequence[Plan]])


@dataclass(frozen=True)
class Unusual:
    """An organization's unusual month.

    Attributes:
        month: The month.
        organization_id: The organization.
        rules: Why it is unusual.
        seats: What it used, as the report says; 0 if it lacks the organization.
        before: The last month that was billed before; None where there is none.
        held: Whether nothing is written for it until a person releases it.
    """

    month: Month
    organization_id: str
    rules: tuple[Rule, ...]
    seats: int
    before: Billed | None
    held: bool


def unusual_usage(row: Usage, month: Month, before: Before) -> Unusual | None:
    """What is unusual about a usage row that is billed; None if nothing is."""
    billed = before.billed.get(row.organization_id)
    rules = [rule for rule in (_of_seats(row.seats, billed, before.limits),) if rule]
    if len(list(groupby(before.plans.get(row.organization_id, ())))) > len(Plan):
        rules.append(Rule.PLAN_BOTH_WAYS)
    if not rules:
        return None
    return Unusual(month, row.organization_id, tuple(rules), row.seats, billed, before.limits.hold)


def vanished(organization_id: str, month: Month, before: Before) -> Unusual:
    """An organization that the month's report lacks."""
    return Unusual(month, organization_id, (Rule.VANISHED,), 0, before.billed.get(organization_id), held=True)


def _of_seats(seats: int, billed: Billed | None, limits: Limits) -> Rule | None:
    if billed is None:
        return Rule.FIRST_BILLED if seats >= limits.first_seats else None
    if not seats or not billed.seats:
        return None if seats == billed.seats else Rule.CAME_FROM_0 if seats else Rule.FELL_TO_0
    change = abs(seats - billed.seats)
    is_much = change >= limits.seats and change * 100 >= limits.percent * billed.seats
    return Rule.CHANGED if is_much else None


def billed_in(preview: Preview[Any, Any]) -> dict[str, Billed]:
    """What `preview` bills, by organization id, once it is pushed."""
    return {
        line.organization_id: Billed(preview.month, line.seats)
        for line in preview.lines
        if not line.also and line.outcome in BILLED
    }
