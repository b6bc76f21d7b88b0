"""Connect to a ConnectWise company, and disconnect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from cw_pipeline.connectwise.errors import ConnectWiseError, MissingRight
from cw_pipeline.connectwise.rights import Right
from cw_pipeline.reports.reconcile.read import Source
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.mapping_file import write_backup
from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.psa import psa_of, right_uses
from cw_pipeline.warehouse.tables import (
    AgreementRow,
    CompanyMappingRow,
    CompanyRow,
    ImportSelectionRow,
    IntegrationRow,
    ProductMappingRow,
    ProductRow,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class CheckedRight:
    """A right of the API member's security role, by the name that it has there.

    Attributes:
        why: What it is needed for.
        held: Whether the API member has it; None if only a write proves it, and there was none yet.
        used_at: When it was last used, if only that proves it.
        optional: Whether everything else works without it.
    """

    name: str
    why: str
    held: bool | None
    used_at: datetime | None = None
    optional: bool = False

    @property
    def state(self) -> str:
        """Whether the right is held, in words."""
        if self.optional and not self.held:
            return "not held: nothing else needs it"
        held = {True: "held", False: "MISSING", None: "unverified until first used"}[self.held]
        return held + (f" when last used, {self.used_at:%Y-%m-%d %H:%M} UTC" if self.used_at else "")


@dataclass(frozen=True)
class Connection:
    """What connecting found. The connection is saved only if every needed right that reading proves is held.

    Attributes:
        invoices: Where `reconcile` can read invoices; None if the API member may read none.
    """

    site_url: str
    company_id: str
    company_name: str
    state: State
    rights: tuple[CheckedRight, ...]
    invoices: Source | None

    @property
    def missing_rights(self) -> tuple[CheckedRight, ...]:
        """The needed rights that reading shows to be missing."""
        return tuple(
            right for right in self.rights if right.held is False and right.used_at is None and not right.optional
        )

    @property
    def refusal(self) -> str | None:
        """Why nothing was saved, and what to do; None if the connection was saved."""
        if not self.missing_rights:
            return None
        names = "; ".join(right.name for right in self.missing_rights)
        return (
            f"Nothing was saved, because the API member's security role lacks: {names}. Add it in ConnectWise under "
            "System > Security Roles and run `cw-pipeline connect` again. The integration stays "
            f"{self.state.replace('_', ' ')}."
        )


@dataclass(frozen=True)
class Disconnection:
    """What disconnecting removed, and the file that brings the company mappings back."""

    company_id: str
    backup_file: Path
    company_mappings: int
    product_mappings: int


_PROVED_BY_WRITING = {
    Right.CATALOG_ADD: "to create a missing product",
    Right.AGREEMENTS_ADD: "to add lines to agreements",
    Right.AGREEMENTS_EDIT: "to correct the quantity of our lines",
}


def connect(client: ConnectWiseClient, warehouse: Warehouse) -> Connection:
    """Check the site, the keys and each right of the API member by a harmless read, and remember the company.

    The keys are never stored. Connecting again to the same company, with new keys perhaps, keeps everything. A missing
    right is in the result, and then nothing is saved.

    Raises:
        ConnectWiseError: If ConnectWise does not answer, or does not accept the credentials.
    """
    with warehouse.transaction() as session:
        _require_free_or_same(session, client)
    info = client.company_info()
    needed, for_invoices, for_recaps = _needed_rights(client), _rights_for_invoices(client), _right_for_recaps(client)
    with setup_transaction(warehouse) as session:
        integration = _require_free_or_same(session, client)
        before = _snapshot(integration)
        if all(right.held for right in needed):
            integration = _remember(session, integration, client)
            after = {**_snapshot(integration), "keys": "accepted"}  # logged even if only they are new
            log_action(session, AuditAction.CONNECT, client.company_id, before=before, after=after)
        state = integration.state if integration else State.NOT_CONNECTED
        uses = right_uses(session, psa_of(client))
    by_writing = [
        CheckedRight(name, why, uses[name].held, uses[name].used_at) if name in uses else CheckedRight(name, why, None)
        for name, why in _PROVED_BY_WRITING.items()
    ]
    return Connection(
        client.site_url,
        client.company_id,
        info.company_name or client.company_id,
        state,
        (*needed, *by_writing, *for_invoices.values(), for_recaps),
        invoices=next((source for source, right in for_invoices.items() if right.held), None),
    )


def _needed_rights(client: ConnectWiseClient) -> list[CheckedRight]:
    tables = "to choose company types, statuses and product categories, and to know how often agreements are invoiced"
    return [
        _check(Right.COMPANY_INQUIRE, "to import companies", client.company_count),
        # A role may be allowed some tables and not others.
        _check(
            Right.TABLE_SETUP_INQUIRE, tables, lambda: (next(client.company_types(), None), client.billing_cycles())
        ),
        _check(Right.CATALOG_INQUIRE, "to map plans to products", client.catalog_count),
        _check(Right.AGREEMENTS_INQUIRE, "to read agreements and their additions", client.agreement_count),
    ]


def _rights_for_invoices(client: ConnectWiseClient) -> dict[Source, CheckedRight]:
    """The ways to read invoices, the better one first; one is enough, and only `reconcile` needs it."""
    return {
        Source.INVOICES: _check(
            f"{Right.INVOICING_INQUIRE}; {Right.PRODUCTS_INQUIRE}",
            "to reconcile with the invoices and the products on them",
            client.prove_invoices,
            optional=True,
        ),
        Source.REPORT: _check(
            Right.API_REPORTS_INQUIRE,
            "to reconcile with the report Product, without the rights above",
            client.prove_report,
            optional=True,
        ),
    }


def _right_for_recaps(client: ConnectWiseClient) -> CheckedRight:
    return _check(
        "Reading /finance/agreementrecap/ (ConnectWise documents no right for it)",
        "to look for periods that were written off, in which nobody was billed",
        lambda: next(client.agreement_recaps(), None),
        optional=True,
    )


def _check(name: str, why: str, read: Callable[[], object], *, optional: bool = False) -> CheckedRight:
    """Find out by a harmless read whether a right is held."""
    refusal, held = ConnectWiseError if optional else MissingRight, True
    try:
        read()
    except refusal:
        held = False
    return CheckedRight(name, why, held, optional=optional)


def disconnect(warehouse: Warehouse, backup_file: Path, *, company_id: str | None = None) -> Disconnection:
    """Remove all mappings and stop the syncs, after writing a mapping file that brings the company mappings back.

    Lines in ConnectWise, the ledger and everything imported stay. With a `company_id`, only if that is connected.

    Raises:
        NotPossible: If another company is connected, or the file exists or cannot be written.
    """
    with setup_transaction(warehouse) as session:
        integration = require_connected(session)
        if company_id is not None and company_id.casefold() != integration.company_id.casefold():
            raise NotPossible(
                f"Nothing was changed: the connected company is {integration.company_id}, not {company_id}. "
                "To disconnect from it, give its id."
            )
        companies = write_backup(session, backup_file)
        products = {row.plan: row.product_id for row in session.scalars(select(ProductMappingRow))}
        before = {**_snapshot(integration), "company_mappings": companies, "products": products}
        session.execute(delete(CompanyMappingRow))
        session.execute(delete(ProductMappingRow))
        integration.state = State.DISCONNECTED
        integration.confirmed_at = None
        after = {"state": State.DISCONNECTED, "backup_file": str(backup_file)}
        log_action(session, AuditAction.DISCONNECT, integration.company_id, before=before, after=after)
    return Disconnection(integration.company_id, backup_file, companies, len(products))


def new_backup_file(folder: Path, now: datetime) -> Path:
    """The backup file if none is named."""
    return folder / f"mappings-{now:%Y%m%dT%H%M%SZ}.csv"


def _require_free_or_same(session: Session, client: ConnectWiseClient) -> IntegrationRow | None:
    integration = session.get(IntegrationRow, 1)
    is_free = integration is None or integration.state is State.DISCONNECTED
    return integration if is_free else require_connected(session, client)


def _snapshot(integration: IntegrationRow | None) -> dict[str, str]:
    if integration is None:
        return {"state": State.NOT_CONNECTED}
    return {"site": integration.site_url, "company_id": integration.company_id, "state": integration.state}


def _remember(session: Session, integration: IntegrationRow | None, client: ConnectWiseClient) -> IntegrationRow:
    if integration is None:
        integration = IntegrationRow(id=1, state=State.DISCONNECTED)
        session.add(integration)
    elif psa_of(integration) != psa_of(client):
        for table in (ImportSelectionRow, AgreementRow, CompanyRow, ProductRow):  # another company's ids
            session.execute(delete(table))
    if integration.state == State.DISCONNECTED:
        integration.site_url = client.site_url
        integration.company_id = client.company_id
        integration.state = State.CONNECTED
        integration.connected_at = datetime.now(UTC)
    return integration
