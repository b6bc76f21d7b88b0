"""NordPass organizations: listing them and adding one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from cw_pipeline.nordpass import models
from cw_pipeline.nordpass.errors import NotSupported, Refused
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.choosing import company_and_agreement
from cw_pipeline.setup.errors import MappingRefused, OrganizationRefused
from cw_pipeline.setup.guards import connected_integration
from cw_pipeline.setup.mappable import require_mappable
from cw_pipeline.setup.mapping import Mapped, map_company
from cw_pipeline.setup.reconcile import Changes, reconcile, require_most_are_there
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import CompanyMappingRow, OrganizationRow, PendingOrganizationRow

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
    found = [_organization(organization, now) for organization in nordpass.organizations()]
    with setup_transaction(warehouse) as session:
        changes = reconcile(session, session.scalars(select(OrganizationRow)).all(), found, now=now)
        mapped = set(session.scalars(select(CompanyMappingRow.organization_id)))
        if not accept_warnings:
            require_most_are_there("organizations", "NordPass", changes, mapped)
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
    """Add an organization in NordPass and, if asked, map it: an act that can be repeated until it is done.

    What was begun is kept until it is done, so that a repetition, by whomever and however the first try ended, finds
    the organization that NordPass has already instead of adding a second one. `first_month` is the first month that
    is ever synced.

    Raises:
        OrganizationRefused: If NordPass has an organization of this name that was not added by this act.
        NotSupported: If usage comes from exports, which cannot add one.
        Refused: If NordPass refuses.
        UnknownChoice: If the company or agreement does not exist; nothing was added.
        MappingRefused: If they cannot be mapped; nothing was added.
        NotConnected: If it is to be mapped and nothing is connected; nothing was added.
    """
    if map_to is not None:
        _require_mappable(warehouse, new, map_to, first_month)
    key, begun_before = _begin(warehouse, new)
    try:
        there = [one for one in nordpass.organizations() if one.name.casefold() == new.name.casefold()]
        if there and not (begun_before and len(there) == 1 and _is_as_asked(there[0], new)):
            raise _there_already(there)
        added = there[0] if there else nordpass.add_organization(new, idempotency_key=key)
    except (OrganizationRefused, Refused, NotSupported):
        _end(warehouse, new)
        raise
    with setup_transaction(warehouse) as session:
        session.merge(_organization(added, datetime.now(UTC)))
        log_action(session, AuditAction.ADD_ORGANIZATION, added.id, after=added.model_dump(mode="json"))
    mapped = _map(warehouse, added, map_to, first_month) if map_to else None
    _end(warehouse, new)
    return Added(added, mapped)


def _begin(warehouse: Warehouse, new: models.NewOrganization) -> tuple[str, bool]:
    """The key under which NordPass adds the organization once, and whether an earlier or another act began with it.

    It is kept before NordPass is looked at: whoever finds it finds the same organization, and whoever finds none looks
    after everybody who had one.
    """
    with setup_transaction(warehouse) as session:
        pending = session.get(PendingOrganizationRow, new.name)
        if pending is not None:
            return pending.idempotency_key, True
        pending = PendingOrganizationRow(name=new.name, idempotency_key=str(uuid.uuid4()), asked_at=datetime.now(UTC))
        session.add(pending)
        return pending.idempotency_key, False


def _there_already(there: Sequence[models.Organization]) -> OrganizationRefused:
    names = ", ".join(f"{one.name} ({one.id}, {one.plan}, {one.license_type})" for one in there)
    return OrganizationRefused(
        f"NordPass has {names} already, and nothing was added. Map that one with `cw-pipeline companies map`, or add "
        "one with another name."
    )


def _end(warehouse: Warehouse, new: models.NewOrganization) -> None:
    with setup_transaction(warehouse) as session:
        session.execute(delete(PendingOrganizationRow).where(PendingOrganizationRow.name == new.name))


def _is_as_asked(organization: models.Organization, new: models.NewOrganization) -> bool:
    return (organization.name, organization.plan, organization.license_type) == (new.name, new.plan, new.license_type)


def _require_mappable(warehouse: Warehouse, new: models.NewOrganization, map_to: MapTo, first_month: Month) -> None:
    with warehouse.transaction() as session:
        connected_integration(session)
        company, agreement = company_and_agreement(session, map_to.company, map_to.agreement)
        # A try that broke off may have mapped it already.
        mapped_before = session.scalars(
            select(OrganizationRow)
            .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
            .where(CompanyMappingRow.company_id == company.id, OrganizationRow.name == new.name)
        ).first()
        to_be = mapped_before or OrganizationRow(id="new", name=new.name, msp_managed=True, gone_at=None)
        require_mappable(
            session,
            company,
            agreement,
            to_be,
            bill_from=map_to.bill_from,
            accept_warnings=map_to.accept_warnings,
            first_month=first_month,
            now=datetime.now(UTC),
        )


def _map(warehouse: Warehouse, added: models.Organization, map_to: MapTo, first_month: Month) -> Mapped:
    try:
        return map_company(
            warehouse,
            map_to.company,
            map_to.agreement,
            added.id,
            bill_from=map_to.bill_from,
            accept_warnings=map_to.accept_warnings,
            first_month=first_month,
            now=datetime.now(UTC),
        )
    except MappingRefused as refused:
        msg = f"{added.name} ({added.id}) was added in NordPass, but not mapped. {refused}"
        raise MappingRefused(msg) from refused


def _organization(organization: models.Organization, now: datetime) -> OrganizationRow:
    return OrganizationRow(
        id=organization.id,
        name=organization.name,
        plan=organization.plan,
        license_type=organization.license_type,
        status=organization.status,
        msp_managed=organization.msp_managed,
        fetched_at=now,
        gone_at=None,
    )
