"""What differs between two months, or between two previews of one, as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cw_pipeline.billing.differences import Difference, differences
from cw_pipeline.billing.outcomes import RIGHT, Outcome
from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.reports.listings import imported_names
from cw_pipeline.reports.worth import Money, prices
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.previews import (
    StoredPreview,
    looked_at_before,
    preview_row,
    pushed_or_previewed,
    stored_preview,
)
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.pushes import pushed_organizations
from cw_pipeline.warehouse.tables import PreviewRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.billing.preview import Preview, PreviewLine
    from cw_pipeline.reports.listings import ImportedNames
    from cw_pipeline.reports.worth import Prices


class NothingToCompare(CwPipelineError):
    """A month was neither synced nor previewed, or there is no such preview."""

    exit_code = USAGE_ERROR


@dataclass(frozen=True)
class Change(Difference):
    """A line that differs, with names and worth.

    Attributes:
        company, agreement: Those of the line after or, if it is gone, before; None if it has none.
        agreement_before: That of the line before.
        worth: What the added seats are worth, negative for removed ones; empty if no price is known.
    """

    company: Named | None
    agreement: Named | None
    agreement_before: Named | None
    worth: Money

    @property
    def is_new(self) -> bool:
        """Whether the organization used no seats before, and uses some now."""
        return _is_used(self.after) and not _is_used(self.before)

    @property
    def is_gone(self) -> bool:
        """Whether the organization used seats before, and uses none now."""
        return _is_used(self.before) and not _is_used(self.after)


def _is_used(line: PreviewLine | None) -> bool:
    return line is not None and not line.also and line.seats > 0


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions of a month, or of two months; the lines with the most seats first."""

    before: StoredPreview
    after: StoredPreview
    changes: Sequence[Change]

    @property
    def names(self) -> tuple[str, str]:
        """The versions' names in headings: their months or, if that is the same one, their previews."""
        if self.before.preview.month == self.after.preview.month:
            return f"Preview {self.before.id}", f"Preview {self.after.id}"
        return str(self.before.preview.month), str(self.after.preview.month)


def compare(session: Session, before: str, after: str) -> Comparison:
    """What differs between two months, each as it was pushed last or, if it never was, previewed last.

    `before` and `after` are a month or the id of a preview.

    Raises:
        NothingToCompare: If there is no such preview, or the month was neither pushed nor previewed.
    """
    old, new = _version(session, before), _version(session, after)
    same_month = old.preview.month == new.preview.month
    left, right = (_as_after(version) if same_month and version.pushed else version.preview for version in (old, new))
    return Comparison(old, new, changes(left, right, imported_names(session), prices(session)))


def since_looked_at(session: Session, preview_id: int) -> Comparison | None:
    """What the push of a preview did unlike the preview before it, which people could look at; None if nothing."""
    row = session.get_one(PreviewRow, preview_id)
    old = looked_at_before(session, row)
    if old is None:
        return None
    new = stored_preview(session, row)
    left_out = {line.organization_id for line in new.preview.lines} - pushed_organizations(session, preview_id)
    changed = [
        change
        for change in changes(old.preview, new.preview, imported_names(session), prices(session))
        if change.line.organization_id not in left_out
    ]
    return Comparison(old, new, changed) if changed else None


def changes(before: Preview, after: Preview, names: ImportedNames, seat_prices: Prices) -> list[Change]:
    """The lines that differ, those with the most seats first."""
    changed = [
        Change(
            **vars(difference),
            company=names.company(difference.line.company_id),
            agreement=names.agreement(difference.line.agreement_id),
            agreement_before=names.agreement(difference.before and difference.before.agreement_id),
            worth=seat_prices.worth(difference.line.organization_id, difference.line.plan, difference.seats),
        )
        for difference in differences(before, after)
    ]
    return sorted(changed, key=lambda change: (-abs(change.seats), change.line.organization_name.casefold()))


def _as_after(pushed: StoredPreview) -> Preview:
    """What a preview says right after a push: all that was written is right."""
    lines = (
        replace(line, outcome=Outcome.UNCHANGED, writes=()) if line.outcome in RIGHT else line
        for line in pushed.preview.lines
        if not line.also or line.outcome not in RIGHT
    )
    return replace(pushed.preview, lines=tuple(lines))


def _version(session: Session, month_or_preview: str) -> StoredPreview:
    psa, text = connected_psa(session), month_or_preview.strip()
    if text.isascii() and text.isdigit():
        row = preview_row(session, int(text))
        if row is None or row.psa != psa:
            raise NothingToCompare(f"There is no preview {text}. `cw-pipeline preview` makes one, and says its id.")
        return stored_preview(session, row)
    try:
        month = Month.parse(text)
    except ValueError as error:
        raise NothingToCompare(f"{error} Or give the id of a preview.") from None
    version = pushed_or_previewed(session, psa, month)
    if version is None:
        raise NothingToCompare(f"{month} was neither synced nor previewed. Run `cw-pipeline preview --month {month}`.")
    return version
