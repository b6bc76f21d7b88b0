"""Connecting to a ConnectWise company, and letting go of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from cw_pipeline.connectwise.errors import MissingRight
from cw_pipeline.integration.access import (
    State,
    act,
    connected_integration,
    psa_of,
    psa_of_client,
    require_same_company,
)
from cw_pipeline.integration.mapping_file import write_backup
from cw_pipeline.warehouse.tables import (
    Agreement,
    Company,
    CompanyMapping,
    ImportSelection,
    Integration,
    Product,
    ProductMapping,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class Right:
    """A right of the API member's security role.

    Attributes:
        name: As the security role names it.
        why: What it is needed for.
        held: Whether the API member has it; None where only a write would prove it.
    """

    name: str
    why: str
    held: bool | None


@dataclass(frozen=True)
class Connection:
    """What connecting found. The connection is saved only if every right that could be proved is held."""

    site_url: str
    company_id: str
    company_name: str
    state: State
    rights: tuple[Right, ...]

    @property
    def missing_rights(self) -> tuple[Right, ...]:
        """The rights that the API member lacks."""
        return tuple(right for right in self.rights if right.held is False)


@dataclass(frozen=True)
class Disconnection:
    """What disconnecting removed, and the file that brings the company mappings back."""

    company_id: str
    backup_file: Path
    company_mappings: int
    product_mappings: int


_PROVABLE: tuple[tuple[str, str, Callable[[ConnectWiseClient], object]], ...] = (
    ("Companies > Company Maintenance: Inquire", "to import companies", lambda client: client.company_count()),
    (
        "System > Table Setup: Inquire",
        "to choose company types, statuses and product categories",
        lambda client: next(client.company_types(), None),
    ),
    ("Procurement > Product Catalog: Inquire", "to map plans to products", lambda client: client.catalog_count()),
    (
        "Finance > Agreements: Inquire",
        "to read agreements and their additions",
        lambda client: client.agreement_count(),
    ),
)
_PROVED_BY_WRITING = (
    ("Procurement > Product Catalog: Add", "to create a missing product"),
    ("Finance > Agreements: Add", "to add lines to agreements"),
    ("Finance > Agreements: Edit", "to correct the quantity of our lines"),
)


def connect(client: ConnectWiseClient, warehouse: Warehouse) -> Connection:
    """Check the site, the keys and each right of the API member by a harmless read, and remember the company.

    The keys are never kept. Connecting again to the same company, with new keys perhaps, keeps everything. A missing
    right is in the result, and then nothing is saved.

    Raises:
        WrongCompany: If another company is connected.
        ConnectWiseError: If ConnectWise does not answer, or does not accept the credentials.
    """
    with warehouse.transaction() as session:
        _require_free_or_same(session, client)
    info = client.company_info()
    proved = tuple(Right(name, why, _is_held(probe, client)) for name, why, probe in _PROVABLE)
    rights = (*proved, *(Right(name, why, None) for name, why in _PROVED_BY_WRITING))
    with act(warehouse) as session:
        integration = _require_free_or_same(session, client)
        if all(right.held for right in proved):
            integration = _remember(session, integration, client)
        state = State(integration.state) if integration else State.NOT_CONNECTED
    name = info.company_name or client.company_id
    return Connection(client.site_url, client.company_id, name, state, rights)


def disconnect(warehouse: Warehouse, backup_file: Path) -> Disconnection:
    """Remove all mappings and stop the syncs, after writing a mapping file that brings the company mappings back.

    Lines in ConnectWise, the ledger and everything imported stay.

    Raises:
        NotConnected: If nothing is connected.
        FileRefused: If the file exists or cannot be written.
    """
    with act(warehouse) as session:
        integration = connected_integration(session)
        companies = write_backup(session, backup_file)
        products = session.scalar(select(func.count()).select_from(ProductMapping)) or 0
        session.execute(delete(CompanyMapping))
        session.execute(delete(ProductMapping))
        integration.state = State.DISCONNECTED
        integration.confirmed_at = None
    return Disconnection(integration.company_id, backup_file, companies, products)


def _require_free_or_same(session: Session, client: ConnectWiseClient) -> Integration | None:
    integration = session.get(Integration, 1)
    if integration is not None and integration.state != State.DISCONNECTED:
        require_same_company(integration, client)
    return integration


def _is_held(probe: Callable[[ConnectWiseClient], object], client: ConnectWiseClient) -> bool:
    try:
        probe(client)
    except MissingRight:
        return False
    return True


def _remember(session: Session, integration: Integration | None, client: ConnectWiseClient) -> Integration:
    if integration is None:
        integration = Integration(id=1, state=State.DISCONNECTED)
        session.add(integration)
    elif psa_of(integration) != psa_of_client(client):
        _forget_imported(session)
    if integration.state == State.DISCONNECTED:
        integration.site_url = client.site_url
        integration.company_id = client.company_id
        integration.state = State.CONNECTED
        integration.connected_at = datetime.now(UTC)
    return integration


def _forget_imported(session: Session) -> None:
    """Another company's ids mean something else."""
    for table in (ImportSelection, Agreement, Company, Product):
        session.execute(delete(table))
