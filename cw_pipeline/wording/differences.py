"""What differs between two previews, line by line, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.wording.outcomes import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cw_pipeline.billing.differences import Difference
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.vocabulary import Month

Row: TypeAlias = tuple[str, str, str]
HEADINGS = ("Organization", "Before", "After")
_MOST_NAMED = 5


def rows(differences: Iterable[Difference]) -> list[Row]:
    """Whose line differs, and what it says before and after."""
    return [_row(one) for one in differences]


def changed_since(month: Month, preview_id: int, now: int, differences: Sequence[Difference]) -> str:
    """Which lines a push would not carry out as a preview says, but as the one made `now`, and what to do about it."""
    return (
        f"A push would no longer do what preview {preview_id} says, so nothing was written for {month}. "
        f"{_first(differences)} See all of it with `cw-pipeline compare {preview_id} {now}`. If preview {now} is "
        f"right, push that one with `cw-pipeline approve {now}`."
    )


def differs_from(preview_id: int, differences: Sequence[Difference]) -> str:
    """Which lines were pushed otherwise than a preview said that was made before."""
    return f"It is not what preview {preview_id} said, the last one before this run. {_first(differences)}"


def _first(differences: Sequence[Difference]) -> str:
    number = len(differences)
    named = [f"{whose}: {before} → {after}" for whose, before, after in rows(differences[:_MOST_NAMED])]
    more = [f"and {number - _MOST_NAMED} more"] if number > _MOST_NAMED else []
    return f"{counted(number, 'line differs', 'lines differ')}: {'; '.join([*named, *more])}."


def _row(difference: Difference) -> Row:
    before, after, line = difference.before, difference.after, difference.line
    whose = f"{line.organization_name} ({line.organization_id})" + (f", another {line.plan} line" if line.also else "")
    if before is None or after is None:
        return whose, _in_full(before), _in_full(after)
    return whose, *_what_differs(before, after)


def _in_full(line: PreviewLine | None) -> str:
    return "no line" if line is None else ", ".join(one(line) for one in (_seats, _outcome, _agreement))


def _what_differs(before: PreviewLine, after: PreviewLine) -> tuple[str, str]:
    """What they say differently: of the writes only where that is all, since they follow from the rest."""
    aspects = (_seats, _plan, _outcome, _to_credit, _company, _agreement)
    shown: Sequence[Callable[[PreviewLine], str]] = [one for one in aspects if one(before) != one(after)] or [_writes]
    return ", ".join(one(before) for one in shown), ", ".join(one(after) for one in shown)


def _seats(line: PreviewLine) -> str:
    return counted(plain(line.seats), "seat")


def _plan(line: PreviewLine) -> str:
    return line.plan


def _outcome(line: PreviewLine) -> str:
    return in_words(line.outcome)


def _to_credit(line: PreviewLine) -> str:
    return f"{plain(line.to_credit or line.seats * 0)} to credit"


def _agreement(line: PreviewLine) -> str:
    return "no agreement" if line.agreement_id is None else f"agreement {line.agreement_id}"


def _company(line: PreviewLine) -> str:
    return "no company" if line.company_id is None else f"company {line.company_id}"


def _writes(line: PreviewLine) -> str:
    return " and ".join(map(_write, line.writes)) or "nothing to write"


def _write(write: Write) -> str:
    if isinstance(write, CreateLine):
        return (
            f"a new line of {plain(write.quantity)} (product {write.product_id}, {write.effective_date} to "
            f"{write.cancelled_date})"
        )
    return f"line {write.addition_id} from {plain(write.before)} to {plain(write.quantity)}"
