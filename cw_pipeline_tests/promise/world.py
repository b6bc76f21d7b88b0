"""A small MSP for one history: three organizations, four agreements, three months, and a sandbox of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count, product
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Plan
from cw_pipeline.billing.months import Month
from cw_pipeline.billing.outcomes import FAILED, RIGHT, Outcome
from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.integration.errors import NothingToAccept
from cw_pipeline.integration.lines import accept_lines
from cw_pipeline.nordpass.errors import NordPassError
from cw_pipeline.sandbox import FaultKind, Sandbox
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.previews import make_previews
from cw_pipeline.sync.push import PushedMonth, push_months
from cw_pipeline.sync.run import SyncError, SyncRun
from cw_pipeline.sync.usage import fetch_usage
from cw_pipeline.warehouse import ledger, tables
from cw_pipeline_tests.promise.moments import WatchedClient
from cw_pipeline_tests.promise.truth import OurLine, Truth
from cw_pipeline_tests.sync.msp import PLACES, Msp, agreement_id, company_id, open_nordpass, set_up
from cw_pipeline_tests.sync.site import TODAY, credentials, sync_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from cw_pipeline.billing.facts import Written
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline_tests.promise.moments import Moments
    from cw_pipeline_tests.promise.strategies import Fault

MONTHS = (Month(2026, 1), Month(2026, 2), Month(2026, 3))
ORGANIZATIONS = (3, 15, 27)
UNMAPPED = 1
SPARE = 24
AGREEMENTS = {
    agreement_id(3): company_id(3),
    agreement_id(SPARE): company_id(3),
    agreement_id(15): company_id(15),
    agreement_id(27): company_id(27),
}
"""The company of each agreement: the first has two."""

PATIENT, HASTY = 10.0, 0.3
"""Seconds that a client waits for an answer: the hasty one meets answers that never come."""

NO_ACTS: Mapping[int, Callable[[], None]] = {}


class World:
    """The sandbox, the warehouse and the product between them."""

    def __init__(self, warehouse: Warehouse, moments: Moments) -> None:
        self._warehouse = warehouse
        self._moments = moments
        self._numbers = count(1)
        self._close = ExitStack()
        self.sandbox = self._close.enter_context(Sandbox(today=TODAY))
        self.connectwise = self.sandbox.connectwise
        self.connectwise.change_settings(requests_per_minute=100_000)
        self.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(3))
        self.truth = Truth(self.sandbox)
        self.doubtful: set[tuple[str, str]] = set()
        """The organizations' months of which a person set a quantity, or which were invoiced amid or after a sync
        that did not see its writes through; until a clean sync finds them right."""
        self.edited: set[tuple[str, str]] = set()
        """Those of which a person deleted a line or changed more than its quantity."""
        self.rearranged: set[tuple[str, str]] = set()
        """Those of which a person copied a line, or moved the periods that it lies in."""
        self.most: dict[tuple[int, Month, Plan], int] = {}
        """The most seats that a report, which was used, ever had."""
        _empty(warehouse)
        set_up(warehouse, ORGANIZATIONS, bill_from=MONTHS[0])
        self.run = replace(
            sync_run(self._client(PATIENT), warehouse), concurrency=1
        )  # so that a history can be repeated
        nordpass = self._close.enter_context(open_nordpass(self.sandbox.environment()))
        self.msp = Msp(self.sandbox, self.run, nordpass)
        for month in MONTHS:
            self.msp.use(None, *(place for place in PLACES if place not in {*ORGANIZATIONS, UNMAPPED}), month=month)

    def close(self) -> None:
        """Let go of the sandbox."""
        self._close.close()

    # --- the sync ---

    def sync(
        self, months: Sequence[Month], *, fault: Fault | None = None, acts: Mapping[int, Callable[[], None]] = NO_ACTS
    ) -> list[PushedMonth]:
        """The whole sync of these months, as far as it comes; each of ``acts`` happens at a moment of it."""
        self._let_go()
        pushed: list[PushedMonth] = []
        if fault is not None:
            self.sandbox.faults.add(fault.kind, path=fault.path, **fault.options)
        run = self._new_run()
        with self._moments.with_acts(acts), suppress(ConnectWiseError, SyncError):
            fetched = [month for month in months if self._fetch(month)]
            make_previews(run, fetched)
            pushed.extend(push_months(run, fetched))
        for month in pushed:
            self._check_accounts(month)
            if not acts and not self.sandbox.faults.records():
                self._dispel_doubts(month)
        self._check_ours_once()
        return pushed

    def preview(self, months: Sequence[Month]) -> None:
        """The dry run of these months, which writes nothing."""
        self._let_go()
        written = self.msp.written()
        with suppress(ConnectWiseError, SyncError):
            for month in months:
                self._fetch(month)
            make_previews(self._new_run(), months)
        assert self.msp.written() == written

    def push(self, months: Sequence[Month]) -> None:
        """A push alone, of what was fetched last."""
        self._let_go()
        with suppress(ConnectWiseError, SyncError):
            for month in push_months(self._new_run(), months):
                assert month.preview.unaccounted_seats == 0
        self._check_ours_once()

    def heal(self) -> None:
        """What disturbs is over, and what was held on its way is carried out."""
        self._restart()
        for month in MONTHS:
            self.sandbox.nordpass.set_report_final(str(month), final=True)

    def _fetch(self, month: Month) -> bool:
        try:
            fetch_usage(self.msp.nordpass, self._warehouse, month)
        except (NordPassError, SyncError):
            return False
        assert self.sandbox.nordpass.report(str(month))["final"]
        for key in product(ORGANIZATIONS, [month], Plan):
            self.most[key] = max(self.most.get(key, 0), self.truth.used(*key))
        return True

    def _check_accounts(self, month: PushedMonth) -> None:
        """Every row of the report has one outcome, and the seats of all outcomes are the report's."""
        rows = self.sandbox.nordpass.usage(str(month.preview.month))
        reported = sorted((row["organization_id"], row["consumed_licenses"]) for row in rows)
        told = [(line.organization_id, line.seats) for line in month.preview.lines if not line.beside]
        assert sorted(told) == reported
        assert month.push.succeeded is not any(line.outcome in FAILED for line in month.preview.lines)

    def _dispel_doubts(self, month: PushedMonth) -> None:
        """What a clean sync found right, or made right, on both plans has no trace of a wrong quantity any more."""
        told = defaultdict[str, set[Outcome]](set)
        for line in month.preview.lines:
            told[line.organization_id].add(line.outcome)
        for organization, outcomes in told.items():
            if outcomes <= RIGHT and len(self.products()) == len(Plan):
                self.doubtful.discard((organization, str(month.preview.month)))

    def _check_ours_once(self) -> None:
        """No two open lines of ours carry seats of the same, whatever came of the sync, unless people made them."""
        carrying = Counter(
            (line.organization_id, line.month, line.plan)
            for line in self.truth.lines()
            if line.open and line.quantity and not self.touched(line.organization_id, line.month)
        )
        assert not carrying or max(carrying.values()) == 1, carrying

    def _new_run(self) -> SyncRun:
        run = replace(self.run, run_id=f"run-{next(self._numbers)}")
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
        self.truth.look()

    def _client(self, read_timeout: float) -> WatchedClient:
        client = WatchedClient(credentials(self.sandbox.environment()), self._moments, read_timeout=read_timeout)
        return self._close.enter_context(client)

    # --- what people decide ---

    def mappings(self) -> dict[int, tables.CompanyMapping]:
        """Where each organization is billed."""
        places = {organization_id(place): place for place in ORGANIZATIONS}
        with self._warehouse.transaction() as session:
            return {places[one.organization_id]: one for one in session.query(tables.CompanyMapping)}

    def unmap(self, place: int) -> None:
        """Let an organization be billed nowhere."""
        with self._warehouse.transaction() as session:
            session.query(tables.CompanyMapping).filter_by(organization_id=organization_id(place)).delete()

    def products(self) -> dict[str, int]:
        """What each plan is confirmed to be billed as."""
        with self._warehouse.transaction() as session:
            mappings = session.query(tables.ProductMapping).all()
        return {one.plan: one.confirmed_product_id for one in mappings if one.confirmed_product_id is not None}

    # --- what people change in ConnectWise ---

    def touched(self, organization: str, month: str) -> bool:
        """Whether people, or an invoice amid a sync, may have changed what an organization's month bills."""
        return (organization, month) in self.doubtful | self.edited | self.rearranged

    def written(self) -> dict[int, Written]:
        """What the ledger accounts for of each line that we created."""
        with self._warehouse.transaction() as session:
            known = ledger.written_lines(session, self.run.psa, MONTHS)
        return {key: written for key, written in known.items() if written.cancelled_date is not None}

    def in_doubt(self) -> set[tuple[str, str]]:
        """The organizations' months with a write of which nobody knows what became."""
        with self._warehouse.transaction() as session:
            intents = ledger.open_intents(session, self.run.psa)
        return {(intent.organization_id, intent.month) for intent in intents}

    def shown(self) -> set[int]:
        """The lines that there are in ConnectWise now."""
        return {record["id"] for record in self.connectwise.records("additions")}

    def edit(self, line: OurLine, **fields: object) -> None:
        """A person changes a line."""
        changed = self.doubtful if fields.keys() == {"quantity"} else self.edited
        changed.add((line.organization_id, line.month))
        self.connectwise.edit_addition(line.agreement_id, line.id, **fields)

    def duplicate(self, line: OurLine) -> None:
        """A person copies a line."""
        self.rearranged.add((line.organization_id, line.month))
        self.connectwise.duplicate_addition(line.agreement_id, line.id)

    def delete(self, line: OurLine) -> None:
        """A person deletes a line."""
        self.edited.add((line.organization_id, line.month))
        self.connectwise.delete_addition(line.agreement_id, line.id)

    def kill(self) -> None:
        """End the process that syncs."""
        self._moments.kill()

    def invoice(self, agreement: int | None = None, until: date | None = None) -> None:
        """ConnectWise invoices one agreement or all, if it can."""
        self.doubtful |= self.in_doubt()
        with suppress(ValueError):
            self.connectwise.invoice(agreement, until=until)

    def invoicing_meanwhile(self, agreement: int) -> Callable[[], None]:
        """The same in the middle of a sync, which leaves in doubt what is on the agreement or about to be."""
        mapped = [place for place, mapping in self.mappings().items() if mapping.agreement_id == agreement]
        about_to_be = {(organization_id(place), str(month)) for place in mapped for month in MONTHS}

        def invoice() -> None:
            lines = [line for line in self.truth.lines() if line.agreement_id == agreement]
            self.doubtful |= about_to_be | {(line.organization_id, line.month) for line in lines}
            with suppress(ValueError):
                self.connectwise.invoice(agreement)

        return invoice

    def move_next_invoice(self, agreement: int, moved: date) -> None:
        """A person changes the day on which an agreement's next period begins."""
        self.doubtful |= self.in_doubt()
        self.rearranged |= {
            (line.organization_id, line.month) for line in self.truth.lines() if line.agreement_id == agreement
        }
        self.connectwise.edit_agreement(agreement, nextInvoiceDate=moved.isoformat())

    def accept(self, place: int, month: Month) -> None:
        """A person sets the lines of an organization's month to what the invoices say, and accepts that."""
        ours = self.written().keys() & self.shown()
        for line in self.truth.lines(place, month):
            if line.id in ours:
                self.connectwise.edit_addition(line.agreement_id, line.id, **self.truth.days_billed(line.id))
        for line in self.truth.lines(place, month):
            if line.id in ours:
                self.connectwise.edit_addition(line.agreement_id, line.id, quantity=line.seats)
        with suppress(NothingToAccept, ConnectWiseError, SyncError):
            accept_lines(self._new_run(), month, organization_id(place))


def _empty(warehouse: Warehouse) -> None:
    with warehouse.transaction() as session:
        for table in reversed(tables.Base.metadata.sorted_tables):
            session.execute(table.delete())
