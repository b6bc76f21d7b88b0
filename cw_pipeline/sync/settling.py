"""Settling writes of which nobody knows what became: reading back by identity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cw_pipeline.sync.reading import lines_on
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.tables import EntryKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from cw_pipeline.billing.facts import Line
    from cw_pipeline.sync.run import SyncRun
    from cw_pipeline.warehouse.tables import LedgerEntry


UNDER_WAY_SECONDS = 60
"""How long ConnectWise may still be at work on a request whose push is gone. What it carries out later than that is not
noticed, and no push is to be held up for longer by one that was killed."""


def settle_open_intents(run: SyncRun) -> None:
    """Find out what became of every write that an earlier push did not see through, and record it.

    Called under the push lock, so that only a request whose push was killed can be under way any more; one that is
    not carried out yet is waited for.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read; what is not settled stays open.
    """
    with run.warehouse.transaction() as session:
        intents = ledger.open_intents(session, run.psa)
    if not intents:
        return
    run.say(f"Settling {len(intents)} write(s) that an earlier push did not see through")
    note = "Settled by a later push by reading back."
    for intent in intents:
        line = find_written_line(run, intent) or _find_late(run, intent)
        if line is not None:
            invoiced = intent.id in already_invoiced(run, [intent])
            record_shown(run, intent, line.addition_id, invoiced=invoiced, note=note)
            continue
        with run.warehouse.transaction() as session:
            ledger.append_result(session, intent, EntryKind.NOT_DONE, run_id=run.run_id, note=note)


def _find_late(run: SyncRun, intent: LedgerEntry) -> Line | None:
    """Look for the line once more when no request that was sent for ``intent`` can be under way any more."""
    age = (datetime.now(UTC) - intent.at).total_seconds()
    if age >= UNDER_WAY_SECONDS:
        return None
    wait = min(UNDER_WAY_SECONDS - age, UNDER_WAY_SECONDS)  # the other machine's clock may be ahead
    run.say(f"Waiting {wait:.0f} s, since ConnectWise may still be at work on a request of a push that is gone")
    run.wait(wait)
    return find_written_line(run, intent)


def already_invoiced(run: SyncRun, intents: Collection[LedgerEntry]) -> set[int]:
    """The ids of those intents whose line lies in a period that ConnectWise has invoiced by now."""
    agreements = run.connectwise.agreements_by_id({intent.agreement_id for intent in intents})
    next_invoice = {agreement.id: agreement.next_invoice_date for agreement in agreements}
    return {
        intent.id
        for intent in intents
        if (next_invoice.get(intent.agreement_id) or intent.effective_date) > intent.effective_date
    }


def record_shown(run: SyncRun, intent: LedgerEntry, addition_id: int, *, invoiced: bool, note: str | None) -> None:
    """Record that ConnectWise shows what ``intent`` meant on a line.

    If the line was ``invoiced`` meanwhile, nobody knows whether with the quantity before or after; the ledger says so
    with the same breath, so that it never says anything else.
    """
    with run.warehouse.transaction() as session:
        for kind in (EntryKind.CONFIRMED, EntryKind.DOUBTFUL) if invoiced else (EntryKind.CONFIRMED,):
            ledger.append_result(session, intent, kind, run_id=run.run_id, addition_id=addition_id, note=note)


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
