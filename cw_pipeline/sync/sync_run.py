"""What every step of a sync works with."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from cw_pipeline.billing.unusual import Limits
from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.errors import CwPipelineError
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.lock import HeldLock, push_lock

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

LOCK_WAIT_SECONDS = 600
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


class SyncError(CwPipelineError):
    """A month cannot be synced as things are."""


@dataclass(frozen=True)
class SyncRun:
    """One run's access to ConnectWise and the warehouse."""

    connectwise: ConnectWiseClient
    warehouse: Warehouse
    psa: str
    """The key of the connected ConnectWise company in the ledger, the previews, the pushes and the lock."""
    run_id: str
    concurrency: int
    """How many requests may be under way at once."""
    keep_previews: timedelta
    """How long previews that were never pushed are stored."""
    say: Callable[[str], None]
    """Writes a sentence to the run's log."""
    limits: Limits = field(default_factory=Limits)
    """When usage is unusual."""
    wait: Callable[[float], None] = time.sleep
    """Waits for so many seconds."""
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    """The current day in UTC."""

    def push_lock(self) -> AbstractContextManager[HeldLock]:
        """The push lock of the connected company.

        Raises:
            LockHeld: If another holds it for `LOCK_WAIT_SECONDS`.
        """
        return push_lock(self.warehouse.engine, self.psa, wait_seconds=LOCK_WAIT_SECONDS, on_wait=self.say)


@contextmanager
def rare_garbage_collections() -> Generator[None]:
    """Let Python collect unreachable cycles less often while the block runs.

    A sync keeps nearly everything that it reads, and each collection goes through more of it: without this, they take a
    third of a large sync's processor time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
