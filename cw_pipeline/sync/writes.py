"""One write to ConnectWise, so that it is known what became of it: an intent before, a result after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.connectwise.errors import (
    AuthenticationFailed,
    ConnectWiseError,
    Refused,
    UncertainWrite,
)
from cw_pipeline.connectwise.models import NewAddition
from cw_pipeline.sync.settling import find_written_line
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.columns import plain
from cw_pipeline.warehouse.tables import EntryKind

if TYPE_CHECKING:
    from cw_pipeline.billing.balance import Write
    from cw_pipeline.connectwise.models import Addition
    from cw_pipeline.sync.workplace import Workplace
    from cw_pipeline.warehouse.lock import HeldLock
    from cw_pipeline.warehouse.tables import LedgerEntry


@dataclass(frozen=True)
class Failure:
    """Why a write failed."""

    outcome: Outcome
    reason: str


class Writer:
    """Carries out writes while the push lock is held."""

    def __init__(self, place: Workplace, lock: HeldLock) -> None:
        self._place = place
        self._lock = lock
        self._shut_out: ConnectWiseError | None = None

    def carry_out(self, write: Write) -> Failure | None:
        """Send ``write`` and make sure that ConnectWise shows it; None if it does.

        After ConnectWise could not be reached or refused the credentials, the remaining writes are not tried: each
        would wait in vain.

        Raises:
            LockLost: If the push lock is no longer ours; nothing was sent.
        """
        if self._shut_out is not None:
            return Failure(Outcome.UNCONFIRMED, f"Not tried: {self._shut_out}")
        self._lock.check()
        with self._place.warehouse.transaction() as session:
            intent = ledger.append_intent(session, self._place.tenant, self._place.run_id, write)
        try:
            addition = self._send(write)
        except UncertainWrite as error:
            return self._read_back(intent, str(error))
        except Refused as error:
            if isinstance(error, AuthenticationFailed):
                self._shut_out = error
            self._record(intent, EntryKind.REFUSED, note=str(error))
            return Failure(Outcome.REJECTED, str(error))
        except ConnectWiseError as error:
            # Every other error proves that nothing was written, and the next write would meet it too.
            self._shut_out = error
            self._record(intent, EntryKind.NOT_DONE, note=str(error))
            return Failure(Outcome.UNCONFIRMED, f"Nothing was written: {error}")
        if not _shows(addition, write):
            return self._read_back(
                intent, f"ConnectWise answered, but shows {plain(addition.quantity)} on line {addition.id}."
            )
        self._record(intent, EntryKind.CONFIRMED, addition_id=addition.id)
        return None

    def _send(self, write: Write) -> Addition:
        if write.addition_id is not None:
            return self._place.connectwise.set_quantity(write.agreement_id, write.addition_id, write.quantity)
        return self._place.connectwise.create_addition(
            write.agreement_id,
            NewAddition(
                product_id=write.product_id,
                quantity=write.quantity,
                effective_date=write.window.first,
                cancelled_date=write.window.last,
                serial_number=write.identity.serial_number,
                invoice_description=f"NordPass {write.identity.plan}: seats used in {write.identity.month.name}",
            ),
        )

    def _read_back(self, intent: LedgerEntry, doubt: str) -> Failure | None:
        """Find out what became of a write that ConnectWise may or may not have carried out."""
        try:
            line = find_written_line(self._place, intent)
        except ConnectWiseError as error:
            self._record(intent, EntryKind.UNCONFIRMED, note=f"{doubt} Reading back failed: {error}")
            return Failure(Outcome.UNCONFIRMED, f"{doubt} Reading back failed too: {error}")
        if line is None:
            self._record(intent, EntryKind.UNCONFIRMED, note=doubt)
            return Failure(
                Outcome.UNCONFIRMED, f"{doubt} ConnectWise does not show the line as intended. Sync the month again."
            )
        self._record(intent, EntryKind.CONFIRMED, addition_id=line.addition_id, note=f"{doubt} Read back: written.")
        return None

    def _record(
        self, intent: LedgerEntry, kind: EntryKind, *, addition_id: int | None = None, note: str | None = None
    ) -> None:
        with self._place.warehouse.transaction() as session:
            ledger.append_result(session, intent, kind, run_id=self._place.run_id, addition_id=addition_id, note=note)


def _shows(addition: Addition, write: Write) -> bool:
    if addition.quantity != write.quantity:
        return False
    if write.addition_id is not None:
        return addition.id == write.addition_id
    return addition.serial_number == write.identity.serial_number and addition.product.id == write.product_id
