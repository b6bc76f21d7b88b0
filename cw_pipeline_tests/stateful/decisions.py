"""What people decide in the product: where and as what organizations are billed, and their word about lines."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import Identity
from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.release import release_lines, unusual_month
from cw_pipeline.sync.sync_run import SyncError, SyncRun
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse import ledger, tables
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline_tests.stateful.oracle import about_one

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Written
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.stateful.oracle import Oracle, OurLine
    from cw_pipeline_tests.stateful.people import Case, People
    from cw_pipeline_tests.support.fake_msp import Msp

MONTHS = (Month(2026, 1), Month(2026, 2), Month(2026, 3))
ORGANIZATIONS = (3, 15, 27)


class Decisions:
    """What people decide, and what the product remembers of it."""

    def __init__(self, sandbox: Sandbox, oracle: Oracle, people: People, msp: Msp) -> None:
        self.connectwise = sandbox.connectwise
        self.oracle = oracle
        self.people = people
        self.marks = people.marks
        self.msp = msp
        self.run = msp.run
        self.warehouse = msp.run.warehouse
        self.absent: set[Case] = set()
        """Those of which a person accepted that they used nothing, while the report did not have them."""
        self._numbers = count(1)

    def new_run(self) -> SyncRun:
        """A run of its own."""
        return replace(self.run, run_id=f"run-{next(self._numbers)}")

    def mappings(self) -> dict[int, tables.CompanyMappingRow]:
        """Where each organization is billed."""
        places = {organization_id(place): place for place in ORGANIZATIONS}
        with self.warehouse.transaction() as session:
            return {places[one.organization_id]: one for one in session.query(tables.CompanyMappingRow)}

    def map(self, place: int, agreement: int, bill_from: Month, trial_months: int = 0) -> None:
        """Let an organization be billed on an agreement, to its company, after so many trial months."""
        trial = (month for month in MONTHS if bill_from <= month < bill_from.plus(trial_months))
        self.marks.trials |= {(organization_id(place), str(month)) for month in trial}
        self.msp.map(place, company=self.people.company_of(agreement), agreement=agreement, bill_from=bill_from)
        with self.warehouse.transaction() as session:
            mapping = session.query(tables.CompanyMappingRow).filter_by(organization_id=organization_id(place)).one()
            mapping.trial_months = trial_months
            for name, value in self.people.terms_of(agreement).items():
                setattr(mapping, name, value)

    def unmap(self, place: int) -> None:
        """Let an organization be billed nowhere."""
        with self.warehouse.transaction() as session:
            session.query(tables.CompanyMappingRow).filter_by(organization_id=organization_id(place)).delete()

    def products(self) -> dict[str, int]:
        """What each plan is confirmed to be billed as."""
        with self.warehouse.transaction() as session:
            mappings = session.query(tables.ProductMappingRow).all()
        return {one.plan: one.confirmed_product_id for one in mappings if one.confirmed_product_id is not None}

    def written(self) -> dict[int, Written]:
        """What the ledger accounts for of each line that we created."""
        with self.warehouse.transaction() as session:
            known = ledger.written_lines(session, self.run.psa, MONTHS)
        return {key: written for key, written in known.items() if written.cancelled_date is not None}

    def in_doubt(self) -> set[Case]:
        """The organizations' months with a write of which nobody knows what became."""
        with self.warehouse.transaction() as session:
            intents = open_intents(session, self.run.psa)
        return {(intent.write.identity.organization_id, str(intent.write.identity.month)) for intent in intents}

    def accept(self, place: int, month: Month) -> None:
        """A person sets the lines of an organization's month to what the invoices say, and accepts that."""
        ours = self.written().keys() & self.people.shown()
        lines = [line for line in self.oracle.lines(place, month) if line.id in ours]
        for line in lines:
            if Identity.parse(self.oracle.record(line.id).get("serialNumber", "")):
                serial_number = self.oracle.first(line.id)["serialNumber"]
                self.connectwise.edit_addition(line.agreement_id, line.id, serialNumber=serial_number)
            if not self.connectwise.tables["agreements"][line.agreement_id]["prorateFlag"]:
                self.connectwise.edit_addition(line.agreement_id, line.id, **self.oracle.days_billed(line.id))
        for line in self.oracle.lines(place, month):
            if line.id in ours:
                self.people.edit(line, quantity=_what_it_billed(line))
        for line in self.oracle.lines(place, month):
            if line.id in ours and line.quantity and not about_one(line.share):
                self.marks.unknowable.add(line.case)  # part of a month was billed, and is taken for a whole one
        with suppress(NotPossible, ConnectWiseError, SyncError):
            accept_lines(self.new_run(), month, organization_id(place))
        self.release(place, month)

    def release(self, place: int, month: Month) -> None:
        """A person releases an organization's unusual usage."""
        if self.oracle.row(place, month) is None:
            self.absent.add((organization_id(place), str(month)))
        with suppress(NotPossible, ConnectWiseError, SyncError):
            release_lines(self.new_run(), unusual_month(self.run, month), [organization_id(place)])

    def credit(self, place: int, month: Month) -> None:
        """A person credits what was invoiced too much of an organization's month, or to another company."""
        mapping = self.mappings().get(place)
        lines = self.oracle.lines(place, month)
        if mapping is None or any(line.to_come for line in lines):
            return
        elsewhere = sum(line.seats for line in lines if line.company_id != mapping.company_id)
        more = [self.oracle.seats(place, month, plan) - self.oracle.used(place, month, plan) for plan in Plan]
        too_much = sum(seats for seats in more if seats > 0)
        seats = Decimal(elsewhere or too_much)
        if seats <= 0:
            return
        with suppress(NotPossible, ConnectWiseError, SyncError):
            accepted = accept_lines(self.new_run(), month, organization_id(place), credited=seats)
            self.marks.credited.add((organization_id(place), str(month)))
            issued = {one.line.addition_id: sum(one.before) - one.counts for one in accepted}
            assert sum(issued.values()) == seats
            for number, credited in issued.items():
                self.oracle.credited[number] += credited


def _what_it_billed(line: OurLine) -> Decimal:
    """What a person reads off the invoices: nothing where none has the line yet."""
    if not line.billed:
        return Decimal(0)
    return line.invoiced[-1] if line.to_come else line.seats + line.credited
