"""What differs between two previews: of one month, made at two moments, or of two months."""

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
    """An organization's line, as it is in two previews; None where one of them has no such line."""

    before: _Line | None
    after: _Line | None

    @property
    def line(self) -> _Line:
        """The line that says whose it is: the one after or, where that is gone, the one before."""
        return cast("_Line", self.after or self.before)

    @property
    def seats(self) -> Decimal:
        """How many seats came, below 0 where they went."""
        return (self.after.seats if self.after else _ZERO) - (self.before.seats if self.before else _ZERO)


def differences(before: Preview[Any, Any], after: Preview[Any, Any]) -> list[Difference]:
    """The lines for which two previews decide differently, in the order of `after`, then those that are gone.

    In two previews of one month a usage row's plan, place, outcome, seats and writes have to be the same; so have those
    of each other line of its organization. In previews of two months the writes are not compared, nor how a line came
    to be right. Reasons, warnings and names never are.
    """
    said = _of_one_month if before.month == after.month else _of_any_month
    old, new = _by_whose(before.lines), _by_whose(after.lines)
    found: list[Difference] = []
    for whose in {**new, **old}:
        ones, others = old.get(whose, ()), new.get(whose, ())
        gone, come = _without(ones, others, said), _without(others, ones, said)
        found += [Difference(*pair) for pair in zip_longest(gone, come)]
    return found


def _by_whose(lines: Iterable[_Line]) -> Mapping[Hashable, Sequence[_Line]]:
    """The usage row of each organization, which has one, and its other lines by their plan."""
    by_whose: defaultdict[Hashable, list[_Line]] = defaultdict(list)
    for line in lines:
        by_whose[line.organization_id, line.plan if line.also else None].append(line)
    return by_whose


def _without(lines: Sequence[_Line], others: Sequence[_Line], said: Callable[[_Line], Hashable]) -> list[_Line]:
    """The lines that no line of `others` is like, each of which stands for one."""
    left = [said(line) for line in others]
    rest: list[_Line] = []
    for line in lines:
        if (what := said(line)) in left:
            left.remove(what)
        else:
            rest.append(line)
    return rest


def _of_any_month(line: _Line) -> Hashable:
    """What a line says of any month: where its seats are billed, or why not."""
    outcome = None if line.outcome in RIGHT else line.outcome
    return line.plan, line.company_id, line.agreement_id, outcome, line.seats, line.to_credit


def _of_one_month(line: _Line) -> Hashable:
    return _of_any_month(line), line.outcome, line.writes
