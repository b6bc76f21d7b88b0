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
from cw_pipeline.setup.bill_from import SyncedMonths
from cw_pipeline.setup.errors import MappingRefused, OrganizationRefused
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.listed import Changes, keep_listed
from cw_pipeline.setup.lookup import company_and_agreement
from cw_pipeline.setup.mapping import Mapped, map_company
from cw_pipeline.setup.wanted_mapping import require_mappable, wanted_mapping
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.mappings import organizations_of
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import OrganizationRow, PendingOrganizationRow

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    found = [_row(organization, now) for organization in nordpass.organizations()]
    with setup_transaction(warehouse) as session:
        changes = keep_listed(session, OrganizationRow, found, now=now, accept_warnings=accept_warnings)
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
        OrganizationRefused: If NordPass has another organization of this name.
        NotSupported: If usage comes from exports, which cannot add one.
        Refused: If NordPass refuses.
        UnknownChoice: If the company or agreement does not exist; nothing was added.
        MappingRefused: If they cannot be mapped; nothing was added unless the message says so.
        NotConnected: If it is to be mapped and nothing is connected; nothing was added.
    """
    now = datetime.now(UTC)
    if map_to is not None:
        _require_mappable(warehouse, new, map_to, first_month, now)
    key, was_started = _start(warehouse, new)
    try:
        there = [one for one in nordpass.organizations() if one.name.casefold() == new.name.casefold()]
        as_asked = [(one.name, one.plan, one.license_type) for one in there] == [(new.name, new.plan, new.license_type)]
        if there and not (was_started and as_asked):
            raise _exists(there)
        added = there[0] if there else nordpass.add_organization(new, idempotency_key=key)
    except (OrganizationRefused, Refused, NotSupported):
        _end(warehouse, new)
        raise
    with setup_transaction(warehouse) as session:
        session.merge(_row(added, now))
        log_action(session, AuditAction.ADD_ORGANIZATION, added.id, after=added.model_dump(mode="json"))
    try:
        mapped = map_to and map_company(
            warehouse,
            map_to.company,
            map_to.agreement,
            added.id,
            bill_from=map_to.bill_from,
            accept_warnings=map_to.accept_warnings,
            first_month=first_month,
            now=now,
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
        pending = PendingOrganizationRow(name=new.name, idempotency_key=str(uuid.uuid4()), asked_at=datetime.now(UTC))
        session.add(pending)
        return pending.idempotency_key, False


def _end(warehouse: Warehouse, new: models.NewOrganization) -> None:
    with setup_transaction(warehouse) as session:
        session.execute(delete(PendingOrganizationRow).where(PendingOrganizationRow.name == new.name))


def _exists(there: Sequence[models.Organization]) -> OrganizationRefused:
    names = ", ".join(f"{one.name} ({one.id}, {one.plan}, {one.license_type})" for one in there)
    return OrganizationRefused(
        f"NordPass has {names} already, and nothing was added. Map that one with `cw-pipeline companies map`, or add "
        "one with another name."
    )


def _require_mappable(
    warehouse: Warehouse, new: models.NewOrganization, map_to: MapTo, first_month: Month, now: datetime
) -> None:
    with warehouse.transaction() as session:
        psa = psa_of(require_connected(session))
        company, agreement = company_and_agreement(session, map_to.company, map_to.agreement)
        # A call that was interrupted may have mapped it.
        mapped = (one for one in organizations_of(session, company.id) if one.name == new.name)
        to_be = OrganizationRow(id="new", name=new.name, msp_managed=True, gone_at=None)
        wanted = wanted_mapping(session, company, agreement, next(mapped, to_be), map_to.bill_from)
        months = SyncedMonths(first_month, now)
        require_mappable(session, psa, wanted, months, accept_warnings=map_to.accept_warnings)


def _row(organization: models.Organization, now: datetime) -> OrganizationRow:
    return OrganizationRow(**organization.model_dump(), fetched_at=now, gone_at=None)
