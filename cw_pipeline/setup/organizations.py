"""Import the NordPass organizations, and add one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete

from cw_pipeline.nordpass import models
from cw_pipeline.nordpass.errors import NotSupported, Refused
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.errors import MappingRefused, NotPossible
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.list_update import Changes, update_list
from cw_pipeline.setup.lookup import company_and_agreement
from cw_pipeline.setup.mapping import Mapped, map_company
from cw_pipeline.setup.mapping_change import MappingChange
from cw_pipeline.setup.mapping_session import MappingSession
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.mappings import organizations_of
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import CompanyMappingRow, OrganizationRow, PendingOrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class MapTo:
    """The company and agreement that a new organization is to be mapped to, each by id or exact name."""

    company: int | str
    agreement: int | str
    bill_from: Month | None = None
    accept_warnings: bool = False


@dataclass(frozen=True)
class Added:
    """An organization that was added, and its mapping if one was asked for."""

    organization: models.Organization
    mapped: Mapped | None


def refresh_organizations(nordpass: NordPass, warehouse: Warehouse, *, accept_warnings: bool = False) -> Changes:
    """Read all organizations from NordPass. Those that are gone keep their mapping.

    Raises:
        TooManyGone: If the list looks cut short, and `accept_warnings` is not set; nothing is changed.
        NordPassError: If NordPass does not answer completely and in good form.
    """
    now = datetime.now(UTC)
    listed = [_row(organization, now) for organization in nordpass.organizations()]
    with setup_transaction(warehouse) as session:
        changes = update_list(session, OrganizationRow, listed, now=now, accept_warnings=accept_warnings)
        log_action(session, AuditAction.IMPORT, "organizations", after=changes.made or None)
        return changes


def add_organization(
    nordpass: NordPass,
    warehouse: Warehouse,
    new: models.NewOrganization,
    map_to: MapTo | None = None,
    *,
    first_month: Month,
) -> Added:
    """Add an organization in NordPass and, if asked, map it.

    Can be repeated until it is done: what was started is stored, so that a repetition by anybody finds the organization
    that NordPass has already instead of adding a second one. `first_month` is the first month that is ever synced.

    Raises:
        NotPossible: If NordPass has another organization of this name.
        NotSupported: If usage comes from exports, which cannot add one.
        Refused: If NordPass refuses.
        UnknownChoice: If the company or agreement does not exist; nothing was added.
        MappingRefused: If they cannot be mapped; nothing was added unless the message says so.
    """
    now = datetime.now(UTC)
    if map_to is not None:
        _require_mappable(warehouse, new, map_to, first_month, now)
    key, was_started = _start(warehouse, new)
    try:
        namesakes = [known for known in nordpass.organizations() if known.name.casefold() == new.name.casefold()]
        wanted = (new.name, new.plan, new.license_type)
        is_ours = was_started and [(known.name, known.plan, known.license_type) for known in namesakes] == [wanted]
        if namesakes and not is_ours:
            raise _name_taken(namesakes)
        added = namesakes[0] if namesakes else nordpass.add_organization(new, idempotency_key=key)
    except (NotPossible, Refused, NotSupported):
        _end(warehouse, new)
        raise
    with setup_transaction(warehouse) as session:
        session.merge(_row(added, now))
        log_action(session, AuditAction.ADD_ORGANIZATION, added.id, after=added.model_dump(mode="json"))
    try:
        mapped = map_to and map_company(
            warehouse, organization=added.id, first_month=first_month, now=now, **vars(map_to)
        )
    except MappingRefused as refused:
        problem = f"{added.name} ({added.id}) was added in NordPass, but not mapped."
        raise MappingRefused(f"{problem} {refused}") from refused
    _end(warehouse, new)
    return Added(added, mapped)


def _start(warehouse: Warehouse, new: models.NewOrganization) -> tuple[str, bool]:
    """The idempotency key for NordPass, and whether an earlier or another call started with it.

    It is stored before NordPass is read: a call that finds it adopts the same organization, and a call that stores it
    reads NordPass after every call that had one before.
    """
    with setup_transaction(warehouse) as session:
        pending = session.get(PendingOrganizationRow, new.name)
        if pending is not None:
            return pending.idempotency_key, True
        key = str(uuid.uuid4())
        session.add(PendingOrganizationRow(name=new.name, idempotency_key=key, asked_at=datetime.now(UTC)))
        return key, False


def _end(warehouse: Warehouse, new: models.NewOrganization) -> None:
    with setup_transaction(warehouse) as session:
        session.execute(delete(PendingOrganizationRow).where(PendingOrganizationRow.name == new.name))


def _name_taken(namesakes: Iterable[models.Organization]) -> NotPossible:
    names = ", ".join(f"{known.name} ({known.id}, {known.plan}, {known.license_type})" for known in namesakes)
    return NotPossible(
        f"NordPass has {names} already, and nothing was added. Map that one with `cw-pipeline companies map`, or add "
        "one with another name."
    )


def _require_mappable(
    warehouse: Warehouse, new: models.NewOrganization, map_to: MapTo, first_month: Month, now: datetime
) -> None:
    with warehouse.transaction() as session:
        mappings = MappingSession(session, psa_of(require_connected(session)), first_month, now)
        company, agreement = company_and_agreement(session, map_to.company, map_to.agreement)
        # A call that was interrupted may have mapped it.
        mapped = (
            organization for organization in organizations_of(session, company.id) if organization.name == new.name
        )
        organization = next(mapped, OrganizationRow(id="new", name=new.name, msp_managed=True, gone_at=None))
        current = session.get(CompanyMappingRow, organization.id)
        change = MappingChange(mappings, company, agreement, organization, current, map_to.bill_from)
        change.accepted_warnings(accept_warnings=map_to.accept_warnings)


def _row(organization: models.Organization, now: datetime) -> OrganizationRow:
    return OrganizationRow(**organization.model_dump(), fetched_at=now, gone_at=None)
