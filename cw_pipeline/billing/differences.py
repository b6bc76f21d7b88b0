"""What differs between two previews: of the same month at two moments, or of two months."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from cw_pipeline.billing.outcomes import RIGHT
from cw_pipeline.billing.preview import PreviewLine

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from cw_pipeline.billing.preview import Preview

_Line: TypeAlias = PreviewLine[Any, Any]
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Difference:
    """An organization's line in two previews; None in the one that lacks it."""

    before: _Line | None
    after: _Line | None

    @property
    def line(self) -> _Line:
        """The later line or, if it is gone, the earlier one: it says whose line it is."""
        return cast("_Line", self.after or self.before)

    @property
    def seats(self) -> Decimal:
        """How many seats were added; negative if seats were lost."""
        return (self.after.seats if self.after else _ZERO) - (self.before.seats if self.before else _ZERO)


def differences(before: Preview[Any, Any], after: Preview[Any, Any]) -> list[Difference]:
    """The lines that two previews decide differently, in the order of `after`, then those that are gone.

    In previews of the same month, usage rows must agree in plan, company, agreement, outcome, seats and writes, and so
    must the other lines of their organizations. In previews of two months, neither the writes are compared nor how a
    line came to be right. Reasons, warnings and names never are.
    """
    decision = _writes_too if before.month == after.month else _where_billed
    old, new = _by_organization(before.lines), _by_organization(after.lines)
    found: list[Difference] = []
    for key in {**new, **old}:
        old_lines, new_lines = old.get(key, ()), new.get(key, ())
        gone, added = _without(old_lines, new_lines, decision), _without(new_lines, old_lines, decision)
        found += [Difference(*pair) for pair in zip_longest(gone, added)]
    return found


def _by_organization(lines: Iterable[_Line]) -> Mapping[Hashable, Sequence[_Line]]:
    """The usage row of each organization by itself, and its other lines by plan."""
    grouped: defaultdict[Hashable, list[_Line]] = defaultdict(list)
    for line in lines:
        grouped[line.organization_id, line.plan if line.also else None].append(line)
    return grouped


def _without(lines: Sequence[_Line], others: Sequence[_Line], decision: Callable[[_Line], Hashable]) -> list[_Line]:
    """The lines without a match in `others`, of which each matches one line."""
    unmatched = [decision(line) for line in others]
    rest: list[_Line] = []
    for line in lines:
        if (decided := decision(line)) in unmatched:
            unmatched.remove(decided)
        else:
            rest.append(line)
    return rest


def _where_billed(line: _Line) -> Hashable:
    """Where a line's seats are billed, or why not."""
    outcome = None if line.outcome in RIGHT else line.outcome
    return line.plan, line.company_id, line.agreement_id, outcome, line.seats, line.to_credit


def _writes_too(line: _Line) -> Hashable:
    return _where_billed(line), line.outcome, line.writes
