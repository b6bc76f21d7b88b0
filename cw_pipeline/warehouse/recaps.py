"""What ConnectWise's invoice recap showed of agreements, change by change."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.written_off import Recap
from cw_pipeline.warehouse.tables import AgreementRecapRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


def recaps_of(session: Session, psa: str) -> dict[int, list[Recap]]:
    """The recaps of each agreement, oldest first."""
    recaps: defaultdict[int, list[Recap]] = defaultdict(list)
    for row in session.scalars(
        select(AgreementRecapRow).where(AgreementRecapRow.psa == psa).order_by(AgreementRecapRow.id)
    ):
        recaps[row.agreement_id].append(Recap(row.next_invoice_date, row.last_invoice_number))
    return dict(recaps)


def keep_recaps(session: Session, psa: str, seen: Mapping[int, Recap]) -> None:
    """Keep the recaps that differ from the last ones kept."""
    kept, now = recaps_of(session, psa), datetime.now(UTC)
    for agreement_id, recap in seen.items():
        if kept.get(agreement_id, [None])[-1] != recap:
            session.add(
                AgreementRecapRow(
                    psa=psa,
                    agreement_id=agreement_id,
                    next_invoice_date=recap.next_invoice_date,
                    last_invoice_number=recap.last_invoice_number,
                    seen_at=now,
                )
            )
