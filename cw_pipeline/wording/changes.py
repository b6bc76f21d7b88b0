"""What differs between two months, or two previews: as a sentence, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.wording.outcomes import with_also
from cw_pipeline.wording.seats import amounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cw_pipeline.reports.changes import Change
    from cw_pipeline.reports.month_lines import MonthLines
    from cw_pipeline.wording.markdown import Table


def against_last_month(month: MonthLines) -> str:
    """By how many seats a month differs from the one before, and how many organizations came and went."""
    if month.changes is None:
        return f"{month.last_month.name} was neither synced nor previewed, so there is nothing to compare with."
    parts = [f"{sum(change.seats for change in month.changes if not change.line.also):+,} seats"]
    if new := sum(change.is_new for change in month.changes):
        parts.append(f"{counted(new, 'organization')} new")
    if gone := sum(change.is_gone for change in month.changes):
        parts.append(f"{gone} gone")
    return f"Against {month.last_month.name}: {', '.join(parts)}."


def changes(differing: Iterable[Change], before: object, after: object) -> Table:
    """The lines that differ between two versions, which are called `before` and `after`."""
    seats = (f"{before}:", f"{after}:", "Change:", "Worth:")
    return ("Company", "Organization", "Plan", "Agreement", "Outcome", *seats), [
        (
            change.company and change.company.name,
            change.line.organization_name,
            _changed(change.before and change.before.plan, change.after and change.after.plan),
            _changed(
                change.agreement_before and change.agreement_before.name, change.agreement and change.agreement.name
            ),
            _changed(change.before and with_also(change.before), change.after and with_also(change.after)),
            change.before and plain(change.before.seats),
            change.after and plain(change.after.seats),
            f"{plain(change.seats):+}" if change.seats else None,
            amounts(change.worth) if change.seats else None,
        )
        for change in differing
    ]


def _changed(before: str | None, after: str | None) -> str | None:
    return f"{before} → {after}" if before and after and before != after else after or before
