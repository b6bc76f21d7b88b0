"""The journal: every request that reached either service, in the order of arrival."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from threading import RLock

from cw_pipeline.sandbox.wire import Record

CAPACITY = 200_000
"""Entries kept; the oldest are forgotten first."""

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass
class JournalEntry:
    """A request. `status` is None until it is answered, and stays None if the connection is cut instead."""

    number: int
    time: str
    method: str
    path: str
    query: str
    body: str
    status: int | None = None


class Journal:
    """Requests to either service, in memory only. Headers, and so credentials, are not recorded."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._entries: deque[JournalEntry] = deque(maxlen=CAPACITY)
        self._number = 0

    def add(self, method: str, path: str, query: str, body: str) -> JournalEntry:
        """Record the arrival of a request."""
        with self._lock:
            self._number += 1
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            entry = JournalEntry(self._number, time, method, path, query, body)
            self._entries.append(entry)
            return entry

    def entries(self) -> list[JournalEntry]:
        """All entries kept, oldest first."""
        with self._lock:
            return list(self._entries)

    def records(self) -> list[Record]:
        """All entries kept, as JSON objects."""
        return [asdict(entry) for entry in self.entries()]

    def reads(self, path: str = "") -> list[JournalEntry]:
        """The GET requests whose path contains `path`."""
        return [entry for entry in self.entries() if entry.method == "GET" and path in entry.path]

    def writes(self, path: str = "") -> list[JournalEntry]:
        """The POST, PUT, PATCH and DELETE requests whose path contains `path`."""
        return [entry for entry in self.entries() if entry.method in WRITES and path in entry.path]

    def clear(self) -> None:
        """Forget all entries, but continue their numbers."""
        with self._lock:
            self._entries.clear()
