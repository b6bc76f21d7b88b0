"""The ConnectWise company that everything is kept for: its key, which is in the tables' `psa`, and its rights."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.warehouse.tables import IntegrationRow, RightUseRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.connectwise.client import ConnectWiseClient


def psa_of(company: IntegrationRow | ConnectWiseClient) -> str:
    """The key of the company that is connected, or that a client speaks to."""
    # Sites ignore case: another spelling must not look like another company, which would have no ledger.
    return f"{company.site_url}|{company.company_id.casefold()}"


def connected_psa(session: Session) -> str:
    """The key of the company that is connected, or was last; empty before the first connection."""
    integration = session.get(IntegrationRow, 1)
    return psa_of(integration) if integration else ""


def save_right_uses(session: Session, psa: str, uses: Mapping[str, bool]) -> None:
    """Record for each right that was just used whether ConnectWise granted it: some only a write can prove."""
    for right, held in uses.items():
        session.merge(RightUseRow(psa=psa, right=right, held=held, used_at=datetime.now(UTC)))


def right_uses(session: Session, psa: str) -> dict[str, RightUseRow]:
    """The last use of each right that was ever used, by its name."""
    return {use.right: use for use in session.scalars(select(RightUseRow).where(RightUseRow.psa == psa))}
