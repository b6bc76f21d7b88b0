"""NordPass organizations: listing them and adding one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from cw_pipeline.billing.months import Month
from cw_pipeline.integration.access import act, connected_integration
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import MappingRefused, OrganizationRefused
from cw_pipeline.integration.mapping import Mapped, company_and_agreement, map_company, require_mappable
from cw_pipeline.integration.reconcile import Changes, reconcile
from cw_pipeline.nordpass import models
from cw_pipeline.nordpass.errors import NotSupported, Refused
from cw_pipeline.warehouse.tables import Organization, PendingOrganization

if TYPE_CHECKING:
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


def refresh_organizations(nordpass: NordPass, warehouse: Warehouse) -> Changes:
    """Read all organizations from NordPass. Those that are gone keep their mapping.

    Raises:
        NordPassError: If NordPass does not answer completely and in good form.
    """
    now = datetime.now(UTC)
    found = [_organization(organization, now) for organization in nordpass.organizations()]
    with act(warehouse) as session:
        changes = reconcile(session, session.scalars(select(Organization)).all(), found, now=now)
        record(session, Deed.IMPORT, "organizations", after=changes.numbers)
        return changes


def add_organization(
    nordpass: NordPass, warehouse: Warehouse, new: models.NewOrganization, map_to: MapTo | None = None
) -> Added:
    """Add an organization in NordPass and, if asked, map it: an act that can be repeated until it is done.

    What was begun is kept until it is done, so that a repetition, by whomever and however the first try ended, finds
    the organization that NordPass has already instead of adding a second one.

    Raises:
        OrganizationRefused: If NordPass has an organization of this name that was not added by this act.
        NotSupported: If usage comes from exports, which cannot add one.
        Refused: If NordPass refuses.
        UnknownChoice: If the company or agreement does not exist; nothing was added.
        MappingRefused: If they cannot be mapped; nothing was added.
        NotConnected: If it is to be mapped and nothing is connected; nothing was added.
    """
    if map_to is not None:
        _require_mappable(warehouse, new, map_to)
    there = [one for one in nordpass.organizations() if one.name.casefold() == new.name.casefold()]
    key = _begin(warehouse, new, there)
    try:
        added = there[0] if there else nordpass.add_organization(new, idempotency_key=key)
    except (Refused, NotSupported):
        _end(warehouse, new)
        raise
    with act(warehouse) as session:
        session.merge(_organization(added, datetime.now(UTC)))
        record(session, Deed.ADD_ORGANIZATION, added.id, after=added.model_dump(mode="json"))
    mapped = _map(warehouse, added, map_to) if map_to else None
    _end(warehouse, new)
    return Added(added, mapped)


def _begin(warehouse: Warehouse, new: models.NewOrganization, there: list[models.Organization]) -> str:
    """The key under which NordPass adds the organization once, from the first try on."""
    with act(warehouse) as session:
        pending = session.get(PendingOrganization, new.name)
        if there and (pending is None or len(there) > 1 or not _is_as_asked(there[0], new)):
            names = ", ".join(f"{one.name} ({one.id}, {one.plan}, {one.license_type})" for one in there)
            msg = (
                f"NordPass has {names} already, and nothing was added. Map that one with `cw-pipeline companies map`, "
                "or add one with another name."
            )
            raise OrganizationRefused(msg)
        if pending is None:
            pending = PendingOrganization(name=new.name, idempotency_key=str(uuid.uuid4()), asked_at=datetime.now(UTC))
            session.add(pending)
        return pending.idempotency_key


def _end(warehouse: Warehouse, new: models.NewOrganization) -> None:
    with act(warehouse) as session:
        session.execute(delete(PendingOrganization).where(PendingOrganization.name == new.name))


def _is_as_asked(organization: models.Organization, new: models.NewOrganization) -> bool:
    return (organization.name, organization.plan, organization.license_type) == (new.name, new.plan, new.license_type)


def _require_mappable(warehouse: Warehouse, new: models.NewOrganization, map_to: MapTo) -> None:
    with warehouse.transaction() as session:
        connected_integration(session)
        company, agreement = company_and_agreement(session, map_to.company, map_to.agreement)
        to_be = Organization(id="new", name=new.name, msp_managed=True, gone_at=None)
        require_mappable(session, company, agreement, to_be, accept_warnings=map_to.accept_warnings)


def _map(warehouse: Warehouse, added: models.Organization, map_to: MapTo) -> Mapped:
    try:
        return map_company(
            warehouse,
            map_to.company,
            map_to.agreement,
            added.id,
            bill_from=map_to.bill_from,
            accept_warnings=map_to.accept_warnings,
            now=datetime.now(UTC),
        )
    except MappingRefused as refused:
        msg = f"{added.name} ({added.id}) was added in NordPass, but not mapped. {refused}"
        raise MappingRefused(msg) from refused


def _organization(organization: models.Organization, now: datetime) -> Organization:
    return Organization(
        id=organization.id,
        name=organization.name,
        plan=organization.plan.value,
        license_type=organization.license_type.value,
        status=organization.status.value,
        msp_managed=organization.msp_managed,
        fetched_at=now,
        gone_at=None,
    )
