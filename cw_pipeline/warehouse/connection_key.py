"""The key under which everything about a ConnectWise company is kept: ledger, previews, pushes, lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.warehouse.tables import IntegrationRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.client import ConnectWiseClient


def psa_of(integration: IntegrationRow) -> str:
    """The key of the ConnectWise company that is connected."""
    return _psa(integration.site_url, integration.company_id)


def connected_psa(session: Session) -> str:
    """The key of the ConnectWise company that is connected, or was last; empty before the first connection."""
    integration = session.get(IntegrationRow, 1)
    return psa_of(integration) if integration else ""


def psa_of_client(client: ConnectWiseClient) -> str:
    """The key of the company that a client speaks to."""
    return _psa(client.site_url, client.company_id)


def _psa(site_url: str, company_id: str) -> str:
    # Where a site does not mind capitals, another spelling must not look like another company without a ledger.
    return f"{site_url}|{company_id.casefold()}"
