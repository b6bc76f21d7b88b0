"""A customer who may leave: one company, set up as a person does it, and a person who does what a reason advises."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.billing.outcomes import FAILED, HELD
from cw_pipeline.reports.by_hand import lines_by_hand
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.by_hand import choose
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.setup.mapping import map_company, unmap_company
from cw_pipeline.setup.organizations import refresh_organizations
from cw_pipeline.setup.release import release_lines, unusual_month
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline_tests.support.active import set_up
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    FEBRUARY,
    MAPPED,
    Msp,
    Pushed,
    agreement_id,
    company_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cw_pipeline.sandbox.wire import Record

ONE = MAPPED[0]
COMPANY, AGREEMENT, ORGANIZATION = company_id(ONE), agreement_id(ONE), organization_id(ONE)
RENEWED = agreement_id(12)
"""Another agreement of the company."""
OTHER_COMPANY, OTHER_AGREEMENT = company_id(24), agreement_id(24)
"""A company without an organization of its own, and its agreement."""
SEATS = 5
COMMAND = re.compile(r"`cw-pipeline ([^`]+)`")
_NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)


@dataclass(frozen=True)
class Customer:
    """The company, what its organization does, and what a person does about it."""

    msp: Msp

    def set_up(self) -> None:
        """Set up the integration, and map the company."""
        set_up(self.msp.run.connectwise, self.msp.nordpass, self.msp.run.warehouse)
        self.map(COMPANY, AGREEMENT)

    def here(self, warehouse_of: Msp) -> Customer:
        """The same customer for a sandbox at another address."""
        run = warehouse_of.run
        with run.warehouse.transaction() as session:
            integration = session.get_one(tables.IntegrationRow, 1)
            integration.site_url = run.connectwise.site_url
            psa = psa_of(integration)
        return Customer(replace(warehouse_of, run=replace(run, psa=psa)))

    # --- what happens ---

    def leave(self) -> None:
        """NordPass deletes the organization, and lists are read again."""
        self.msp.sandbox.nordpass.remove_organization(ORGANIZATION)
        refresh_organizations(self.msp.nordpass, self.msp.run.warehouse)
        with self.msp.run.warehouse.transaction() as session:
            assert session.get_one(tables.OrganizationRow, ORGANIZATION).gone_at is not None

    @property
    def line(self) -> Record:
        """Its newest line."""
        return self.msp.lines(ONE)[-1]

    def edit_line(self, **fields: object) -> None:
        self.msp.sandbox.connectwise.edit_addition(self.line["agreementId"], self.line["id"], **fields)

    def edit_agreement(self, **fields: object) -> None:
        self.msp.sandbox.connectwise.edit_agreement(AGREEMENT, **fields)

    def invoice(self) -> None:
        self.msp.sandbox.connectwise.invoice(AGREEMENT)

    # --- what a person does ---

    def map(self, company: int, agreement: int, *, bill_from: Month | None = FEBRUARY) -> None:
        """Map its organization, and say yes to what is asked."""
        map_company(
            self.msp.run.warehouse,
            company,
            agreement,
            ORGANIZATION,
            bill_from=bill_from,
            accept_warnings=True,
            first_month=Month(2025, 1),
            now=_NOW,
        )

    def do(self, command: str) -> None:
        """What the command line does for `command`."""
        client, warehouse = self.msp.run.connectwise, self.msp.run.warehouse
        match shlex.split(command):
            case ["import"]:
                import_companies(client, warehouse)
                import_agreements(client, warehouse)
                refresh_organizations(self.msp.nordpass, warehouse)
            case ["companies", "unmap", company, "--organization", organization]:
                unmap_company(warehouse, company, organization)
            case ["companies", "map", company, "--agreement", agreement, "--organization", organization, *bill_from]:
                assert organization == ORGANIZATION
                first = Month.parse(bill_from[1]) if bill_from else None
                self.map(int(company), int(agreement), bill_from=first)
            case ["lines", "accept", "--month", month, "--organization", organization, *credited]:
                seats = Decimal(credited[1]) if credited else None
                accept_lines(self.msp.run, Month.parse(month), organization, credited=seats)
            case ["lines", "release", "--month", month, "--organization", organization]:
                release_lines(self.msp.run, unusual_month(self.msp.run, Month.parse(month)), [organization])
            case ["lines", "end" | "leave" as act, *lines]:
                shown = lines_by_hand(self.msp.run)
                assert all(
                    chosen.done for chosen in choose(self.msp.run, shown, Act(act), [int(line) for line in lines])
                )
            case words:
                raise AssertionError(words)

    def sync(self, *, anew: bool) -> Pushed:
        """Sync the month, with its report read `anew` or as it was kept."""
        if anew:
            self.msp.fetch()
        self.msp.preview()
        return Pushed(self.msp.push()[-1])

    # --- what came of it ---

    def billed(self) -> Mapping[int, int]:
        """The seats on its lines, by agreement."""
        seats: dict[int, int] = {}
        for line in self.msp.lines(ONE):
            if line["quantity"]:
                seats[line["agreementId"]] = seats.get(line["agreementId"], 0) + int(line["quantity"])
        return seats


def stuck(pushed: Pushed) -> tuple[str, str]:
    """The outcome and the reason of the customer's held line."""
    lines = [line for line in pushed.month.preview.lines if line.outcome in HELD]
    assert lines, "nothing is held"
    return lines[0].outcome, lines[0].reason


def assert_settled(pushed: Pushed) -> None:
    """Nothing is held or has failed, and nothing is to be told of any line."""
    assert pushed.month.succeeded
    lines = pushed.month.preview.lines
    assert [(line.outcome, line.reason) for line in lines if line.outcome in HELD | FAILED] == []
    assert [line.warning for line in lines if line.warning] == []
