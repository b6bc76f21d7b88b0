"""Reading a write back: which line shows that it was carried out, and whether the line was invoiced meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.facts import BILLABLE
from cw_pipeline.billing.identity import DESCRIPTION, PREFIX
from cw_pipeline.billing.writes import CreateLine, SetQuantity, Write
from cw_pipeline.connectwise.errors import NotFound, RecordUnreadable
from cw_pipeline.connectwise.record_list import RecordList
from cw_pipeline.sync.agreement_facts import next_invoice_of
from cw_pipeline.sync.line_reader import addition_by_id
from cw_pipeline.sync.ownership import is_still, may_be_made_by
from cw_pipeline.vocabulary import plain
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.intents import Intent, Result

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cw_pipeline.connectwise.models import Addition
    from cw_pipeline.connectwise.record_list import Unreadable
    from cw_pipeline.sync.sync_run import SyncRun


def find_written(run: SyncRun, write: Write, answered: int | None = None) -> Addition | None:
    """The line that shows that `write` was carried out; None if none does.

    A created line is the one whose id ConnectWise `answered`, whatever it is like, or else one that the ledger does not
    know from another write.

    Raises:
        RecordUnreadable: If no readable line shows it, but an unreadable one may.
    """
    with run.warehouse.transaction() as session:
        known = ledger.known_lines(session, run.psa)
    if answered is not None and isinstance(write, CreateLine):
        addition = addition_by_id(run, write.agreement_id, answered)
        if addition is not None and may_be_made_by(addition, write, known):
            return addition
    lines = _candidates(run, write, known)
    taken = known if isinstance(write, CreateLine) else ()
    for addition in lines.records:
        if addition.id not in taken and shows(addition, write, or_description=True):
            return addition
    for line in lines.unreadable:
        if _may_show(line, write, known):
            what = f"Line {line.id} on agreement {write.agreement_id} cannot be read"
            raise RecordUnreadable(f"{what}: {line.why.rstrip('.')}.", why=line.why)
    return None


def _candidates(run: SyncRun, write: Write, known: Collection[int]) -> RecordList[Addition]:
    """The lines on the write's agreement that may be ours; none if the agreement no longer exists."""

    def may_be_ours(record: Mapping[str, object]) -> bool:
        marked = str(record.get("serialNumber") or "").startswith(PREFIX)
        described = str(record.get("invoiceDescription") or "").startswith(DESCRIPTION)
        return record.get("id") in known or marked or described

    try:
        return run.connectwise.additions(write.agreement_id, wanted=may_be_ours)
    except NotFound:
        # Gateways answer 404 too, and then the lines are still there.
        agreements = run.connectwise.agreements_by_id([write.agreement_id])
        if agreements.records or agreements.unreadable:
            raise
        return RecordList(())


def _may_show(line: Unreadable, write: Write, known: Collection[int]) -> bool:
    """Whether an unreadable line may be the one that `write` created or changed."""
    if isinstance(write, SetQuantity):
        return line.id == write.addition_id
    return line.id not in known and line.text("serialNumber") in {"", write.identity.serial_number}


def shows(addition: Addition, write: Write, *, or_description: bool = False) -> bool:
    """Whether a line is as `write` intended; ConnectWise is known to accept changes and then ignore them.

    With `or_description`, a created line without a serial number is recognized by its invoice description.
    """
    identity = write.identity
    if addition.quantity != write.quantity:
        return False
    if isinstance(write, SetQuantity):
        return addition.id == write.addition_id and is_still(addition, identity.serial_number, {write.product_id})
    described = not addition.serial_number and addition.invoice_description == identity.invoice_description
    return (
        (addition.serial_number == identity.serial_number or (or_description and described))
        and addition.product.id == write.product_id
        and (addition.effective_date, addition.cancelled_date) == (write.effective_date, write.cancelled_date)
        and not (write.trial and addition.bill_customer == BILLABLE)
    )


def already_invoiced(run: SyncRun, writes: Collection[Write]) -> tuple[set[Write], dict[Write, str]]:
    """The writes to lines that ConnectWise has, or may have, invoiced by now; and those of which that is unknown.

    The latter have the reason that their agreement cannot be read.

    A line whose quantity was set was open, so its agreement had a next invoice date, unless the line begins in the
    future. If that date is gone, the last invoice may have been made meanwhile.
    """
    agreements = run.connectwise.agreements_by_id({write.agreement_id for write in writes})
    next_invoice = {agreement.id: next_invoice_of(agreement) for agreement in agreements.records}
    broken = {agreement.id: agreement.why.rstrip(".") for agreement in agreements.unreadable}
    unread = {
        write: f"Agreement {write.agreement_id} cannot be read: {broken[write.agreement_id]}."
        for write in writes
        if write.agreement_id in broken
    }

    def is_invoiced(write: Write) -> bool:
        following = next_invoice.get(write.agreement_id)
        if following is None:
            return isinstance(write, SetQuantity) and write.effective_date <= run.today()
        return following > write.effective_date

    return {write for write in writes if write not in unread and is_invoiced(write)}, unread


def results_shown(intent: Intent, addition: Addition, *, invoiced: bool, note: str | None) -> list[Result]:
    """The ledger's results for an `intent` whose line ConnectWise shows.

    If the line was `invoiced` meanwhile, it is unknown which quantity the invoice has. Both entries belong in one
    transaction.
    """
    kinds = (EntryKind.CONFIRMED, EntryKind.DOUBTFUL) if invoiced else (EntryKind.CONFIRMED,)
    return [Result(intent, kind, note, addition.id, plain(addition.quantity)) for kind in kinds]
