"""Sends writes to ConnectWise, so that it is known what became of each: an intent before, a result after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

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
from cw_pipeline.connectwise.fields import can_be_sent
from cw_pipeline.connectwise.models import Addition, NewAddition
from cw_pipeline.connectwise.rights import Right
from cw_pipeline.sync.line_reader import addition_by_id
from cw_pipeline.sync.ownership import is_known_as_another, may_be_made_by
from cw_pipeline.sync.read_back import already_invoiced, find_written, results_shown, shows
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.intents import Intent, Result, append_intents, append_results
from cw_pipeline.wording import failed_writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.ledger import Known
    from cw_pipeline.warehouse.lock import HeldLock

BATCH = 10
"""How many writes, for each request that may be under way at once, share a commit before and a commit after them; those
of two batches are in doubt after a push was killed."""


class FailedWrite(NamedTuple):
    """What became of a write that failed, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class _Attempt:
    """A write whose intent is in the ledger, after it was tried.

    Attributes:
        intent: The intent.
        kind: What the ledger is to say of it; None where that is there already.
        note: Why.
        failure: Its outcome and reason, if it failed.
        addition: The line that shows the write.
    """

    intent: Intent
    kind: EntryKind | None
    note: str | None = None
    failure: FailedWrite | None = None
    addition: Addition | None = None


class Writer:
    """Carries out writes while the push lock is held; `known` is what the ledger knows, by addition id."""

    def __init__(self, run: SyncRun, lock: HeldLock, known: Mapping[int, Known]) -> None:
        self._run = run
        self._lock = lock
        self._known = known
        self._aborted_by: ConnectWiseError | None = None
        self.rights: dict[str, bool] = {}
        """The rights that were used, and whether ConnectWise granted them: only writing proves these."""

    def carry_out(self, writes: Sequence[Write]) -> dict[Write, FailedWrite]:
        """Send `writes`, several at a time, and make sure that ConnectWise shows them; those that failed, with why.

        They are sent in batches: before one is sent, all its intents are entered in the ledger, and after it, all that
        became of them, while the next one is sent already. A push that is stopped leaves the intents of at most two
        batches open, for the next push to settle.

        After ConnectWise could not be reached, refused the credentials or asked to slow down for too long, the
        remaining writes are not tried: each would wait in vain.

        Raises:
            LockLost: If the push lock is no longer ours; nothing more is written.
            ConnectWiseError: If the agreements of a batch cannot be read again; nothing of it is confirmed.
        """
        size = self._run.concurrency * BATCH
        failed: dict[Write, FailedWrite] = {}
        before: Iterable[_Attempt] = ()
        # A write may wait long for its turn, and between attempts: the lock has to be ours still when it is sent.
        with (
            self._run.connectwise.asking_before_writes(self._lock.check),
            ThreadPoolExecutor(self._run.concurrency) as pool,
        ):
            try:
                for first in range(0, len(writes), size):
                    batch = writes[first : first + size]
                    failed |= {write: failure for write in batch if (failure := self._hindrance(write))}
                    sending = pool.map(self._try, self._intend([write for write in batch if write not in failed]))
                    failed |= self._enter(list(before))
                    before = sending
                return failed | self._enter(list(before))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _intend(self, writes: Sequence[Write]) -> list[Intent]:
        """Enter in the ledger that `writes` are about to be sent."""
        if not writes:
            return []
        self._lock.check()
        with self._run.warehouse.transaction() as session:
            return append_intents(session, self._run.psa, self._run.run_id, writes)

    def _enter(self, attempts: Sequence[_Attempt]) -> dict[Write, FailedWrite]:
        """Enter in the ledger what became of a batch; its writes that failed.

        Where ConnectWise invoiced a line's period meanwhile, it is unknown whether the invoice has the quantity before
        or after. A write whose agreement cannot be read stays open.
        """
        if not attempts:
            return {}
        invoiced, unread = already_invoiced(self._run, [one.intent.write for one in attempts if one.addition])
        failed = {one.intent.write: one.failure for one in attempts if one.failure}
        results: list[Result] = []
        for one in attempts:
            write = one.intent.write
            if why := unread.get(write):
                failed[write] = FailedWrite(Outcome.UNCONFIRMED, failed_writes.invoiced_or_not(why))
            elif one.addition is not None:
                results += results_shown(one.intent, one.addition, invoiced=write in invoiced, note=one.note)
                if write in invoiced:
                    reason = failed_writes.invoiced_meanwhile(write.identity)
                    failed[write] = FailedWrite(Outcome.UNCONFIRMED, reason)
            elif one.kind is not None:
                results.append(Result(one.intent, one.kind, one.note))
        with self._run.warehouse.transaction() as session:
            append_results(session, self._run.psa, self._run.run_id, results)
        return failed

    def _hindrance(self, write: Write) -> FailedWrite | None:
        """What is in the way of sending a write, if anything is."""
        if self._aborted_by is not None:
            return FailedWrite(Outcome.UNCONFIRMED, failed_writes.not_tried(self._aborted_by))
        if not can_be_sent(write.quantity):
            reason = failed_writes.too_many_digits(write, self._lines_that_cannot_be_sent(write))
            return FailedWrite(Outcome.REJECTED, reason)
        return None

    def _lines_that_cannot_be_sent(self, write: Write) -> list[str]:
        """The lines that `write` complements and that have more digits than can be sent."""
        with self._run.warehouse.transaction() as session:
            written = ledger.written_lines(session, self._run.psa, [write.identity.month])
        return [
            f"line {number} on agreement {one.agreement_id}"
            for number, one in written.items()
            if one.serial_number == write.identity.serial_number and not all(map(can_be_sent, one.quantities))
        ]

    def _try(self, intent: Intent) -> _Attempt:
        write = intent.write
        hindrance = self._hindrance(write)  # which came up after the batch began
        if hindrance is not None:
            return _Attempt(intent, EntryKind.NOT_DONE, hindrance.reason, hindrance)
        try:
            addition = self._send(write)
        except UncertainWrite as error:
            return self._read_back(intent, str(error))
        except RateLimited as error:
            return self._give_up(intent, error)
        except Refused as error:
            if isinstance(error, AuthenticationFailed):
                self._aborted_by = error
            elif isinstance(error, MissingRight):
                self.rights[_right(write)] = False
            failure = FailedWrite(Outcome.REJECTED, failed_writes.refused(error))
            return _Attempt(intent, EntryKind.REFUSED, str(error), failure)
        except ConnectWiseError as error:
            return self._give_up(intent, error)
        return self._answered(intent, addition)

    def _give_up(self, intent: Intent, error: ConnectWiseError) -> _Attempt:
        """After an error that proves that nothing was written, and that the next write would meet too."""
        self._aborted_by = error
        failure = FailedWrite(Outcome.UNCONFIRMED, failed_writes.nothing_written(error))
        return _Attempt(intent, EntryKind.NOT_DONE, str(error), failure)

    def _send(self, write: Write) -> Addition:
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
            bill_customer="DoNotBill" if write.trial else "Billable",
        )
        return client.create_addition(write.agreement_id, new)

    def _answered(self, intent: Intent, addition: Addition) -> _Attempt:
        """Take ConnectWise's answer for what it shows, and look again where that is not what was meant."""
        write = intent.write
        is_new = isinstance(write, CreateLine)
        known_as = None
        if is_new and is_known_as_another(addition.id, write.identity.serial_number, self._known):
            known_as = self._known[addition.id].serial_number
        elif shows(addition, write):
            self.rights[_right(write)] = True
            return _Attempt(intent, EntryKind.CONFIRMED, addition=addition)
        doubt = failed_writes.answered_otherwise(addition, known_as)
        if is_new and may_be_made_by(addition, write, self._known):
            return self._look_at(intent, addition.id, doubt)
        return self._read_back(intent, doubt)

    def _read_back(self, intent: Intent, doubt: str) -> _Attempt:
        """Find out what became of a write that ConnectWise may or may not have carried out."""
        try:
            addition = find_written(self._run, intent.write)
        except ConnectWiseError as error:
            return _unconfirmed(intent, failed_writes.read_back_failed(doubt, error))
        if addition is None:
            return _unconfirmed(intent, failed_writes.not_shown(doubt))
        return _Attempt(intent, EntryKind.CONFIRMED, f"{doubt} Read back: written.", addition=addition)

    def _look_at(self, intent: Intent, addition_id: int, doubt: str) -> _Attempt:
        """Look at a new line whose id ConnectWise answered, but not as it was sent.

        Whatever it is like, it is known by its id from now on, also if this push is killed before the batch ends, so
        that no second one is made.
        """
        write = intent.write
        answered = Result(intent, EntryKind.UNCONFIRMED, doubt, addition_id)
        with self._run.warehouse.transaction() as session:
            append_results(session, self._run.psa, self._run.run_id, [answered])
        reason = failed_writes.not_shown(doubt)
        try:
            addition = addition_by_id(self._run, write.agreement_id, addition_id)
            if addition is None or not may_be_made_by(addition, write, self._known):
                addition = find_written(self._run, write)
        except ConnectWiseError as error:
            addition, reason = None, failed_writes.read_back_failed(doubt, error)
        if addition is None:
            return replace(_unconfirmed(intent, reason), kind=None)
        if shows(addition, write):
            return _Attempt(intent, EntryKind.CONFIRMED, f"{doubt} Read back: written.", addition=addition)
        reason = failed_writes.made_otherwise(write, addition)
        return _Attempt(intent, EntryKind.CONFIRMED, reason, FailedWrite(Outcome.UNCONFIRMED, reason), addition)


def _unconfirmed(intent: Intent, reason: str) -> _Attempt:
    return _Attempt(intent, EntryKind.UNCONFIRMED, reason, FailedWrite(Outcome.UNCONFIRMED, reason))


def _right(write: Write) -> Right:
    return Right.AGREEMENTS_ADD if isinstance(write, CreateLine) else Right.AGREEMENTS_EDIT
