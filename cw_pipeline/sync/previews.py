"""Making previews: the rule applied to what ConnectWise, the mappings and the ledger show now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from cw_pipeline.billing.by_hand import Left, undecided
from cw_pipeline.billing.facts import CompanyMapping, Facts
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.billing.rule import preview_month
from cw_pipeline.billing.unusual import Baseline, Billed, Limits, billed_in
from cw_pipeline.sync.reading import read
from cw_pipeline.sync.seen_lines import Seen, append_seen, seen_in
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.wanted_lines import ByHand
from cw_pipeline.vocabulary import Month, Plan, State, counted
from cw_pipeline.warehouse import ledger, tables
from cw_pipeline.warehouse.by_hand import left_lines
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline.warehouse.ledger import Known
from cw_pipeline.warehouse.mappings import confirmed_products, mapping_facts
from cw_pipeline.warehouse.previews import StoredPreview, delete_old_previews, save_preview
from cw_pipeline.warehouse.pushes import billed_before
from cw_pipeline.warehouse.usage import StoredReport, latest_report, plans_reported, released_usage
from cw_pipeline.wording.previews import preview_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.billing.reasons import LineWarnings, Reason
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.lock import HeldLock

_MAX_AGE = timedelta(minutes=15)
"""How old a preview may be when it is pushed: ConnectWise may be changed by hand after that."""


@dataclass(frozen=True)
class Previews:
    """Previews that were made together, of the same reading."""

    of_months: dict[Month, StoredPreview]
    read: _Read

    @property
    def is_old(self) -> bool:
        """Whether ConnectWise may have been changed by hand since."""
        return self.read.at < datetime.now(UTC) - _MAX_AGE


def make_previews(run: SyncRun, months: Sequence[Month]) -> Previews:
    """Make and keep the previews of `months`, reading each agreement's lines once for all of them.

    Previews that are older than they are kept for are deleted.

    The requests are counted on the first preview.

    Raises:
        SyncError: If a month has no usage report.
        ConnectWiseError: If ConnectWise cannot be read; no preview is kept.
    """
    requests_before = run.connectwise.requests.read
    read_now = _read(run, months)
    requests = run.connectwise.requests.read - requests_before
    previews = [preview_in_words(preview, read_now.facts) for preview in read_now.previews()]
    with run.warehouse.transaction() as session:
        delete_old_previews(session, run.psa, made_before=read_now.at - run.keep_previews)
        stored = {
            preview.month: save_preview(
                session,
                preview,
                psa=run.psa,
                run_id=run.run_id,
                made_at=read_now.at,
                usage_report_id=read_now.reports[preview.month].id,
                requests_read=requests if preview.month == months[0] else 0,
            )
            for preview in previews
        }
    return Previews(stored, read_now)


def preview_now(
    run: SyncRun, lock: HeldLock, month: Month
) -> tuple[Preview[Reason, LineWarnings], Facts, StoredReport]:
    """What a push of `month` would do at this moment, and the facts and report that say so; no preview is kept.

    Called under the push lock: what ConnectWise shows and the ledger did not know is entered.

    Raises:
        SyncError: If the month has no usage report.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    read_now = _read_and_enter(run, lock, [month])
    (preview,) = read_now.previews()
    return preview, read_now.facts, read_now.reports[month]


def facts_now(run: SyncRun, lock: HeldLock, months: Sequence[Month]) -> tuple[Facts, Mapping[int, Known]]:
    """What a push of `months` would be decided on at this moment, and what the ledger knows, by addition id.

    Called under the push lock: what ConnectWise shows and the ledger did not know is entered.

    Raises:
        SyncError: If a month has no usage report.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    read_now = _read_and_enter(run, lock, months)
    return read_now.facts, read_now.known


def _read_and_enter(run: SyncRun, lock: HeldLock, months: Sequence[Month]) -> _Read:
    read_now = _read(run, months)
    append_seen(run, lock, read_now.seen, read_now.facts.mappings)
    return read_now


def current_previews(run: SyncRun, lock: HeldLock, months: Sequence[Month], made: Previews | None) -> Previews:
    """The previews of `months`: those that were `made` or, if something has changed since, new ones.

    Called under the push lock, so that the ledger cannot change until they are carried out: what ConnectWise shows and
    the ledger did not know is entered.
    """
    if made is None or not _still_right(run, months, made):
        run.say(f"Previewing {', '.join(map(str, months))}")
        made = make_previews(run, months)
    append_seen(run, lock, made.read.seen, made.read.facts.mappings)
    return made


def _still_right(run: SyncRun, months: Sequence[Month], made: Previews) -> bool:
    with run.warehouse.transaction() as session:
        return (
            not made.is_old
            and made.of_months.keys() >= set(months)
            and made.read.position == ledger.position(session, run.psa)
            and (made.read.facts.mappings, made.read.facts.products) == _basis(session)
            and all(made.read.reports[month].id == usage_report(session, month).id for month in months)
            and made.read.facts.released == released_usage(session, made.read.reports)
            and made.read.left == left_lines(session, run.psa)
        )


@dataclass(frozen=True)
class _Read:
    """What previews are made of, as it was read."""

    at: datetime
    """Before anything was read: what changes meanwhile is later."""
    position: int
    """The ledger's, then."""
    reports: dict[Month, StoredReport]
    facts: Facts
    seen: Seen
    known: Mapping[int, Known]
    """What the ledger knows once what was seen is entered."""

    before: Mapping[Month, Baseline]
    """What each month's usage is compared with, but for the other months that were read."""
    left: frozenset[Left]
    """The lines that people keep by hand and that are to be left."""

    def previews(self) -> list[Preview[Reason, LineWarnings]]:
        """The months' previews, the earliest first, because each counts as billed for those after it."""
        made: list[Preview[Reason, LineWarnings]] = []
        earlier: dict[str, Billed] = {}
        for month in sorted(self.reports):
            billed = dict(self.before[month].billed)
            billed |= {one: last for one, last in earlier.items() if one not in billed or billed[one] < last}
            before = replace(self.before[month], billed=billed)
            made.append(preview_month(month, self.reports[month].rows, self.facts, before))
            earlier |= billed_in(made[-1])
        return made


def _read(run: SyncRun, months: Sequence[Month]) -> _Read:
    at = datetime.now(UTC)
    with run.warehouse.transaction() as session:
        mappings, products = _basis(session)
        position = ledger.position(session, run.psa)
        written = ledger.written_lines(session, run.psa, months)
        known = ledger.known_lines(session, run.psa)
        unsettled = {intent.write.identity.serial_number for intent in open_intents(session, run.psa)}
        mapped = {mapping.agreement_id for mapping in mappings.values()}
        to_read = mapped | ledger.agreements_with_lines(session, run.psa, months)
        reports = {month: usage_report(session, month) for month in months}
        released = released_usage(session, reports)
        before = {month: _before(session, run.psa, month, months, run.limits) for month in months}
        first_time = _billed_for_the_first_time(session, months)
        left = left_lines(session, run.psa)

    run.say(f"Reading {counted(len(to_read), 'agreement')} and their lines for {counted(len(months), 'month')}")
    carrying = {number: one.agreement_id for number, one in written.items() if one.quantities != NOTHING}
    settled = {number for number, one in known.items() if one.invoiced and number not in written}
    by_hand = ByHand(mapped, frozenset(products.values()), since=min(months).first_day)
    reading = read(run, to_read, known, expected=carrying, settled=settled, companies=first_time, by_hand=by_hand)
    seen = seen_in(reading, written, unsettled)
    facts = Facts(
        mappings=mappings,
        products=products,
        agreements=reading.agreements,
        lines=reading.lines_by_serial_number,
        ledger=seen.added_to(written),
        strangers=reading.strangers,
        today=run.today(),
        released=released,
        by_hand=undecided(reading.by_hand, left),
        unread=reading.unread,
    )
    return _Read(at, position, reports, facts, seen, seen.added_to_known(known), before, left)


def _before(session: Session, psa: str, month: Month, months: Sequence[Month], limits: Limits) -> Baseline:
    return Baseline(limits, billed_before(session, psa, month, but_for=months), plans_reported(session, month))


_STATE = select(tables.IntegrationRow.state)


def _basis(session: Session) -> tuple[dict[str, CompanyMapping], dict[Plan, int]]:
    """What people decided: which organization is billed where, and as which product each plan is.

    Raises:
        SyncError: If the integration is not active.
    """
    if session.scalar(_STATE) is not State.ACTIVE:
        msg = "The integration is not active any more. Nothing is written. See `cw-pipeline status`."
        raise SyncError(msg)
    return mapping_facts(session), confirmed_products(session)


_NEWLY_MAPPED = select(tables.CompanyMappingRow.company_id).where(
    tables.CompanyMappingRow.looked_through_at.is_(None), tables.CompanyMappingRow.bill_from <= bindparam("last_month")
)


def _billed_for_the_first_time(session: Session, months: Sequence[Month]) -> set[int]:
    """The companies whose agreements were not looked through since they were mapped as they are."""
    return set(session.scalars(_NEWLY_MAPPED, {"last_month": max(months)}))


def usage_report(session: Session, month: Month) -> StoredReport:
    """The usage that a preview of `month` is made of.

    Raises:
        SyncError: If there is none yet.
    """
    report = latest_report(session, month)
    if report is None:
        msg = f"There is no usage report for {month} yet. Materialize monthly_usage for it, or run the whole sync."
        raise SyncError(msg)
    return report
