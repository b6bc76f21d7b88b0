"""What ConnectWise's invoice recap showed of agreements, change by change."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from cw_pipeline.billing.written_off import Recap
from cw_pipeline.warehouse.tables import AgreementRecapRow
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


def recaps_of(session: Session, psa: str) -> dict[int, list[Recap]]:
    """The recaps of each agreement, oldest first."""
    row = AgreementRecapRow
    columns = (row.agreement_id, row.next_invoice_date, row.last_invoice_number)
    recaps: defaultdict[int, list[Recap]] = defaultdict(list)
    for agreement_id, *recap in session.execute(select(*columns).where(row.psa == psa).order_by(row.id)):
        recaps[agreement_id].append(Recap(*recap))
    return dict(recaps)


def keep_recaps(session: Session, psa: str, seen: Mapping[int, Recap]) -> None:
    """Store the recaps that differ from the last ones stored."""
    kept, now = recaps_of(session, psa), datetime.now(UTC)
    rows = [
        {"psa": psa, "agreement_id": agreement_id, "seen_at": now, **vars(recap)}
        for agreement_id, recap in seen.items()
        if kept.get(agreement_id, [None])[-1] != recap
    ]
    if rows:
        session.execute(insert(AgreementRecapRow), rows, execution_options=IN_BULK)
