"""Sends writes to ConnectWise so that the result of each is known: an intent before, a result after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.facts import BILLABLE, DO_NOT_BILL
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.writes import CreateLine, Write, takes_away
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
from cw_pipeline.sync.ownership import is_known_as_another, may_be_made_by
from cw_pipeline.sync.read_back import already_invoiced, find_written, results_shown, shows
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.intents import Intent, Result, append_intents, append_results
from cw_pipeline.wording import failed_writes, outcome_reasons

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.ledger import Known
    from cw_pipeline.warehouse.lock import HeldLock

BATCH = 10
"""How many writes per concurrent request share a commit before and one after them. After a push was killed, the writes
of at most two batches are in doubt."""


class FailedWrite(NamedTuple):
    """What became of a write that failed, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class _Attempt:
    """A write that was tried, whose intent is in the ledger.

    Attributes:
        kind: The ledger entry to make, with its `note`; None if it is there already.
        failure: Its outcome and reason, if it failed.
        addition: The line that shows the write.
    """

    intent: Intent
    kind: EntryKind | None
    note: str | None = None
    failure: FailedWrite | None = None
    addition: Addition | None = None


class Writer:
    """Carries out writes while the push lock is held. `known` is what the ledger knows, by addition id."""

    def __init__(self, run: SyncRun, lock: HeldLock, known: Mapping[int, Known]) -> None:
        self._run = run
        self._lock = lock
        self._known = known
        self._aborted_by: ConnectWiseError | None = None
        self.rights: dict[str, bool] = {}
        """The rights that were used, and whether ConnectWise granted them: only a write proves that."""

    def carry_out(self, writes: Collection[Write]) -> dict[Write, FailedWrite]:
        """Send `writes` and make sure that ConnectWise shows them; returns those that failed.

        Those that take seats away go first. Those that add seats follow where all of the former succeeded for the same
        organization's month: a seat is never on two lines.

        Raises:
            LockLost: If the push lock is no longer ours; nothing more is written.
            ConnectWiseError: If the agreements of a batch cannot be read again; nothing of it is confirmed.
        """
        failed = self._send_all([write for write in writes if takes_away(write)])
        stuck = {write.identity.organization_month: failure for write, failure in failed.items()}
        adding = [write for write in writes if not takes_away(write)]
        for write in adding:
            if failure := stuck.get(write.identity.organization_month):
                failed[write] = FailedWrite(failure.outcome, outcome_reasons.waiting(failure.reason))
        return failed | self._send_all([write for write in adding if write not in failed])

    def _send_all(self, writes: Sequence[Write]) -> dict[Write, FailedWrite]:
        """Send writes several at a time, in batches; returns those that failed.

        Before a batch is sent, all its intents are entered in the ledger; its results are entered while the next one is
        sent. A push that is stopped leaves the intents of at most two batches open, for the next push to settle.

        Once ConnectWise cannot be reached, refuses the credentials or asks to slow down for too long, the remaining
        writes are not tried: each would wait in vain.
        """
        size = self._run.concurrency * BATCH
        failed: dict[Write, FailedWrite] = {}
        sent: Iterable[_Attempt] = ()
        # A write may wait long for its turn and between attempts: the lock must still be ours when it is sent.
        with (
            self._run.connectwise.asking_before_writes(self._lock.check),
            ThreadPoolExecutor(self._run.concurrency) as pool,
        ):
            try:
                for first in range(0, len(writes), size):
                    batch = writes[first : first + size]
                    failed |= {write: failure for write in batch if (failure := self._hindrance(write))}
                    sending = pool.map(self._try, self._intend([write for write in batch if write not in failed]))
                    failed |= self._enter(list(sent))
                    sent = sending
                return failed | self._enter(list(sent))
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
        """Enter the results of a batch in the ledger; returns its writes that failed.

        If ConnectWise invoiced a line's period meanwhile, it is unknown which quantity the invoice has. A write whose
        agreement cannot be read stays open.
        """
        if not attempts:
            return {}
        invoiced, unread = already_invoiced(self._run, [each.intent.write for each in attempts if each.addition])
        failed = {each.intent.write: each.failure for each in attempts if each.failure}
        results: list[Result] = []
        for attempt in attempts:
            write = attempt.intent.write
            if why := unread.get(write):
                failed[write] = FailedWrite(Outcome.UNCONFIRMED, failed_writes.invoiced_or_not(why))
            elif attempt.addition is not None:
                is_invoiced = write in invoiced
                results += results_shown(attempt.intent, attempt.addition, invoiced=is_invoiced, note=attempt.note)
                if is_invoiced:
                    reason = failed_writes.invoiced_meanwhile(write.identity)
                    failed[write] = FailedWrite(Outcome.UNCONFIRMED, reason)
            elif attempt.kind is not None:
                results.append(Result(attempt.intent, attempt.kind, attempt.note))
        with self._run.warehouse.transaction() as session:
            append_results(session, self._run.psa, self._run.run_id, results)
        return failed

    def _hindrance(self, write: Write) -> FailedWrite | None:
        """What keeps a write from being sent, if anything does."""
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
            f"line {addition_id} on agreement {line.agreement_id}"
            for addition_id, line in written.items()
            if line.serial_number == write.identity.serial_number and not all(map(can_be_sent, line.quantities))
        ]

    def _try(self, intent: Intent) -> _Attempt:
        if hindrance := self._hindrance(intent.write):  # which came up after the batch began
            return _Attempt(intent, EntryKind.NOT_DONE, hindrance.reason, hindrance)
        try:
            addition = self._send(intent.write)
        except UncertainWrite as error:
            return self._read_back(intent, str(error))
        except RateLimited as error:
            return self._give_up(intent, error)
        except Refused as error:
            if isinstance(error, AuthenticationFailed):
                self._aborted_by = error
            elif isinstance(error, MissingRight):
                self.rights[_right(intent.write)] = False
            failure = FailedWrite(Outcome.REJECTED, failed_writes.refused(error))
            return _Attempt(intent, EntryKind.REFUSED, str(error), failure)
        except ConnectWiseError as error:
            return self._give_up(intent, error)
        return self._answered(intent, addition)

    def _give_up(self, intent: Intent, error: ConnectWiseError) -> _Attempt:
        """Abort after an error that proves that nothing was written, and that the next write would meet too."""
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
            bill_customer=DO_NOT_BILL if write.trial else BILLABLE,
        )
        return client.create_addition(write.agreement_id, new)

    def _answered(self, intent: Intent, addition: Addition) -> _Attempt:
        """Take ConnectWise's answer for what it shows, and look again if that is not what was intended."""
        write = intent.write
        is_new = isinstance(write, CreateLine)
        known_as = None
        if is_new and is_known_as_another(addition.id, write.identity.serial_number, self._known):
            known_as = self._known[addition.id].serial_number
        elif shows(addition, write):
            self.rights[_right(write)] = True
            return _Attempt(intent, EntryKind.CONFIRMED, addition=addition)
        doubt = failed_writes.answered_otherwise(addition, known_as)
        can_be_new = is_new and may_be_made_by(addition, write, self._known)
        return self._read_back(intent, doubt, addition.id if can_be_new else None)

    def _read_back(self, intent: Intent, doubt: str, answered: int | None = None) -> _Attempt:
        """Find out whether ConnectWise carried out a write; it may have `answered` the id of a new line.

        Whatever that line is like, it is known by its id from now on, even if this push is killed before the batch
        ends, so that no second one is created.
        """
        kind = EntryKind.UNCONFIRMED
        if answered is not None:
            with self._run.warehouse.transaction() as session:
                append_results(session, self._run.psa, self._run.run_id, [Result(intent, kind, doubt, answered)])
            kind = None
        addition, reason = None, failed_writes.not_shown(doubt)
        try:
            addition = find_written(self._run, intent.write, answered)
        except ConnectWiseError as error:
            reason = failed_writes.read_back_failed(doubt, error)
        if addition is None:
            return _Attempt(intent, kind, reason, FailedWrite(Outcome.UNCONFIRMED, reason))
        if answered is None or shows(addition, intent.write):
            return _Attempt(intent, EntryKind.CONFIRMED, f"{doubt} Read back: written.", addition=addition)
        reason = failed_writes.made_otherwise(intent.write, addition)
        return _Attempt(intent, EntryKind.CONFIRMED, reason, FailedWrite(Outcome.UNCONFIRMED, reason), addition)


def _right(write: Write) -> Right:
    return Right.AGREEMENTS_ADD if isinstance(write, CreateLine) else Right.AGREEMENTS_EDIT
