"""What is unusual about an organization's usage, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.unusual import Rule
from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.wording.commands import SYNC_AGAIN, release_command
from cw_pipeline.wording.hold_reasons import leave_out

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import CompanyMapping
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.billing.unusual import Unusual
    from cw_pipeline.vocabulary import Month


def held(unusual: Unusual, mapping: CompanyMapping) -> str:
    """Why nothing is written for an organization's month, and what to do about it."""
    right = "If the organization used nothing" if Rule.VANISHED in unusual.rules else "If the usage is right"
    return (
        f"{_look_at(unusual)} {right}, release it with {release_command(unusual.month, unusual.organization_id)}. "
        f"{leave_out(unusual.month, mapping)} {SYNC_AGAIN}"
    )


def warned(unusual: Unusual) -> str:
    """What is unusual about usage that is billed nevertheless, and what to do about it."""
    return (
        f"{_look_at(unusual)} If the usage is right, end this warning with "
        f"{release_command(unusual.month, unusual.organization_id)}; otherwise sync the month again once its report is "
        "corrected."
    )


def warns_of_usage(line: PreviewLine, month: Month) -> bool:
    """Whether the warning of a line says that its usage is unusual."""
    return release_command(month, line.organization_id) in (line.warning or "")


def _look_at(unusual: Unusual) -> str:
    return " ".join([*(_sentence(rule, unusual) for rule in unusual.rules), "See the month in the NordPass panel."])


def _sentence(rule: Rule, unusual: Unusual) -> str:
    used = f"{counted(unusual.seats, 'seat')} used"
    before = ""
    if unusual.before is not None:
        seats = plain(unusual.before.seats)
        before = f", after {seats or 'none'} in {unusual.before.month}, the last month that was billed"
    return {
        Rule.CHANGED: f"Unusual usage: {used}{before}.",
        Rule.FELL_TO_0: f"Unusual usage: no seats used{before}.",
        Rule.CAME_FROM_0: f"Unusual usage: {used}{before}.",
        Rule.FIRST_BILLED: f"Unusual usage: {used}, and the organization was not billed before.",
        Rule.VANISHED: f"NordPass's report of {unusual.month} lacks the organization, but its lines carry seats.",
        Rule.PLAN_BOTH_WAYS: f"Unusual usage: the reports of {unusual.month} changed the plan, and changed it back.",
    }[rule]
