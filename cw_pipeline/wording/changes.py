"""What differs between two months, or two previews, in words: as a sentence, and as the table that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.wording.outcomes import with_also
from cw_pipeline.wording.seats import amounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.reports.changes import Change
    from cw_pipeline.reports.month import MonthLines


def against_last_month(month: MonthLines) -> str:
    """By how many seats a month differs from the one before, and how many organizations came and went."""
    if month.changes is None:
        return f"{month.last_month.name} was neither synced nor previewed, so there is nothing to compare with."
    seats = sum(one.seats for one in month.changes if not one.line.also)
    new, gone = (sum(getattr(one, what) for one in month.changes) for what in ("is_new", "is_gone"))
    parts = [counted(new, "organization") + " new"] if new else []
    parts += [f"{gone} gone"] if gone else []
    return f"Against {month.last_month.name}: {', '.join([f'{seats:+,} seats', *parts])}."


def changes(found: Iterable[Change], before: object, after: object) -> tuple[Sequence[str], list[tuple[object, ...]]]:
    """The lines that differ between two versions that are called `before` and `after`; numbers' headings end in `:`."""
    seats = (f"{before}:", f"{after}:", "Change:", "Worth:")
    return ("Company", "Organization", "Plan", "Agreement", "Outcome", *seats), [
        (
            one.company and one.company.name,
            one.line.organization_name,
            _changed(one.before and one.before.plan, one.after and one.after.plan),
            _changed(one.agreement_before and one.agreement_before.name, one.agreement and one.agreement.name),
            _changed(one.before and with_also(one.before), one.after and with_also(one.after)),
            one.before and plain(one.before.seats),
            one.after and plain(one.after.seats),
            f"{plain(one.seats):+}" if one.seats else None,
            amounts(one.worth) if one.seats else None,
        )
        for one in found
    ]


def _changed(before: str | None, after: str | None) -> str | None:
    return f"{before} → {after}" if before and after and before != after else after or before
