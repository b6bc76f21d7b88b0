"""ConnectWise's invoice recap, if the API member may read it: nothing else shows that a period was written off."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from cw_pipeline.billing.written_off import Recap, perhaps_written_off
from cw_pipeline.connectwise.errors import Refused
from cw_pipeline.connectwise.record_list import record_list
from cw_pipeline.warehouse.recaps import keep_recaps, recaps_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.window import Window
    from cw_pipeline.sync.sync_run import SyncRun


def look_at_recaps(run: SyncRun, agreement_ids: Collection[int]) -> None:
    """Store what the recap says of these agreements; if it may not be read, say so and go on without it.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read.
    """
    try:
        listed = record_list(recap for recap in run.connectwise.agreement_recaps() if recap.id in agreement_ids)
    except Refused as error:  # with credentials that just read everything else
        if error.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            raise
        run.say(
            "Periods that were written off cannot be noticed: the API member may not read /finance/agreementrecap/ "
            f"(status {error.status})"
        )
        return
    for unreadable in listed.unreadable:
        run.say(f"The invoice recap of agreement {unreadable.id} cannot be read: {unreadable.why}")
    recaps = {recap.id: Recap(recap.next_invoice_date, recap.last_invoice_number) for recap in listed.records}
    with run.warehouse.transaction() as session:
        keep_recaps(session, run.psa, recaps)


def written_off(session: Session, psa: str) -> dict[int, list[Window]]:
    """The days of each agreement that were perhaps written off, by its stored recaps."""
    return {agreement_id: perhaps_written_off(recaps) for agreement_id, recaps in recaps_of(session, psa).items()}
