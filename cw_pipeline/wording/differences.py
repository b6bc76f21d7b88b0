"""In which lines a push, or a preview, differs from the preview that people could look at before."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.writes import CreateLine
from cw_pipeline.vocabulary import at_most, counted, plain
from cw_pipeline.wording.outcomes import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.differences import Difference
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.billing.writes import Write
    from cw_pipeline.vocabulary import Month

_MOST_NAMED = 5


def changed_since(month: Month, preview_id: int, now: int, differences: Sequence[Difference]) -> str:
    """Which lines a push would carry out unlike a preview, as preview `now` says, and what to do about it."""
    return (
        f"A push would no longer do what preview {preview_id} says, so nothing was written for {month}. "
        f"{_first(differences)} See all of it with `cw-pipeline compare {preview_id} {now}`. If preview {now} is "
        f"right, push that one with `cw-pipeline approve {now}`."
    )


def differs_from(preview_id: int, differences: Sequence[Difference]) -> str:
    """Which lines were pushed unlike a preview that was made before."""
    return f"It is not what preview {preview_id} said, the last one before this run. {_first(differences)}"


def _first(differences: Sequence[Difference]) -> str:
    """The first differences, and how many more there are."""
    parts = at_most([_in_words(difference) for difference in differences], _MOST_NAMED)
    return f"{counted(len(differences), 'line differs', 'lines differ')}: {'; '.join(parts)}."


def _in_words(difference: Difference) -> str:
    before, after, line = difference.before, difference.after, difference.line
    whose = f"{line.organization_name} ({line.organization_id})" + (f", another {line.plan} line" if line.also else "")
    if before is None or after is None:
        return f"{whose}: {_in_full(before)} → {_in_full(after)}"
    pairs = [(old, new) for old, new in zip(_aspects(before), _aspects(after), strict=True) if old != new]
    # The writes follow from the rest: they are only named if nothing else differs.
    olds, news = zip(*(pairs or [(_writes(before), _writes(after))]), strict=True)
    return f"{whose}: {', '.join(olds)} → {', '.join(news)}"


def _in_full(line: PreviewLine | None) -> str:
    if line is None:
        return "no line"
    seats, _, outcome, _, _, agreement = _aspects(line)
    return f"{seats}, {outcome}, {agreement}"


def _aspects(line: PreviewLine) -> tuple[str, ...]:
    """What a line says: seats, plan, outcome, seats to credit, company and agreement."""
    return (
        counted(plain(line.seats), "seat"),
        line.plan,
        LABELS[line.outcome],
        f"{plain(line.to_credit or Decimal(0))} to credit",
        "no company" if line.company_id is None else f"company {line.company_id}",
        "no agreement" if line.agreement_id is None else f"agreement {line.agreement_id}",
    )


def _writes(line: PreviewLine) -> str:
    return " and ".join(map(_write, line.writes)) or "nothing to write"


def _write(write: Write) -> str:
    if isinstance(write, CreateLine):
        return (
            f"a new line of {plain(write.quantity)} (product {write.product_id}, {write.effective_date} to "
            f"{write.cancelled_date})"
        )
    return f"line {write.addition_id} from {plain(write.before)} to {plain(write.quantity)}"
