"""What a command requires: to be connected, to the company of the credentials, and active."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.reports.status import missing_to_be_active
from cw_pipeline.setup.errors import NotActive, NotConnected, WrongCompany
from cw_pipeline.vocabulary import State
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import IntegrationRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.client import ConnectWiseClient


def require_connected(session: Session, client: ConnectWiseClient | None = None) -> IntegrationRow:
    """The integration, if it is connected, and to the company that `client` speaks to.

    Raises:
        NotConnected: If it is not connected.
        WrongCompany: If it is connected to another company.
    """
    integration = session.get(IntegrationRow, 1)
    if integration is None or integration.state is State.DISCONNECTED:
        raise NotConnected
    if client is not None and psa_of(integration) != psa_of(client):
        raise WrongCompany(
            connected=f"{integration.company_id} at {integration.site_url}",
            given=f"{client.company_id} at {client.site_url}",
        )
    return integration


def require_active(session: Session, client: ConnectWiseClient) -> IntegrationRow:
    """The integration, if it is active for the company that `client` speaks to.

    Raises:
        NotActive: If it is not active; says what is missing.
        WrongCompany: If it is connected to another company.
    """
    if missing := missing_to_be_active(session):
        raise NotActive(missing)
    return require_connected(session, client)
