"""A small MSP for one history: three organizations, four agreements at first, three months, a sandbox of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import FAILED, RIGHT, Outcome
from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.nordpass.errors import NordPassError
from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox import FaultKind, Sandbox
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.undo import undo_run
from cw_pipeline.sync.chosen_organizations import EVERYBODY, Choice
from cw_pipeline.sync.due_months import unpushed_months
from cw_pipeline.sync.outdated_warehouse import RecordedPush, require_up_to_date
from cw_pipeline.sync.previews import make_previews
from cw_pipeline.sync.push import push_months
from cw_pipeline.sync.sync_run import SyncError, SyncRun
from cw_pipeline.sync.usage import fetch_usage
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse.previews import StoredPreview
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline_tests.stateful.decisions import MONTHS, ORGANIZATIONS, Decisions
from cw_pipeline_tests.stateful.fault_clock import WatchedClient
from cw_pipeline_tests.stateful.oracle import Oracle
from cw_pipeline_tests.stateful.people import Case, People
from cw_pipeline_tests.support.clients import TODAY, credentials, sync_run
from cw_pipeline_tests.support.fake_msp import Msp, agreement_id, company_id, open_nordpass, set_up
from cw_pipeline_tests.support.rows import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from cw_pipeline.sync.previews import Previews
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.pushes import PushedMonth
    from cw_pipeline_tests.stateful.fault_clock import FaultClock
    from cw_pipeline_tests.stateful.strategies import Fault

UNMAPPED = 1
SPARE = 24
AGREEMENTS = {
    agreement_id(3): company_id(3),
    agreement_id(SPARE): company_id(3),
    agreement_id(15): company_id(15),
    agreement_id(27): company_id(27),
}
"""The company of each agreement that there is at first: one has two."""

PATIENT, HASTY = 10.0, 0.3
"""Seconds that a client waits for an answer: the hasty one meets answers that never come."""

NO_ACTS: Mapping[int, Callable[[], None]] = {}


class Syncs(Decisions):
    """The sandbox, the warehouse, and the syncs between them, each of which is checked."""

    def __init__(self, warehouse: Warehouse, moments: FaultClock) -> None:
        self._moments = moments
        self._close = ExitStack()
        self.sandbox = self._close.enter_context(Sandbox(today=TODAY))
        self.sandbox.connectwise.change_settings(requests_per_minute=100_000)
        self.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(3))
        fill(warehouse, {})
        set_up(warehouse, ORGANIZATIONS, bill_from=MONTHS[0])
        run = replace(
            sync_run(self._client(PATIENT), warehouse), concurrency=1, today=self.today
        )  # so that a history can be repeated
        nordpass = self._close.enter_context(open_nordpass(self.sandbox.environment()))
        oracle = Oracle(self.sandbox)
        people = People(self.sandbox, oracle, self.in_doubt)
        super().__init__(self.sandbox, oracle, people, Msp(self.sandbox, run, nordpass))
        self.people.agreements += AGREEMENTS
        self.by_hand: dict[int, date | None] = {}
        """The lines that people keep by hand, each with the last day that it should have."""
        self.most: dict[tuple[int, Month, Plan], int] = {}
        """The most seats that a report, which was used, ever had."""
        self.recorded: dict[Month, RecordedPush] = {}
        """What Dagster's storage says was pushed."""
        self._known_pushes: set[tuple[Month, str]] = set()
        """The pushes that the warehouse should know of."""
        for month in MONTHS:
            self.msp.use_nothing_but(*ORGANIZATIONS, UNMAPPED, month=month)

    def close(self) -> None:
        """Let go of the sandbox."""
        self._close.close()

    def today(self) -> date:
        """The day, which is never before the end of a period that is invoiced."""
        return max(TODAY, self.people.last_day() or TODAY)

    # --- the sync ---

    def sync(
        self,
        months: Sequence[Month],
        *,
        choice: Choice = EVERYBODY,
        fault: Fault | None = None,
        acts: Mapping[int, Callable[[], None]] = NO_ACTS,
    ) -> list[PushedMonth]:
        """The sync of these months for the chosen, as far as it comes; each of `acts` happens at a moment of it."""
        self._let_go()
        settled, behind, written = self._settled_quantities(), self.is_behind(), self.msp.written()
        absent = self._seats_although_absent()
        pushed: list[PushedMonth] = []
        if fault is not None:
            self.sandbox.faults.add(fault.kind, path=fault.path, **fault.options)
        run = self.new_run()
        with self._moments.with_acts(acts), suppress(ConnectWiseError, SyncError):
            fetched = [month for month in months if self._fetch(month)]
            if fetched:
                self._push(run, fetched, make_previews(run, fetched), pushed, choice=choice)
        for month in pushed:
            assert month.is_whole or self._is_due(month.preview.month)
            self._check_accounts(month)
            if not acts and not self.sandbox.faults.records():
                self._dispel_doubts(month)
        self._check_ours_once()
        assert self._settled_quantities() == settled
        assert not behind or self.msp.written() == written
        left = self._seats_although_absent()
        assert not [case for case in absent if case not in self.marks.touched and left.get(case, 0) < absent[case]]
        return pushed

    def preview(self, months: Sequence[Month]) -> Mapping[Month, StoredPreview]:
        """The dry run of these months, which writes nothing; what it shows."""
        self._let_go()
        written, made = self.msp.written(), dict[Month, StoredPreview]()
        with suppress(ConnectWiseError, SyncError):
            for month in months:
                self._fetch(month)
            made = make_previews(self.new_run(), months).of_months
        assert self.msp.written() == written
        return made

    def push(self, months: Sequence[Month]) -> None:
        """A push alone, of what was fetched last."""
        self._let_go()
        settled = self._settled_quantities()
        pushed: list[PushedMonth] = []
        with suppress(ConnectWiseError, SyncError):
            self._push(self.new_run(), months, None, pushed)
        assert all(month.preview.unaccounted_seats == 0 for month in pushed)
        self._check_ours_once()
        assert self._settled_quantities() == settled

    def undo(self, which: int, *, fault: Fault | None = None, acts: Mapping[int, Callable[[], None]] = NO_ACTS) -> None:
        """One of the runs that wrote is undone, as far as it can be."""
        self._let_go()
        with self.warehouse.transaction() as session:
            writes = select(LedgerEntry.run_id).where(LedgerEntry.kind == EntryKind.INTENT)
            runs = list(session.scalars(writes.group_by(LedgerEntry.run_id).order_by(func.max(LedgerEntry.id).desc())))
        if not runs:
            return
        settled, behind, written = self._settled_quantities(), self.is_behind(), self.msp.written()
        if fault is not None:
            self.sandbox.faults.add(fault.kind, path=fault.path, **fault.options)
        with self._moments.with_acts(acts), suppress(ConnectWiseError, SyncError, NotPossible):
            undone = undo_run(self.new_run(), runs[which % len(runs)], self.recorded.values(), confirmed=True)
            assert all(map(self._is_due, undone.months))
        self._check_ours_once()
        self._check_no_more_than_reported()
        assert self._settled_quantities() == settled
        assert not behind or self.msp.written() == written

    def _is_due(self, month: Month) -> bool:
        """Whether a month has to be pushed, if anybody is billed for it."""
        with self.warehouse.transaction() as session:
            due = unpushed_months(session, self.run.psa, MONTHS[0], datetime(2026, 4, 2, tzinfo=UTC))
        return month in due or all(mapping.bill_from > month for mapping in self.mappings().values())

    def _check_no_more_than_reported(self) -> None:
        """Of no seat two are on lines."""
        for place, month, plan in product(ORGANIZATIONS, MONTHS, Plan):
            if (organization_id(place), str(month)) not in self.marks.touched | self.in_doubt():
                assert self.oracle.seats(place, month, plan) <= self.most.get((place, month, plan), 0)

    def _push(
        self,
        run: SyncRun,
        months: Sequence[Month],
        made: Previews | None,
        pushed: list[PushedMonth],
        *,
        choice: Choice = EVERYBODY,
        is_wanted: Callable[[StoredPreview], bool] = lambda _preview: True,
    ) -> None:
        """Push as the job does: not with a warehouse that is behind; what succeeds is recorded in Dagster's storage."""
        require_up_to_date(self.warehouse, self.recorded.values())
        for month in push_months(run, months, made, is_wanted, choice):
            pushed.append(month)
            if month.succeeded:
                self._known_pushes.add((month.preview.month, run.run_id))
                self.recorded[month.preview.month] = RecordedPush(month.preview.month, run.run_id, datetime.now(UTC))

    def drift(self) -> None:
        """The daily look at every agreement of every mapped company, which writes nothing."""
        written = self.msp.written()
        with suppress(ConnectWiseError, SyncError):
            find_drift(self.new_run(), self.today())
            if self.connectwise.settings.lists_lag:
                return
            companies = {one.company_id for one in self.mappings().values()}
            self.people.copies = {one for one in self.people.copies if self.people.company_of(one) not in companies}
        assert self.msp.written() == written

    def is_behind(self) -> bool:
        """Whether pushes were recorded of which the warehouse knows nothing."""
        return not self._known_pushes >= {(month, push.run_id) for month, push in self.recorded.items()}

    # --- how a sync goes ---

    def _fetch(self, month: Month) -> bool:
        try:
            fetch_usage(self.msp.nordpass, self.warehouse, month)
        except (NordPassError, SyncError):
            return False
        assert self.sandbox.nordpass.report(str(month))["final"]
        for key in product(ORGANIZATIONS, [month], Plan):
            self.most[key] = max(self.most.get(key, 0), self.oracle.used(*key))
        return True

    def _check_accounts(self, month: PushedMonth) -> None:
        """Every row of the report has one outcome, and the seats of all outcomes are the report's."""
        rows = self.sandbox.nordpass.usage(str(month.preview.month))
        reported = sorted((row["organization_id"], row["consumed_licenses"]) for row in rows)
        told = [(line.organization_id, line.seats) for line in month.preview.lines if not line.also]
        assert sorted(told) == reported
        assert month.succeeded is not any(line.outcome in FAILED for line in month.carried_out.lines)

    def _dispel_doubts(self, month: PushedMonth) -> None:
        """What a clean sync found right, or made right, on both plans has no trace of a wrong quantity any more."""
        told = defaultdict[str, set[Outcome]](set)
        for line in month.carried_out.lines:
            told[line.organization_id].add(line.outcome)
        for organization, outcomes in told.items():
            if outcomes <= RIGHT and len(self.products()) == len(Plan):
                self.marks.doubtful.discard((organization, str(month.preview.month)))

    def _check_ours_once(self) -> None:
        """No two open lines of ours carry seats of the same, whatever came of the sync, unless people made them."""
        carrying = Counter(
            (line.organization_id, line.month, line.plan)
            for line in self.oracle.lines()
            if line.open and line.quantity and line.case not in self.marks.touched
        )
        assert not carrying or max(carrying.values()) == 1, carrying

    def _seats_although_absent(self) -> dict[Case, Decimal]:
        """What is billed to those that a report does not have: nobody takes it away before a person's word."""
        seats = defaultdict[Case, Decimal](Decimal)
        known = self.absent | self.in_doubt()
        for place, month in product(ORGANIZATIONS, MONTHS):
            case = organization_id(place), str(month)
            if case not in known and self.oracle.row(place, month) is None:
                seats[case] = self.oracle.seats(place, month)
        return seats

    def _settled_quantities(self) -> dict[int, Any]:
        records = {record["id"]: record for record in self.connectwise.records("additions")}
        return {number: records[number]["quantity"] for number in self.people.settled if number in records}

    def new_run(self) -> SyncRun:
        """A run of its own, which is impatient where answers do not come."""
        run = super().new_run()
        faults = {fault["kind"] for fault in self.sandbox.faults.records()}
        if not faults:
            return run
        return replace(run, connectwise=self._client(HASTY if FaultKind.SLOW in faults else PATIENT))

    def _let_go(self) -> None:
        """Carry out the writes that are held on their way: later than the next push is not promised."""
        if any(fault["kind"] is FaultKind.SLOW for fault in self.sandbox.faults.records()):
            self._restart()

    def _restart(self) -> None:
        """Clear the faults; returns when what they held was carried out."""
        self.sandbox.stop()
        self.sandbox.start()
        self.oracle.look()

    def _client(self, read_timeout: float) -> WatchedClient:
        client = WatchedClient(credentials(self.sandbox.environment()), self._moments, read_timeout=read_timeout)
        return self._close.enter_context(client)
