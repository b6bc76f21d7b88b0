"""Making previews: the rule applied to what ConnectWise, the mappings and the ledger show now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, select

from cw_pipeline.billing.by_hand import LeftLine, undecided
from cw_pipeline.billing.facts import CompanyMapping, Facts
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.billing.rule import preview_month
from cw_pipeline.billing.unusual import Baseline, Billed, billed_in
from cw_pipeline.sync.line_reader import ByHand, LineReader
from cw_pipeline.sync.read_agreements import read
from cw_pipeline.sync.seen_lines import Seen, append_seen, seen_in
from cw_pipeline.sync.sync_run import SyncError
from cw_pipeline.sync.usage import require_report
from cw_pipeline.vocabulary import Month, Plan, State, counted
from cw_pipeline.warehouse import ledger, tables
from cw_pipeline.warehouse.by_hand import left_lines
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline.warehouse.ledger import Known
from cw_pipeline.warehouse.mappings import confirmed_products, mapping_facts
from cw_pipeline.warehouse.previews import StoredPreview, delete_old_previews, save_preview
from cw_pipeline.warehouse.pushes import billed_before
from cw_pipeline.warehouse.usage import StoredReport, latest_report_ids, latest_reports, plans_reported, released_usage
from cw_pipeline.wording.previews import preview_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.billing.reasons import LineWarnings, Reason
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.lock import HeldLock

_MAX_AGE = timedelta(minutes=15)
"""How old a preview may be when it is pushed: people may change ConnectWise after that."""


@dataclass(frozen=True)
class Snapshot:
    """What months are previewed from: what ConnectWise and the warehouse showed, read together.

    Attributes:
        at: When reading began: whatever changes meanwhile is later.
        position: The ledger's position then.
        reports: The months' usage reports.
        facts: What the rule decides on.
        seen: What ConnectWise showed and the ledger did not know.
        known: What the ledger knows once that is entered, by addition id.
        baselines: What each month's usage is compared with, other months of the snapshot left out.
        left: The lines kept by hand that a person left.
    """

    at: datetime
    position: int
    reports: Mapping[Month, StoredReport]
    facts: Facts
    seen: Seen
    known: Mapping[int, Known]
    baselines: Mapping[Month, Baseline]
    left: frozenset[LeftLine]

    @property
    def is_old(self) -> bool:
        """Whether people may have changed ConnectWise since."""
        return self.at < datetime.now(UTC) - _MAX_AGE

    def previews(self) -> list[Preview[Reason, LineWarnings]]:
        """The months' previews, the earliest first, because each counts as billed for those after it."""
        previews: list[Preview[Reason, LineWarnings]] = []
        earlier: dict[str, Billed] = {}
        for month in sorted(self.reports):
            billed = dict(self.baselines[month].billed)
            for organization_id, last in earlier.items():
                billed[organization_id] = max(last, billed.get(organization_id, last))
            baseline = replace(self.baselines[month], billed=billed)
            previews.append(preview_month(month, self.reports[month].rows, self.facts, baseline))
            earlier |= billed_in(previews[-1])
        return previews


@dataclass(frozen=True)
class Previews:
    """Stored previews that were made from one snapshot."""

    of_months: Mapping[Month, StoredPreview]
    snapshot: Snapshot


def make_previews(run: SyncRun, months: Sequence[Month]) -> Previews:
    """Make and store the previews of `months`, reading each agreement's lines once for all of them.

    Unpushed previews past their retention time are deleted. The requests are counted on the first month's preview.

    Raises:
        SyncError: If a month has no usage report, the integration is not active, or this run was undone.
        ConnectWiseError: If ConnectWise cannot be read; no preview is stored.
    """
    requests_before = run.connectwise.requests.read
    snapshot = _read_snapshot(run, months)
    requests = run.connectwise.requests.read - requests_before
    previews = [preview_in_words(preview, snapshot.facts) for preview in snapshot.previews()]
    with run.warehouse.transaction() as session:
        delete_old_previews(session, run.psa, made_before=snapshot.at - run.keep_previews)
        stored = {
            preview.month: save_preview(
                session,
                preview,
                psa=run.psa,
                run_id=run.run_id,
                made_at=snapshot.at,
                usage_report_id=snapshot.reports[preview.month].id,
                requests_read=requests if preview.month == months[0] else 0,
            )
            for preview in previews
        }
    return Previews(stored, snapshot)


def current_snapshot(run: SyncRun, lock: HeldLock, months: Sequence[Month]) -> Snapshot:
    """What a push of `months` would be decided on at this moment; no preview is stored.

    Called under the push lock: whatever ConnectWise shows that the ledger did not know is entered.

    Raises:
        SyncError: If a month has no usage report, the integration is not active, or this run was undone.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    snapshot = _read_snapshot(run, months)
    append_seen(run, lock, snapshot.seen, snapshot.facts.mappings)
    return snapshot


def current_previews(run: SyncRun, lock: HeldLock, months: Sequence[Month], made: Previews | None) -> Previews:
    """The previews of `months`: those already `made` or, if something changed since, new ones.

    Called under the push lock, so that the ledger cannot change until they are carried out: whatever ConnectWise shows
    that the ledger did not know is entered.
    """
    if made is None or not _is_current(run, months, made):
        run.say(f"Previewing {', '.join(map(str, months))}")
        made = make_previews(run, months)
    append_seen(run, lock, made.snapshot.seen, made.snapshot.facts.mappings)
    return made


def _is_current(run: SyncRun, months: Sequence[Month], made: Previews) -> bool:
    snapshot = made.snapshot
    if snapshot.is_old or not made.of_months.keys() >= set(months):
        return False
    with run.warehouse.transaction() as session:
        return (
            snapshot.position == ledger.position(session, run.psa)
            and (snapshot.facts.mappings, snapshot.facts.products) == _mappings(session, run)
            and latest_report_ids(session, months) == {month: snapshot.reports[month].id for month in months}
            and snapshot.facts.released == released_usage(session, snapshot.reports)
            and snapshot.left == left_lines(session, run.psa)
        )


def _read_snapshot(run: SyncRun, months: Sequence[Month]) -> Snapshot:
    at = datetime.now(UTC)
    with run.warehouse.transaction() as session:
        mappings, products = _mappings(session, run)
        position = ledger.position(session, run.psa)
        intents = open_intents(session, run.psa)
        written = ledger.written_lines(session, run.psa, months, intents)
        known = ledger.known_lines(session, run.psa)
        mapped = {mapping.agreement_id for mapping in mappings.values()}
        to_read = mapped | ledger.agreements_with_lines(session, run.psa, months)
        reports = latest_reports(session, months)
        for month in months:
            require_report(month, reports)
        released = released_usage(session, reports)
        baselines = {
            month: Baseline(
                run.limits, billed_before(session, run.psa, month, but_for=months), plans_reported(session, month)
            )
            for month in months
        }
        first_billed = _companies_billed_first(session, months)
        left = left_lines(session, run.psa)

    run.say(f"Reading {counted(len(to_read), 'agreement')} and their lines for {counted(len(months), 'month')}")
    lines = LineReader(
        run,
        known,
        expected={number: line.agreement_id for number, line in written.items() if line.quantities != NOTHING},
        settled={number for number, line in known.items() if line.invoiced and number not in written},
        by_hand=ByHand(mapped, frozenset(products.values()), since=min(months).first_day),
    )
    reading = read(lines, to_read, first_billed)
    seen = seen_in(reading, written, {intent.write.identity.serial_number for intent in intents})
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
    return Snapshot(at, position, reports, facts, seen, seen.added_to_known(known), baselines, left)


_MAY_GO_ON = select(
    tables.IntegrationRow.state,
    exists().where(tables.UndoneRunRow.psa == bindparam("psa"), tables.UndoneRunRow.run_id == bindparam("run_id")),
)


def _mappings(session: Session, run: SyncRun) -> tuple[dict[str, CompanyMapping], dict[Plan, int]]:
    """Where each organization is billed, and which product each plan is billed as.

    Raises:
        SyncError: If the integration is not active, or somebody undid this run while it waited to be tried again.
    """
    found = session.execute(_MAY_GO_ON, {"psa": run.psa, "run_id": run.run_id}).tuples().one_or_none()
    state, is_undone = found or (None, False)
    if is_undone:
        msg = "This run was undone, so it pushes nothing more. Correct what was wrong, and sync the month again."
        raise SyncError(msg)
    if state is not State.ACTIVE:
        msg = "The integration is not active any more. Nothing is written. See `cw-pipeline status`."
        raise SyncError(msg)
    return mapping_facts(session), confirmed_products(session)


_NEWLY_MAPPED = select(tables.CompanyMappingRow.company_id).where(
    tables.CompanyMappingRow.looked_through_at.is_(None), tables.CompanyMappingRow.bill_from <= bindparam("last_month")
)


def _companies_billed_first(session: Session, months: Sequence[Month]) -> set[int]:
    """The companies whose agreements were not looked through since they were mapped as they are now."""
    return set(session.scalars(_NEWLY_MAPPED, {"last_month": max(months)}))
