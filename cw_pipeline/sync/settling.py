"""Settling writes of which nobody knows what became: reading back by identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.sync.reading import lines_on
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.tables import EntryKind

if TYPE_CHECKING:
    from cw_pipeline.billing.facts import Line
    from cw_pipeline.sync.run import SyncRun
    from cw_pipeline.warehouse.tables import LedgerEntry


def settle_open_intents(run: SyncRun) -> None:
    """Find out what became of every write that an earlier push did not see through, and record it.

    Called under the push lock, when no such write can be under way any more.
    """
    with run.warehouse.transaction() as session:
        intents = ledger.open_intents(session, run.psa)
    if intents:
        run.say(f"Settling {len(intents)} write(s) that an earlier push did not see through")
    for intent in intents:
        line = find_written_line(run, intent)
        with run.warehouse.transaction() as session:
            ledger.append_result(
                session,
                intent,
                EntryKind.CONFIRMED if line else EntryKind.NOT_DONE,
                run_id=run.run_id,
                addition_id=line.addition_id if line else None,
                note="Settled by a later push by reading back.",
            )


def find_written_line(run: SyncRun, intent: LedgerEntry) -> Line | None:
    """The line that shows that ``intent`` was carried out; None if none does.

    A new line is one that carries the intent's identity, product, quantity and dates and that the ledger does not know
    from another write.
    """
    with run.warehouse.transaction() as session:
        known = ledger.serial_numbers(session, run.psa)
    lines = lines_on(run, intent.agreement_id, serial_numbers=known)
    right = [line for line in lines if line.quantity == intent.quantity]
    if intent.addition_id is not None:
        return next((line for line in right if line.addition_id == intent.addition_id), None)
    return next(
        (
            line
            for line in right
            if line.serial_number == intent.serial_number
            and line.product_id == intent.product_id
            and (line.effective_date, line.cancelled_date) == (intent.effective_date, intent.cancelled_date)
            and line.addition_id not in known
        ),
        None,
    )
