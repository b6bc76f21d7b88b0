"""The product set up for the fake's customers: a warehouse with their mappings and usage, and syncing its months."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from benchmarks.fake import Site
from benchmarks.fake.records import FIRST_AGREEMENT, FIRST_COMPANY, PRODUCT
from cw_pipeline.connectwise.client import ConnectWiseClient, RequestCount
from cw_pipeline.connectwise.credentials import Credentials
from cw_pipeline.nordpass.models import UsageReport, UsageRow
from cw_pipeline.sync.previews import make_previews
from cw_pipeline.sync.push import push_months
from cw_pipeline.sync.sync_run import SyncRun, rare_garbage_collections
from cw_pipeline.vocabulary import LicenseType, Month, Plan, State
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.usage import store_report

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

LAST_MONTH = Month(2026, 3)
TODAY = date(2026, 4, 1)
COMPANY_ID = "bench"
UNLIMITED = 100_000_000  # requests a minute
_SET_UP_AT = datetime(2026, 1, 5, tzinfo=UTC)
_ONE_IN = 100
_TERMS = {"cycle": "Monthly", "period_type": "Current", "prorates": False}


@dataclass(frozen=True)
class Deployment:
    """A warehouse, the fake that it is connected to, and how many of its customers are mapped."""

    database: Path
    site: Site
    customers: int

    @property
    def url(self) -> str:
        """The warehouse's URL."""
        return f"sqlite:///{self.database}"


@dataclass(frozen=True)
class Synced:
    """What a sync came to: requests, outcomes by their code, and the warehouse's commits meanwhile."""

    requests: RequestCount
    outcomes: Counter[str]
    commits: int


def months_until(last: Month, number: int) -> list[Month]:
    """So many months, the last one included."""
    return list(last.plus(1 - number).until(last))


def organization_id(one: int) -> str:
    """The id of a customer's organization."""
    return f"{one:08d}-org-0123-4567-89abcdef0123"


def seats(one: int, *, changed: bool = False) -> int:
    """A customer's seats in each month; in a corrected report one customer in a hundred has one more."""
    return 5 + one % 7 + (changed and one % _ONE_IN == 0)


def connect(deployment: Deployment) -> None:
    """Make the warehouse, connected to the fake."""
    with closing(Warehouse(deployment.url)) as warehouse, warehouse.transaction() as session, client(deployment) as cw:
        session.add(
            tables.IntegrationRow(
                id=1, site_url=cw.site_url, company_id=COMPANY_ID, state=State.ACTIVE, connected_at=_SET_UP_AT
            )
        )


def set_up(deployment: Deployment, months: Sequence[Month]) -> None:
    """Make a warehouse that has every customer mapped, billed from the first of `months` on, and the months' usage."""
    connect(deployment)
    numbers = range(deployment.customers)
    with closing(Warehouse(deployment.url)) as warehouse, warehouse.transaction() as session:
        session.add(tables.ProductRow(id=PRODUCT, identifier="NP-B", description="NordPass Business"))
        session.flush()
        session.add(
            tables.ProductMappingRow(
                plan=Plan.BUSINESS, product_id=PRODUCT, confirmed_product_id=PRODUCT, mapped_at=_SET_UP_AT
            )
        )
        session.execute(insert(tables.CompanyRow), [_company(one) for one in numbers])
        session.execute(insert(tables.AgreementRow), [_agreement(one) for one in numbers])
        session.execute(insert(tables.OrganizationRow), [_organization(one) for one in numbers])
        session.execute(insert(tables.CompanyMappingRow), [_mapping(one, months[0]) for one in numbers])
    store_usage(deployment, months)


def store_usage(deployment: Deployment, months: Sequence[Month], *, changed: bool = False) -> None:
    """Store the usage reports of `months`, where asked as they were corrected."""
    with closing(Warehouse(deployment.url)) as warehouse:
        for month in months:
            with warehouse.transaction() as session:
                store_report(session, _report(month, deployment.customers, changed=changed))


def sync(deployment: Deployment, months: Sequence[Month], *, concurrency: int = 4, limit: int = UNLIMITED) -> Synced:
    """Preview and push `months`, with at most `limit` requests a minute."""
    commits = 0

    def count(_session: Session) -> None:
        nonlocal commits
        commits += 1

    with opened(deployment, concurrency=concurrency, limit=limit) as run:
        event.listen(Session, "after_commit", count)
        outcomes = Counter[str]()
        for pushed in push_months(run, months, make_previews(run, months)):
            outcomes.update(line.outcome for line in pushed.preview.lines)
        return Synced(run.connectwise.requests, outcomes, commits)


@contextmanager
def opened(deployment: Deployment, *, concurrency: int = 4, limit: int = UNLIMITED) -> Generator[SyncRun]:
    """What a sync works with."""
    with (
        closing(Warehouse(deployment.url)) as warehouse,
        client(deployment, concurrency=concurrency, limit=limit) as connectwise,
        rare_garbage_collections(),
    ):
        yield SyncRun(
            connectwise=connectwise,
            warehouse=warehouse,
            psa=psa_of(connectwise),
            run_id=f"bench {datetime.now(UTC).isoformat()}",
            concurrency=concurrency,
            keep_previews=timedelta(days=365),
            say=lambda _message: None,
            today=lambda: TODAY,
        )


def client(deployment: Deployment, *, concurrency: int = 4, limit: int = UNLIMITED) -> ConnectWiseClient:
    """The product's client for the fake."""
    credentials = Credentials(
        site_url=deployment.site.url,
        company_id=COMPANY_ID,
        public_key="public",
        private_key="private",
        client_id="client",
        ca_bundle=deployment.site.ca_bundle,
    )
    return ConnectWiseClient(credentials, requests_per_minute=limit, max_concurrency=concurrency)


def _company(one: int) -> dict[str, object]:
    return {
        "id": FIRST_COMPANY + one,
        "identifier": f"customer{one}",
        "name": f"Customer {one}, Inc.",
        "types": ["Client"],
        "imported_at": _SET_UP_AT,
    }


def _agreement(one: int) -> dict[str, object]:
    return {
        "id": FIRST_AGREEMENT + one,
        "company_id": FIRST_COMPANY + one,
        "name": f"Managed services {one}",
        "status": "Active",
        "imported_at": _SET_UP_AT,
        **_TERMS,
    }


def _organization(one: int) -> dict[str, object]:
    return {
        "id": organization_id(one),
        "name": f"Customer {one}",
        "plan": Plan.BUSINESS,
        "license_type": LicenseType.STANDARD,
        "status": "Active",
        "msp_managed": True,
        "fetched_at": _SET_UP_AT,
    }


def _mapping(one: int, bill_from: Month) -> dict[str, object]:
    return {
        "company_id": FIRST_COMPANY + one,
        "agreement_id": FIRST_AGREEMENT + one,
        "organization_id": organization_id(one),
        "bill_from": bill_from,
        "bill_from_chosen": False,
        "mapped_at": _SET_UP_AT,
        **_TERMS,
    }


def _report(month: Month, customers: int, *, changed: bool) -> UsageReport:
    rows = tuple(
        UsageRow(
            organization_id=organization_id(one),
            organization_name=f"Customer {one}",
            plan=Plan.BUSINESS,
            license_type=LicenseType.STANDARD,
            msp_managed=True,
            consumed_licenses=seats(one, changed=changed),
        )
        for one in range(customers)
    )
    return UsageReport(month=month, generated_at=datetime(2026, 4, 1, tzinfo=UTC), rows=rows)
