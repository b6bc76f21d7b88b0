"""Settling writes of which nobody knows what became: reading back by identity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.identity import DESCRIPTION, PREFIX, Identity
from cw_pipeline.connectwise.errors import NotFound, RecordUnreadable
from cw_pipeline.connectwise.listed import Listed
from cw_pipeline.sync.agreement_facts import next_invoice_of
from cw_pipeline.sync.ownership import is_still, may_be_made_by
from cw_pipeline.sync.reading import addition_by_id
from cw_pipeline.sync.unread import UNUSABLE
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.columns import plain
from cw_pipeline.warehouse.intents import Result, append_results
from cw_pipeline.wording.commands import SYNC_AGAIN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cw_pipeline.connectwise.listed import Unreadable
    from cw_pipeline.connectwise.models import Addition
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.ledger import Known
    from cw_pipeline.warehouse.tables import LedgerEntry


UNDER_WAY_SECONDS = 60
"""How long ConnectWise may still be at work on a request whose push is gone. What it carries out later than that is not
noticed, and no push is to be held up for longer by one that was killed."""
LONGEST_BATCH_SECONDS = 3600
"""After so long a batch of writes is over, also where ConnectWise's limits slow it down."""


@dataclass(frozen=True)
class Unsettled:
    """A write that stays open, because what would tell what became of it cannot be read."""

    month: Month
    organization_id: str
    why: str


def settle_open_intents(run: SyncRun) -> list[Unsettled]:
    """Find out what became of every write that an earlier push did not see through, and record it.

    Called under the push lock, so that only requests whose push was killed can be under way any more; where some
    may be, they are waited for first.

    Returns:
        Those that stay open.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read at all; what is not settled stays open.
    """
    with run.warehouse.transaction() as session:
        intents = ledger.open_intents(session, run.psa)
        answered = ledger.answered_ids(session, run.psa) if intents else {}
        known = ledger.known_lines(session, run.psa) if intents else {}
    unsettled: list[Unsettled] = []
    if intents:
        run.say(f"Settling {len(intents)} write(s) that an earlier push did not see through")
        _let_requests_end(run, intents)
    for intent in intents:
        try:
            _settle(run, intent, answered.get(intent.id), known)
        except UNUSABLE as error:
            what = f"What became of the write of {intent.serial_number} on agreement {intent.agreement_id}"
            why = f"{what} cannot be told: {error} {SYNC_AGAIN}"
            run.say(why)
            unsettled.append(Unsettled(intent.month, intent.organization_id, why))
    return unsettled


def _settle(run: SyncRun, intent: LedgerEntry, answered: int | None, known: Mapping[int, Known]) -> None:
    """Record what became of one write, of which ConnectWise may have `answered` the new line's id.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read.
    """
    note = "Settled by a later push by reading back."
    made = answered if intent.addition_id is None else None
    addition = addition_by_id(run, intent.agreement_id, made) if made else None
    if addition is None or not may_be_made_by(addition, intent, known):
        addition = find_written(run, intent)
    if addition is None:
        results = [Result(intent, EntryKind.NOT_DONE, note)]
    else:
        invoiced, unread = already_invoiced(run, [intent])
        if unread:
            raise RecordUnreadable(unread[intent.id], why=unread[intent.id])
        results = as_shown(intent, addition, invoiced=intent.id in invoiced, note=note)
    with run.warehouse.transaction() as session:
        append_results(session, run.run_id, results)


def _let_requests_end(run: SyncRun, intents: Collection[LedgerEntry]) -> None:
    """Wait, once for all, until no request of a push that is gone can be under way any more.

    An intent tells when its batch began, not when its request was sent; the other machine's clock may be ahead.
    """
    age = (datetime.now(UTC) - max(intent.at for intent in intents)).total_seconds()
    if age < LONGEST_BATCH_SECONDS + UNDER_WAY_SECONDS:
        run.say("Waiting a minute, since ConnectWise may still be at work on requests of a push that is gone")
        run.wait(UNDER_WAY_SECONDS)


def already_invoiced(run: SyncRun, intents: Collection[LedgerEntry]) -> tuple[set[int], dict[int, str]]:
    """The ids of those intents whose line lies in a period that ConnectWise has, or may have, invoiced by now.

    Apart from them, with the reason, those whose agreement cannot be read, so that nobody can tell.

    A line whose quantity was set was open, so its agreement had a next invoice date, unless the line begins in the
    future: where that date is gone, the last invoice may have been made meanwhile.
    """
    agreements = run.connectwise.agreements_by_id({intent.agreement_id for intent in intents})
    next_invoice = {agreement.id: next_invoice_of(agreement) for agreement in agreements.records}
    unread = {agreement.id: agreement.why for agreement in agreements.unreadable}

    def is_invoiced(intent: LedgerEntry) -> bool:
        following = next_invoice.get(intent.agreement_id)
        if following is None:
            return intent.addition_id is not None and intent.effective_date <= run.today()
        return following > intent.effective_date

    return (
        {intent.id for intent in intents if intent.agreement_id not in unread and is_invoiced(intent)},
        {
            intent.id: f"Agreement {intent.agreement_id} cannot be read: {unread[intent.agreement_id].rstrip('.')}."
            for intent in intents
            if intent.agreement_id in unread
        },
    )


def as_shown(intent: LedgerEntry, addition: Addition, *, invoiced: bool, note: str | None) -> list[Result]:
    """What the ledger is to say of `intent`, whose line ConnectWise shows.

    If the line was `invoiced` meanwhile, nobody knows whether with the quantity before or after; the ledger says so
    with the same breath, so that it never says anything else.
    """
    kinds = (EntryKind.CONFIRMED, EntryKind.DOUBTFUL) if invoiced else (EntryKind.CONFIRMED,)
    return [Result(intent, kind, note, addition.id, plain(addition.quantity)) for kind in kinds]


def find_written(run: SyncRun, intent: LedgerEntry) -> Addition | None:
    """The line that shows that `intent` was carried out; None if none does.

    Raises:
        RecordUnreadable: If none does that can be read, and one that cannot be may.
    """
    with run.warehouse.transaction() as session:
        known = ledger.known_lines(session, run.psa).keys()
    lines = _candidates(run, intent, known)
    shown = next((one for one in lines.records if _shows(one, intent, known)), None)
    if shown is None:
        for one in lines.unreadable:
            if _may_show(one, intent, known):
                what = f"Line {one.id} on agreement {intent.agreement_id} cannot be read"
                raise RecordUnreadable(f"{what}: {one.why.rstrip('.')}.", why=one.why)
    return shown


def _candidates(run: SyncRun, intent: LedgerEntry, known: Collection[int]) -> Listed[Addition]:
    """The lines on the intent's agreement that may be ours; none if it no longer exists."""

    def may_be_ours(record: Mapping[str, object]) -> bool:
        marked = str(record.get("serialNumber") or "").startswith(PREFIX)
        described = str(record.get("invoiceDescription") or "").startswith(DESCRIPTION)
        return record.get("id") in known or marked or described

    try:
        return run.connectwise.additions(intent.agreement_id, wanted=may_be_ours)
    except NotFound:
        # Gateways say 404, too, and then the lines are still there.
        found = run.connectwise.agreements_by_id([intent.agreement_id])
        if found.records or found.unreadable:
            raise
        return Listed(())


def _may_show(line: Unreadable, intent: LedgerEntry, known: Collection[int]) -> bool:
    """Whether a line that cannot be read may be the one that `intent` made or changed."""
    if intent.addition_id is not None:
        return line.id == intent.addition_id
    return line.id not in known and line.text("serialNumber") in {"", intent.serial_number}


def _shows(addition: Addition, intent: LedgerEntry, known: Collection[int]) -> bool:
    """Whether the line is as `intent` meant it.

    A new line is one that the ledger does not know from another write; where it has no serial number, it is known by
    what else was sent.
    """
    if addition.quantity != intent.quantity:
        return False
    if intent.addition_id is not None:
        return addition.id == intent.addition_id and is_still(addition, intent.serial_number, {intent.product_id})
    description = Identity(intent.month, intent.plan, intent.organization_id).invoice_description
    marked = addition.serial_number == intent.serial_number
    described = not addition.serial_number and addition.invoice_description == description
    return (
        addition.id not in known
        and (marked or described)
        and addition.product.id == intent.product_id
        and (addition.effective_date, addition.cancelled_date) == (intent.effective_date, intent.cancelled_date)
    )
