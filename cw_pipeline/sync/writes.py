"""Writes to ConnectWise, so that it is known what became of each: an intent before, a result after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import CreateLine, Write
from cw_pipeline.connectwise.errors import (
    AuthenticationFailed,
    ConnectWiseError,
    MissingRight,
    RateLimited,
    Refused,
    UncertainWrite,
)
from cw_pipeline.connectwise.fields import MOST_DIGITS, can_be_sent
from cw_pipeline.connectwise.models import Addition, NewAddition
from cw_pipeline.connectwise.rights import Right
from cw_pipeline.sync.ownership import is_known_as_another, is_still, may_be_made_by
from cw_pipeline.sync.reading import addition_by_id
from cw_pipeline.sync.settling import already_invoiced, as_shown, find_written
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.columns import plain
from cw_pipeline.warehouse.intents import Result, append_intents, append_results
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline.wording import hold_reasons
from cw_pipeline.wording.commands import SYNC_AGAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.lock import HeldLock

BATCH = 10
"""How many writes, for each request that may be under way at once, share a commit before and a commit after them: so
many are in doubt after a push was killed."""


@dataclass(frozen=True)
class FailedWrite:
    """What became of a write that failed, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class _Attempt:
    """A write whose intent is in the ledger, after it was tried.

    Attributes:
        write: The write.
        intent: Its intent.
        kind: What the ledger is to say of it; None where that is there already.
        note: Why.
        failure: What people are told of it, if it failed.
        addition: The line of which ConnectWise shows that it was written.
    """

    write: Write
    intent: LedgerEntry
    kind: EntryKind | None
    note: str | None = None
    failure: FailedWrite | None = None
    addition: Addition | None = None


class Writer:
    """Carries out writes while the push lock is held."""

    def __init__(self, run: SyncRun, lock: HeldLock) -> None:
        self._run = run
        self._lock = lock
        self._aborted_by: ConnectWiseError | None = None
        self.rights: dict[str, bool] = {}
        """The rights that were used, and whether ConnectWise granted them: only writing proves these."""
        with run.warehouse.transaction() as session:
            self._known = ledger.known_lines(session, run.psa)

    def carry_out(self, writes: Sequence[Write]) -> dict[Write, FailedWrite]:
        """Send `writes`, several at a time, and make sure that ConnectWise shows them; those that failed, with why.

        They are sent in batches: before one is sent, all its intents are entered in the ledger, and after it, all that
        became of them. A push that is stopped in between leaves the intents of one batch open, for the next to settle.

        After ConnectWise could not be reached, refused the credentials or asked to slow down for too long, the
        remaining writes are not tried: each would wait in vain.

        Raises:
            LockLost: If the push lock is no longer ours; nothing more is written.
            ConnectWiseError: If the agreements of a batch cannot be read again; nothing of it is confirmed.
        """
        size = self._run.concurrency * BATCH
        failed: dict[Write, FailedWrite] = {}
        for first in range(0, len(writes), size):
            failed |= self._carry_out_batch(writes[first : first + size])
        return failed

    def _carry_out_batch(self, writes: Sequence[Write]) -> dict[Write, FailedWrite]:
        failed = {write: failure for write in writes if (failure := self._hindrance(write))}
        tried = [write for write in writes if write not in failed]
        if not tried:
            return failed
        self._lock.check()
        with self._run.warehouse.transaction() as session:
            intents = append_intents(session, self._run.psa, self._run.run_id, tried)
        # A write may wait long for its turn, and between attempts: the lock has to be ours still when it is sent.
        with (
            self._run.connectwise.asking_before_writes(self._lock.check),
            ThreadPoolExecutor(self._run.concurrency) as pool,
        ):
            results = list(pool.map(self._try, tried, intents))
        return failed | self._enter(results)

    def _enter(self, results: Sequence[_Attempt]) -> dict[Write, FailedWrite]:
        """Enter in the ledger what became of a batch; its writes that failed.

        Where ConnectWise invoiced a line's period meanwhile, nobody knows whether the invoice has the quantity before
        or after. A write whose agreement cannot be read stays open.
        """
        invoiced, unread = already_invoiced(self._run, [one.intent for one in results if one.addition])
        failed = {one.write: one.failure for one in results if one.failure}
        entries: list[Result] = []
        for one in results:
            if why := unread.get(one.intent.id):
                failed[one.write] = FailedWrite(Outcome.UNCONFIRMED, hold_reasons.not_seen_whether_invoiced(why))
            elif one.addition is not None:
                doubtful = one.intent.id in invoiced
                entries += as_shown(one.intent, one.addition, invoiced=doubtful, note=one.note)
                if doubtful:
                    failed[one.write] = FailedWrite(
                        Outcome.UNCONFIRMED, hold_reasons.invoiced_meanwhile(one.write.identity)
                    )
            elif one.kind is not None:
                entries.append(Result(one.intent, one.kind, one.note))
        with self._run.warehouse.transaction() as session:
            append_results(session, self._run.run_id, entries)
        return failed

    def _hindrance(self, write: Write) -> FailedWrite | None:
        """What is in the way of sending a write, if anything is."""
        if self._aborted_by is not None:
            return FailedWrite(Outcome.UNCONFIRMED, f"Not tried: {self._aborted_by} {SYNC_AGAIN}")
        if not can_be_sent(write.quantity):
            return FailedWrite(Outcome.REJECTED, self._too_many_digits(write))
        return None

    def _try(self, write: Write, intent: LedgerEntry) -> _Attempt:
        hindrance = self._hindrance(write)  # of which the batch was not aware when it began
        if hindrance is not None:
            return _Attempt(write, intent, EntryKind.NOT_DONE, hindrance.reason, hindrance)
        try:
            addition = self._send(write)
        except UncertainWrite as error:
            return self._read_back(write, intent, str(error))
        except RateLimited as error:
            return self._give_up(write, intent, error)
        except Refused as error:
            failure = FailedWrite(Outcome.REJECTED, f"{error} {SYNC_AGAIN}")
            return _Attempt(write, intent, EntryKind.REFUSED, str(error), failure)
        except ConnectWiseError as error:
            return self._give_up(write, intent, error)
        return self._answered(write, intent, addition)

    def _answered(self, write: Write, intent: LedgerEntry, addition: Addition) -> _Attempt:
        """Take ConnectWise's answer for what it shows, and look again where that is not what was meant."""
        doubt = f"ConnectWise answered, but {_in_words(addition)}."
        if isinstance(write, CreateLine) and is_known_as_another(addition.id, intent.serial_number, self._known):
            doubt = f"{doubt} That id is known as {self._known[addition.id].serial_number}, and is left to neither."
        elif _shows(addition, write):
            self.rights[_right(write)] = True
            return _Attempt(write, intent, EntryKind.CONFIRMED, addition=addition)
        if isinstance(write, CreateLine) and may_be_made_by(addition, intent, self._known):
            return self._look_at(write, intent, addition.id, doubt)
        return self._read_back(write, intent, doubt)

    def _send(self, write: Write) -> Addition:
        """Send a write, and note what its refusal means for the others."""
        try:
            return self._request(write)
        except AuthenticationFailed as error:
            self._aborted_by = error
            raise
        except MissingRight:
            self.rights[_right(write)] = False
            raise

    def _request(self, write: Write) -> Addition:
        client = self._run.connectwise
        if not isinstance(write, CreateLine):
            return client.set_quantity(write.agreement_id, write.addition_id, write.quantity)
        new = NewAddition(
            product_id=write.product_id,
            quantity=write.quantity,
            effective_date=write.effective_date,
            cancelled_date=write.cancelled_date,
            serial_number=write.identity.serial_number,
            invoice_description=write.identity.invoice_description,
        )
        return client.create_addition(write.agreement_id, new)

    def _too_many_digits(self, write: Write) -> str:
        """What to do about a quantity that cannot be sent, because an invoiced line that it complements is so odd."""
        identity = write.identity
        with self._run.warehouse.transaction() as session:
            written = ledger.written_lines(session, self._run.psa, [identity.month])
        odd = [
            f"line {number} on agreement {one.agreement_id}"
            for number, one in written.items()
            if one.serial_number == identity.serial_number and not all(map(can_be_sent, one.quantities))
        ]
        accept = f"lines accept --month {identity.month} --organization {quote(identity.organization_id)}"
        return (
            f"What is still to be billed comes to {write.quantity}, of more than the {MOST_DIGITS} digits that can be "
            f"sent to ConnectWise exactly, because of the odd quantity of {' and '.join(odd) or 'an invoiced line'}. "
            f"Set that in ConnectWise to what was billed in fewer digits, and accept it with `cw-pipeline {accept}`. "
            f"{SYNC_AGAIN}"
        )

    def _read_back(self, write: Write, intent: LedgerEntry, doubt: str) -> _Attempt:
        """Find out what became of a write that ConnectWise may or may not have carried out."""
        try:
            addition = find_written(self._run, intent)
        except ConnectWiseError as error:
            failure = FailedWrite(Outcome.UNCONFIRMED, f"{doubt} Reading back failed too: {error} {SYNC_AGAIN}")
            note = f"{doubt} Reading back failed: {error}"
            return _Attempt(write, intent, EntryKind.UNCONFIRMED, note, failure)
        if addition is None:
            reason = f"{doubt} ConnectWise does not show the line as intended. Sync the month again."
            return _Attempt(write, intent, EntryKind.UNCONFIRMED, doubt, FailedWrite(Outcome.UNCONFIRMED, reason))
        return _Attempt(write, intent, EntryKind.CONFIRMED, f"{doubt} Read back: written.", addition=addition)

    def _look_at(self, write: Write, intent: LedgerEntry, addition_id: int, doubt: str) -> _Attempt:
        """Look at a new line of which ConnectWise answered the id, but not that it is as meant.

        Whatever it is like, it is known by its id from now on, also if this push is killed before the batch ends, so
        that no second one is made.
        """
        with self._run.warehouse.transaction() as session:
            answered = Result(intent, EntryKind.UNCONFIRMED, doubt, addition_id)
            append_results(session, self._run.run_id, [answered])
        reason = f"{doubt} {SYNC_AGAIN}"
        try:
            addition = addition_by_id(self._run, write.agreement_id, addition_id)
            if addition is None or not may_be_made_by(addition, intent, self._known):
                addition = find_written(self._run, intent)
        except ConnectWiseError as error:
            addition, reason = None, f"{doubt} Looking at it failed: {error} {SYNC_AGAIN}"
        if addition is None:
            return _Attempt(write, intent, None, failure=FailedWrite(Outcome.UNCONFIRMED, reason))
        if _shows(addition, write):
            return _Attempt(write, intent, EntryKind.CONFIRMED, f"{doubt} Read back: written.", addition=addition)
        reason = (
            f"ConnectWise made the line, but {_in_words(addition)}, where {plain(write.quantity)} with the serial "
            f"number {write.identity.serial_number} was meant. It is known by its id from now on, and no second one is "
            f"made. Set it right in ConnectWise. {SYNC_AGAIN}"
        )
        note = f"ConnectWise made it, but {_in_words(addition)}."
        failure = FailedWrite(Outcome.UNCONFIRMED, reason)
        return _Attempt(write, intent, EntryKind.CONFIRMED, note, failure, addition)

    def _give_up(self, write: Write, intent: LedgerEntry, error: ConnectWiseError) -> _Attempt:
        """After an error that proves that nothing was written, and that the next write would meet too."""
        self._aborted_by = error
        failure = FailedWrite(Outcome.UNCONFIRMED, f"Nothing was written: {error} {SYNC_AGAIN}")
        return _Attempt(write, intent, EntryKind.NOT_DONE, str(error), failure)


def _right(write: Write) -> Right:
    return Right.AGREEMENTS_ADD if isinstance(write, CreateLine) else Right.AGREEMENTS_EDIT


def _in_words(addition: Addition) -> str:
    """What ConnectWise says of a line."""
    days = f"from {addition.effective_date} to {addition.cancelled_date}"
    marked = addition.serial_number or "no serial number"
    return f"shows {plain(addition.quantity)} {days} with {marked} on line {addition.id}"


def _shows(addition: Addition, write: Write) -> bool:
    """Whether ConnectWise's answer is what was asked for; it is known to accept changes that it then ignores."""
    if addition.quantity != write.quantity:
        return False
    if not isinstance(write, CreateLine):
        return addition.id == write.addition_id and is_still(addition, write.identity.serial_number, {write.product_id})
    return (
        addition.serial_number == write.identity.serial_number
        and addition.product.id == write.product_id
        and (addition.effective_date, addition.cancelled_date) == (write.effective_date, write.cancelled_date)
    )
