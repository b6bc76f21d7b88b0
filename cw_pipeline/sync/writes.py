"""One write to ConnectWise, so that it is known what became of it: an intent before, a result after."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.reasons import SYNC_AGAIN
from cw_pipeline.connectwise.errors import (
    AuthenticationFailed,
    ConnectWiseError,
    RateLimited,
    Refused,
    UncertainWrite,
)
from cw_pipeline.connectwise.models import NewAddition
from cw_pipeline.sync.settling import find_written_line
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.columns import plain
from cw_pipeline.warehouse.tables import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.billing.balance import Write
    from cw_pipeline.connectwise.models import Addition
    from cw_pipeline.sync.run import SyncRun
    from cw_pipeline.warehouse.lock import HeldLock
    from cw_pipeline.warehouse.tables import LedgerEntry


@dataclass(frozen=True)
class Failure:
    """Why a write failed."""

    outcome: Outcome
    reason: str


class Writer:
    """Carries out writes while the push lock is held; threads may share it."""

    def __init__(self, run: SyncRun, lock: HeldLock) -> None:
        self._run = run
        self._lock = lock
        self._shut_out: ConnectWiseError | None = None
        self._confirmed: list[tuple[Write, LedgerEntry, int]] = []

    def carry_out(self, write: Write) -> Failure | None:
        """Send ``write`` and make sure that ConnectWise shows it; None if it does.

        After ConnectWise could not be reached, refused the credentials or asked to slow down for too long, the
        remaining writes are not tried: each would wait in vain.

        Raises:
            LockLost: If the push lock is no longer ours; nothing was written.
        """
        if self._shut_out is not None:
            return Failure(Outcome.UNCONFIRMED, f"Not tried: {self._shut_out} {SYNC_AGAIN}")
        try:
            send = self._request(write)
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            return Failure(Outcome.REJECTED, f"ConnectWise would refuse {write.quantity}: {why}. {SYNC_AGAIN}")
        self._lock.check()
        with self._run.warehouse.transaction() as session:
            intent = ledger.append_intent(session, self._run.psa, self._run.run_id, write)
        return self._sent(write, intent, send)

    def _sent(self, write: Write, intent: LedgerEntry, send: Callable[[], Addition]) -> Failure | None:
        try:
            addition = send()
        except UncertainWrite as error:
            return self._read_back(write, intent, str(error))
        except Refused as error:
            if isinstance(error, RateLimited):
                return self._give_up(intent, error)
            if isinstance(error, AuthenticationFailed):
                self._shut_out = error
            self._record(intent, EntryKind.REFUSED, note=str(error))
            return Failure(Outcome.REJECTED, f"{error} {SYNC_AGAIN}")
        except ConnectWiseError as error:
            return self._give_up(intent, error)
        if not _shows(addition, write):
            shown = f"{plain(addition.quantity)} from {addition.effective_date} to {addition.cancelled_date}"
            return self._read_back(write, intent, f"ConnectWise answered, but shows {shown} on line {addition.id}.")
        self._confirm(write, intent, addition.id)
        return None

    def invoiced_meanwhile(self) -> frozenset[Write]:
        """The writes, of those confirmed since the last call, whose period ConnectWise invoiced while they were made.

        Nobody knows whether the invoice has the quantity before or after; the ledger then says so.

        Raises:
            ConnectWiseError: If the agreements cannot be read.
        """
        confirmed, self._confirmed = self._confirmed, []
        ids = {write.agreement_id for write, _, _ in confirmed}
        next_invoice = {one.id: one.next_invoice_date for one in self._run.connectwise.agreements_by_id(ids)}
        doubtful: set[Write] = set()
        for write, intent, addition_id in confirmed:
            if (next_invoice.get(write.agreement_id) or write.effective_date) > write.effective_date:
                self._record(intent, EntryKind.DOUBTFUL, addition_id=addition_id)
                doubtful.add(write)
        return frozenset(doubtful)

    def _request(self, write: Write) -> Callable[[], Addition]:
        """The request that ``write`` asks for, not sent yet.

        Raises:
            ValidationError: If ConnectWise could not take it, whatever it was asked.
        """
        client = self._run.connectwise
        still_ours = self._lock.check  # it may wait long for its turn, and between attempts
        if write.addition_id is not None:
            return partial(
                client.set_quantity,
                write.agreement_id,
                write.addition_id,
                write.quantity,
                before_sending=still_ours,
            )
        new = NewAddition(
            product_id=write.product_id,
            quantity=write.quantity,
            effective_date=write.window.first,
            cancelled_date=write.window.last,
            serial_number=write.identity.serial_number,
            invoice_description=f"NordPass {write.identity.plan}: seats used in {write.identity.month.name}",
        )
        return partial(client.create_addition, write.agreement_id, new, before_sending=still_ours)

    def _read_back(self, write: Write, intent: LedgerEntry, doubt: str) -> Failure | None:
        """Find out what became of a write that ConnectWise may or may not have carried out."""
        try:
            line = find_written_line(self._run, intent)
        except ConnectWiseError as error:
            self._record(intent, EntryKind.UNCONFIRMED, note=f"{doubt} Reading back failed: {error}")
            return Failure(Outcome.UNCONFIRMED, f"{doubt} Reading back failed too: {error} {SYNC_AGAIN}")
        if line is None:
            self._record(intent, EntryKind.UNCONFIRMED, note=doubt)
            return Failure(
                Outcome.UNCONFIRMED, f"{doubt} ConnectWise does not show the line as intended. Sync the month again."
            )
        self._confirm(write, intent, line.addition_id, note=f"{doubt} Read back: written.")
        return None

    def _give_up(self, intent: LedgerEntry, error: ConnectWiseError) -> Failure:
        """After an error that proves that nothing was written, and that the next write would meet too."""
        self._shut_out = error
        self._record(intent, EntryKind.NOT_DONE, note=str(error))
        return Failure(Outcome.UNCONFIRMED, f"Nothing was written: {error} {SYNC_AGAIN}")

    def _confirm(self, write: Write, intent: LedgerEntry, addition_id: int, note: str | None = None) -> None:
        self._record(intent, EntryKind.CONFIRMED, addition_id=addition_id, note=note)
        self._confirmed.append((write, intent, addition_id))

    def _record(
        self, intent: LedgerEntry, kind: EntryKind, *, addition_id: int | None = None, note: str | None = None
    ) -> None:
        with self._run.warehouse.transaction() as session:
            ledger.append_result(session, intent, kind, run_id=self._run.run_id, addition_id=addition_id, note=note)


def _shows(addition: Addition, write: Write) -> bool:
    """Whether ConnectWise's answer is what was asked for; it is known to accept changes that it then ignores."""
    if addition.quantity != write.quantity:
        return False
    if write.addition_id is not None:
        return addition.id == write.addition_id
    return (
        addition.serial_number == write.identity.serial_number
        and addition.product.id == write.product_id
        and (addition.effective_date, addition.cancelled_date) == (write.window.first, write.window.last)
    )
