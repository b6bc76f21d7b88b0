"""One write to ConnectWise, so that it is known what became of it: an intent before, a result after."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from cw_pipeline.billing.balance import Write
from cw_pipeline.billing.commands import SYNC_AGAIN
from cw_pipeline.billing.outcomes import Outcome
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
from cw_pipeline.sync.settling import already_invoiced, find_written, record_shown
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.columns import plain
from cw_pipeline.warehouse.tables import EntryKind, LedgerEntry

if TYPE_CHECKING:
    from cw_pipeline.sync.run import SyncRun
    from cw_pipeline.warehouse.lock import HeldLock


@dataclass(frozen=True)
class FailedWrite:
    """What became of a write that failed, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class _Shown:
    """A write that ConnectWise shows, on a line."""

    write: Write
    intent: LedgerEntry
    addition: Addition
    note: str | None = None


class Writer:
    """Carries out writes while the push lock is held; threads may share it."""

    def __init__(self, run: SyncRun, lock: HeldLock) -> None:
        self._run = run
        self._lock = lock
        self._shut_out: ConnectWiseError | None = None
        self._shown: list[_Shown] = []
        self.rights: dict[str, bool] = {}
        """The rights that were used, and whether ConnectWise granted them: only writing proves these."""
        with run.warehouse.transaction() as session:
            self._known = ledger.known_lines(session, run.psa)

    def carry_out(self, write: Write) -> FailedWrite | None:
        """Send ``write`` and make sure that ConnectWise shows it; None if it does.

        After ConnectWise could not be reached, refused the credentials or asked to slow down for too long, the
        remaining writes are not tried: each would wait in vain.

        Raises:
            LockLost: If the push lock is no longer ours; nothing was written.
        """
        if self._shut_out is not None:
            return FailedWrite(Outcome.UNCONFIRMED, f"Not tried: {self._shut_out} {SYNC_AGAIN}")
        if not can_be_sent(write.quantity):
            return FailedWrite(Outcome.REJECTED, self._too_many_digits(write))
        self._lock.check()
        with self._run.warehouse.transaction() as session:
            intent = ledger.append_intent(session, self._run.psa, self._run.run_id, write)
        return self._sent(write, intent)

    def _sent(self, write: Write, intent: LedgerEntry) -> FailedWrite | None:
        try:
            addition = self._send(write)
        except UncertainWrite as error:
            return self._read_back(write, intent, str(error))
        except Refused as error:
            if isinstance(error, RateLimited):
                return self._give_up(intent, error)
            if isinstance(error, AuthenticationFailed):
                self._shut_out = error
            if isinstance(error, MissingRight):
                self.rights[_right(write)] = False
            self._record(intent, EntryKind.REFUSED, note=str(error))
            return FailedWrite(Outcome.REJECTED, f"{error} {SYNC_AGAIN}")
        except ConnectWiseError as error:
            return self._give_up(intent, error)
        return self._answered(write, intent, addition)

    def _answered(self, write: Write, intent: LedgerEntry, addition: Addition) -> FailedWrite | None:
        """Take ConnectWise's answer for what it shows, and look again where that is not what was meant."""
        doubt = f"ConnectWise answered, but {_said(addition)}."
        if write.addition_id is None and is_known_as_another(addition.id, intent.serial_number, self._known):
            doubt = f"{doubt} That id is known as {self._known[addition.id].serial_number}, and is left to neither."
        elif _shows(addition, write):
            self.rights[_right(write)] = True
            self._shown.append(_Shown(write, intent, addition))
            return None
        if write.addition_id is None and may_be_made_by(addition, intent, self._known):
            self._record(intent, EntryKind.UNCONFIRMED, addition_id=addition.id, note=doubt)
            return self._look_at(write, intent, addition.id, doubt)
        return self._read_back(write, intent, doubt)

    def confirm(self) -> frozenset[Write]:
        """Confirm, in the ledger, the writes that ConnectWise showed as intended since the last call.

        Until then their intents are open, so that a push that is killed before it could look leaves that to the next.

        Returns:
            Those whose period ConnectWise invoiced meanwhile: nobody knows whether the invoice has the quantity before
            or after.

        Raises:
            ConnectWiseError: If the agreements cannot be read; nothing is confirmed.
        """
        shown, self._shown = self._shown, []
        invoiced = already_invoiced(self._run, [one.intent for one in shown])
        for one in shown:
            record_shown(self._run, one.intent, one.addition, invoiced=one.intent.id in invoiced, note=one.note)
        return frozenset(one.write for one in shown if one.intent.id in invoiced)

    def _send(self, write: Write) -> Addition:
        client = self._run.connectwise
        still_ours = self._lock.check  # it may wait long for its turn, and between attempts
        if write.addition_id is not None:
            return client.set_quantity(write.agreement_id, write.addition_id, write.quantity, before_sending=still_ours)
        new = NewAddition(
            product_id=write.product_id,
            quantity=write.quantity,
            effective_date=write.window.first,
            cancelled_date=write.window.last,
            serial_number=write.identity.serial_number,
            invoice_description=write.identity.invoice_description,
        )
        return client.create_addition(write.agreement_id, new, before_sending=still_ours)

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

    def _read_back(self, write: Write, intent: LedgerEntry, doubt: str) -> FailedWrite | None:
        """Find out what became of a write that ConnectWise may or may not have carried out."""
        try:
            addition = find_written(self._run, intent)
        except ConnectWiseError as error:
            self._record(intent, EntryKind.UNCONFIRMED, note=f"{doubt} Reading back failed: {error}")
            return FailedWrite(Outcome.UNCONFIRMED, f"{doubt} Reading back failed too: {error} {SYNC_AGAIN}")
        if addition is None:
            self._record(intent, EntryKind.UNCONFIRMED, note=doubt)
            return FailedWrite(
                Outcome.UNCONFIRMED, f"{doubt} ConnectWise does not show the line as intended. Sync the month again."
            )
        self._shown.append(_Shown(write, intent, addition, f"{doubt} Read back: written."))
        return None

    def _look_at(self, write: Write, intent: LedgerEntry, addition_id: int, doubt: str) -> FailedWrite | None:
        """Look at a new line of which ConnectWise answered the id, but not that it is as meant.

        Whatever it is like, it is known by its id from now on, so that no second one is made.
        """
        try:
            addition = addition_by_id(self._run, write.agreement_id, addition_id)
            if addition is None or not may_be_made_by(addition, intent, self._known):
                addition = find_written(self._run, intent)
        except ConnectWiseError as error:
            return FailedWrite(Outcome.UNCONFIRMED, f"{doubt} Looking at it failed: {error} {SYNC_AGAIN}")
        if addition is None:
            return FailedWrite(Outcome.UNCONFIRMED, f"{doubt} {SYNC_AGAIN}")
        if _shows(addition, write):
            self._shown.append(_Shown(write, intent, addition, f"{doubt} Read back: written."))
            return None
        self._shown.append(_Shown(write, intent, addition, f"ConnectWise made it, but {_said(addition)}."))
        return FailedWrite(
            Outcome.UNCONFIRMED,
            f"ConnectWise made the line, but {_said(addition)}, where {plain(write.quantity)} with the serial number "
            f"{write.identity.serial_number} was meant. It is known by its id from now on, and no second one is made. "
            f"Set it right in ConnectWise. {SYNC_AGAIN}",
        )

    def _give_up(self, intent: LedgerEntry, error: ConnectWiseError) -> FailedWrite:
        """After an error that proves that nothing was written, and that the next write would meet too."""
        self._shut_out = error
        self._record(intent, EntryKind.NOT_DONE, note=str(error))
        return FailedWrite(Outcome.UNCONFIRMED, f"Nothing was written: {error} {SYNC_AGAIN}")

    def _record(self, intent: LedgerEntry, kind: EntryKind, *, note: str, addition_id: int | None = None) -> None:
        with self._run.warehouse.transaction() as session:
            ledger.append_result(session, intent, kind, run_id=self._run.run_id, addition_id=addition_id, note=note)


def _right(write: Write) -> Right:
    return Right.AGREEMENTS_ADD if write.addition_id is None else Right.AGREEMENTS_EDIT


def _said(addition: Addition) -> str:
    """What ConnectWise says of a line."""
    days = f"from {addition.effective_date} to {addition.cancelled_date}"
    marked = addition.serial_number or "no serial number"
    return f"shows {plain(addition.quantity)} {days} with {marked} on line {addition.id}"


def _shows(addition: Addition, write: Write) -> bool:
    """Whether ConnectWise's answer is what was asked for; it is known to accept changes that it then ignores."""
    if addition.quantity != write.quantity:
        return False
    if write.addition_id is not None:
        return addition.id == write.addition_id and is_still(addition, write.identity.serial_number, {write.product_id})
    return (
        addition.serial_number == write.identity.serial_number
        and addition.product.id == write.product_id
        and (addition.effective_date, addition.cancelled_date) == (write.window.first, write.window.last)
    )
