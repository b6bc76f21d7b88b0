"""NordPass organizations: listing them and adding one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.integration.access import act
from cw_pipeline.integration.reconcile import Changes, reconcile
from cw_pipeline.warehouse.tables import Organization

if TYPE_CHECKING:
    from cw_pipeline.nordpass import models
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse


def refresh_organizations(nordpass: NordPass, warehouse: Warehouse) -> Changes:
    """Read all organizations from NordPass. Those that are gone keep their mapping.

    Raises:
        NordPassError: If NordPass does not answer completely and in good form.
    """
    now = datetime.now(UTC)
    found = [_organization(organization, now) for organization in nordpass.organizations()]
    with act(warehouse) as session:
        return reconcile(session, session.scalars(select(Organization)).all(), found, now=now)


def add_organization(
    nordpass: NordPass, warehouse: Warehouse, new: models.NewOrganization, idempotency_key: str
) -> models.Organization:
    """Add an organization in NordPass; with the same key again, the one that was added is returned.

    Raises:
        NotSupported: If usage comes from exports, which cannot add one.
        Refused: If NordPass refuses.
    """
    added = nordpass.add_organization(new, idempotency_key=idempotency_key)
    with act(warehouse) as session:
        session.merge(_organization(added, datetime.now(UTC)))
    return added


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
