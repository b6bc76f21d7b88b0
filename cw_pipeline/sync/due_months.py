"""Which months have to be pushed, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from cw_pipeline.billing.accounting import MANUAL_KINDS, SEEN, EntryKind
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.by_hand import last_choice
from cw_pipeline.warehouse.previews import last_previews
from cw_pipeline.warehouse.pushes import last_undone, lines_with
from cw_pipeline.warehouse.tables import (
    CompanyMappingRow,
    IntegrationRow,
    LedgerEntry,
    PreviewRow,
    PushRow,
    ReleasedUsageRow,
    UsageReportRow,
)
from cw_pipeline.warehouse.usage import LATEST_REPORTS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session


class Why(StrEnum):
    """Why a month has to be pushed, in the words that people read."""

    NEVER = "never pushed"
    FAILED = "the last push did not succeed"
    PARTLY = "organizations were left out"
    UNDONE = "a run was undone since"
    LINES = "lines were written, found or accepted since"
    MAPPING = "companies or products were mapped since"
    REPORT = "the usage report changed since"


def unpushed_months(session: Session, psa: str, first_month: Month, now: datetime) -> dict[Month, Why]:
    """The closed months from `first_month` on that no push has carried out as things are now, in order.

    A month counts from the first `bill_from` on. It counts again

    - when its last push failed, left organizations out, was cut short or was undone;
    - when a line of it is found, or accepted by a person, after that push;
    - when a line kept by hand held it, and a person chose for such a line after that push;
    - when a company billed for it is mapped, or products are confirmed, after the pushed preview was made;
    - when the stored usage report differs from the pushed one.
    """
    changes = _Changes(session, psa)
    if not changes.mappings:
        return {}
    pushed, undone = _last_pushes(session, psa), last_undone(session, psa)
    first = max(first_month, min(bill_from for bill_from, _ in changes.mappings))
    months = first.until(Month.last_closed(now))
    whys = {month: _why(month, pushed.get(month), undone.get(month), changes) for month in months}
    return {month: why for month, why in whys.items() if why is not None}


def previews_to_approve(session: Session, psa: str, unpushed: Collection[Month]) -> dict[Month, int]:
    """For each month that has to be pushed, the id of the preview that a person can approve.

    That is the latest one, unless the month was pushed since, or something that it was made from has changed.
    """
    changes = _Changes(session, psa)
    pushed = select(PushRow.month, func.max(PushRow.preview_id)).where(PushRow.psa == psa).group_by(PushRow.month)
    last_pushed = dict(session.execute(pushed).tuples().all())
    previews = session.execute(
        select(PreviewRow.month, PreviewRow.id, PreviewRow.made_at, UsageReportRow.fingerprint)
        .join(UsageReportRow, UsageReportRow.id == PreviewRow.usage_report_id)
        .where(PreviewRow.id.in_(last_previews(psa)))
        .order_by(PreviewRow.month)
    )
    return {
        month: preview_id
        for month, preview_id, made_at, report in previews.tuples()
        if month in unpushed
        and preview_id > last_pushed.get(month, 0)
        and changes.since(month, made_at=made_at, written_until=made_at, report=report) is None
    }


class _Pushed(NamedTuple):
    """A month's last push, and what its preview was made from."""

    succeeded: bool
    whole: bool
    pushed_at: datetime
    made_at: datetime
    report: str


def _why(month: Month, pushed: _Pushed | None, undone_at: datetime | None, changes: _Changes) -> Why | None:
    if pushed is None:
        return Why.NEVER
    if not pushed.succeeded:
        return Why.FAILED
    if undone_at is not None and undone_at > pushed.pushed_at:
        return Why.UNDONE
    if not pushed.whole:
        return Why.PARTLY
    return changes.since(month, made_at=pushed.made_at, written_until=pushed.pushed_at, report=pushed.report)


class _Changes:
    """When what previews are made from last changed, as far as the warehouse knows."""

    def __init__(self, session: Session, psa: str) -> None:
        last_mapped = select(CompanyMappingRow.bill_from, func.max(CompanyMappingRow.mapped_at))
        self.mappings = session.execute(last_mapped.group_by(CompanyMappingRow.bill_from)).tuples().all()
        self._confirmed = [at for at in session.scalars(select(IntegrationRow.confirmed_at)) if at]
        self._written, self._reports = _last_written(session, psa), _kept_reports(session)

    def since(self, month: Month, *, made_at: datetime, written_until: datetime, report: str) -> Why | None:
        """What changed for a month since its preview was made, from `report`, and since its lines were written."""
        if (written_at := self._written.get(month)) is not None and written_at > written_until:
            return Why.LINES
        mapped = [mapped_at for bill_from, mapped_at in self.mappings if bill_from <= month]
        if max(mapped + self._confirmed) >= made_at:
            return Why.MAPPING
        return Why.REPORT if self._reports.get(month) != report else None


def _last_pushes(session: Session, psa: str) -> dict[Month, _Pushed]:
    last = select(func.max(PushRow.id)).where(PushRow.psa == psa).group_by(PushRow.month)
    columns = (PushRow.succeeded, PushRow.whole, PushRow.pushed_at, PreviewRow.made_at, UsageReportRow.fingerprint)
    rows = session.execute(
        select(PushRow.month, *columns)
        .join(PreviewRow, PreviewRow.id == PushRow.preview_id)
        .join(UsageReportRow, UsageReportRow.id == PreviewRow.usage_report_id)
        .where(PushRow.id.in_(last))
    )
    return {month: _Pushed(*pushed) for month, *pushed in rows}


def _last_written(session: Session, psa: str) -> dict[Month, datetime]:
    """When a line of each month was last written, found or accepted: the month is due unless a push ended since."""
    kinds = [EntryKind.INTENT, *SEEN, *MANUAL_KINDS]
    in_ledger = (
        select(LedgerEntry.month, func.max(LedgerEntry.at))
        .where(LedgerEntry.psa == psa, LedgerEntry.kind.in_(kinds))
        .group_by(LedgerEntry.month)
    )
    releases = (
        select(UsageReportRow.month, func.max(ReleasedUsageRow.released_at))
        .join(ReleasedUsageRow, ReleasedUsageRow.report_id == UsageReportRow.id)
        .group_by(UsageReportRow.month)
    )
    last = dict(session.execute(in_ledger).tuples().all())
    for month, released_at in session.execute(releases).tuples():
        last[month] = max(released_at, last.get(month, released_at))
    chosen_at = last_choice(session, psa)
    if chosen_at is not None:
        for month in {month for month, _, _ in lines_with(session, psa, {Outcome.BILLED_BY_HAND})}:
            last[month] = max(chosen_at, last.get(month, chosen_at))
    return last


def _kept_reports(session: Session) -> dict[Month, str]:
    """The fingerprint of the latest usage report, by month."""
    latest = UsageReportRow.id.in_(LATEST_REPORTS)
    return dict(session.execute(select(UsageReportRow.month, UsageReportRow.fingerprint).where(latest)).tuples().all())
