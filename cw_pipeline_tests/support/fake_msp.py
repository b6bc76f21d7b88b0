"""A small MSP to sync: a sandbox over HTTPS, a warehouse, and what its people do.

The sandbox's companies and organizations are known by their place in its list. Unless a test says otherwise those of
places 3, 15 and 27 are mapped: their plan is Business, and their agreement's next invoice is that of 1 April
2026, which is today.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.nordpass.source import NordPass
from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.connectwise.company_names import COMPANY_NAMES
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.sync.previews import Previews, make_previews
from cw_pipeline.sync.push import push_months
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.sync.usage import fetch_usage
from cw_pipeline.vocabulary import Month, Plan
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.pushes import PushedMonth
from cw_pipeline_tests.support.clients import open_client, sync_run
from cw_pipeline_tests.support.rows import (
    agreement,
    company,
    integration,
    mapping,
    organization,
    product,
    product_mapping,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.previews import StoredPreview

FEBRUARY, MARCH = Month(2026, 2), Month(2026, 3)
MAPPED = (3, 15, 27)
UNMAPPED = (1, 9, 33)
"""A paying organization, one on trial, and one that is not managed."""
WITHOUT_ORGANIZATION = frozenset({5, 12, 17, 24, 31, 37})
PLACES = tuple(place for place in range(len(COMPANY_NAMES)) if place not in WITHOUT_ORGANIZATION)
BUSINESS_PRODUCT, ENTERPRISE_PRODUCT, OTHER_PRODUCT = 3, 4, 7


def company_id(place: int) -> int:
    return 101 + place


def agreement_id(place: int) -> int:
    """The agreement that the company's seats are billed on."""
    return 1001 + place


def additions_of(place: int) -> str:
    """The path of the lines of the company's agreement, as a fault asks for it."""
    return f"/agreements/{agreement_id(place)}/additions"


def open_nordpass(environment: Mapping[str, str]) -> NordPass:
    return ProviderApi(
        environment["NORDPASS_API_URL"],
        msp_id=environment["NORDPASS_MSP_ID"],
        private_key=Path(environment["NORDPASS_PRIVATE_KEY_FILE"]).read_text(encoding="ascii"),
        ca_bundle=Path(environment["NORDPASS_CA_BUNDLE"]),
    )


def set_up(warehouse: Warehouse, places: Iterable[int] = MAPPED, *, bill_from: Month = FEBRUARY) -> None:
    """Confirm a product for each plan, and map these companies."""
    put(
        warehouse,
        integration("active"),
        *(product(number) for number in (BUSINESS_PRODUCT, ENTERPRISE_PRODUCT, OTHER_PRODUCT)),
        product_mapping(Plan.BUSINESS, BUSINESS_PRODUCT),
        product_mapping(Plan.ENTERPRISE, ENTERPRISE_PRODUCT),
    )
    with warehouse.transaction() as session:
        for place in places:
            _map(session, place, company_id(place), agreement_id(place), bill_from)


@contextmanager
def open_msp(sandbox: Sandbox, warehouse: Warehouse) -> Generator[Msp]:
    """The MSP of a sandbox and a warehouse."""
    environment = sandbox.environment()
    with open_client(environment) as client, open_nordpass(environment) as nordpass:
        yield Msp(sandbox, sync_run(client, warehouse), nordpass)


def _map(session: Session, place: int, number: int, agreement_number: int, bill_from: Month) -> None:
    session.query(tables.CompanyMappingRow).filter_by(organization_id=organization_id(place)).delete()
    session.merge(company(number, COMPANY_NAMES[number - company_id(0)]))
    session.merge(agreement(agreement_number, number))
    session.merge(organization(organization_id(place), COMPANY_NAMES[place]))
    session.flush()
    session.add(mapping(number, agreement_number, organization_id(place), str(bill_from)))


@dataclass(frozen=True)
class Msp:
    """The MSP and its people."""

    sandbox: Sandbox
    run: SyncRun
    nordpass: NordPass
    previews: list[Previews] = field(default_factory=list[Previews])
    """Those that were made, the last of which a push carries out if nothing changed since."""

    # --- what people decide ---

    def map(
        self, place: int, *, company: int | None = None, agreement: int | None = None, bill_from: Month = FEBRUARY
    ) -> None:
        """Map the organization of `place` to its own company's agreement, or to another one."""
        with self.run.warehouse.transaction() as session:
            _map(session, place, company or company_id(place), agreement or agreement_id(place), bill_from)

    def bill_as(self, plan: Plan, product: int | None) -> None:
        """Confirm another product for a plan, or none."""
        with self.run.warehouse.transaction() as session:
            session.get_one(tables.ProductMappingRow, plan).confirmed_product_id = product

    # --- what organizations do ---

    def use_nothing_but(self, *places: int, month: Month = MARCH) -> None:
        """Let every organization but these have no row."""
        self.use(None, *(place for place in PLACES if place not in places), month=month)

    def use(self, seats: int | None, *places: int, month: Month = MARCH) -> None:
        """Let these organizations (none given: all that are mapped) use so many seats; None: they have no row."""
        for place in places or MAPPED:
            self.sandbox.nordpass.set_usage(organization_id(place), str(month), seats)

    def used(self, month: Month) -> list[int]:
        """What the mapped organizations used."""
        rows = {row["organization_id"]: row["consumed_licenses"] for row in self.sandbox.nordpass.usage(str(month))}
        return [rows[organization_id(place)] for place in MAPPED]

    # --- the sync ---

    def fetch(self, *months: Month) -> None:
        for month in months or (MARCH,):
            fetch_usage(self.nordpass, self.run.warehouse, month)

    def preview(self, *months: Month) -> list[StoredPreview]:
        self.previews.append(make_previews(self.run, months or (MARCH,)))
        return list(self.previews[-1].of_months.values())

    def push(self, *months: Month) -> list[PushedMonth]:
        made = self.previews[-1] if self.previews else None
        return list(push_months(self.run, months or (MARCH,), made))

    def sync(self, *months: Month) -> Pushed:
        """The whole sync of these months; what became of the last one."""
        self.fetch(*months)
        self.preview(*months)
        return Pushed(self.push(*months)[-1])

    # --- what there is afterwards ---

    def lines(self, place: int, month: Month = MARCH) -> list[Record]:
        """Our lines for an organization's month, on any agreement, in the order in which they were made."""
        serial_numbers = {f"NP:{month}:{plan[0]}:{organization_id(place)}" for plan in Plan}
        return [line for line in self.sandbox.connectwise.records("additions") if self._serial(line) in serial_numbers]

    def quantities(self, place: int, month: Month = MARCH) -> list[Decimal]:
        return [Decimal(line["quantity"]) for line in self.lines(place, month)]

    def ledger(self, place: int) -> list[str]:
        """The kinds of the ledger's entries about an organization."""
        with self.run.warehouse.transaction() as session:
            entries = session.query(tables.LedgerEntry).filter_by(organization_id=organization_id(place))
            return [entry.kind for entry in entries.order_by(tables.LedgerEntry.id)]

    def written(self) -> int:
        """How many writes have reached ConnectWise."""
        return len(self.sandbox.journal.writes("/finance/"))

    @staticmethod
    def _serial(line: Record) -> str:
        return line.get("serialNumber", "")


@dataclass(frozen=True)
class Pushed:
    """What became of a month."""

    month: PushedMonth

    def line(self, place: int) -> PreviewLine:
        """The line of an organization's usage row."""
        return self._lines(place, also=False)[0]

    def also(self, place: int) -> list[PreviewLine]:
        """What happened beside it."""
        return self._lines(place, also=True)

    def outcomes(self, *places: int) -> list[str]:
        return [self.line(place).outcome.value for place in places or MAPPED]

    def _lines(self, place: int, *, also: bool) -> list[PreviewLine]:
        lines = self.month.preview.lines
        return [line for line in lines if line.organization_id == organization_id(place) and line.also is also]


def of_the_connected_company(msp: Msp) -> Msp:
    """The same for what looks at the company that is connected."""
    with msp.run.warehouse.transaction() as session:
        return replace(msp, run=replace(msp.run, psa=connected_psa(session)))
