"""Faults that can be switched on: which requests they hit, and what happens to those."""

import asyncio
import re
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from threading import Condition, RLock

from typing_extensions import TypedDict, Unpack

from cw_pipeline.sandbox.wire import Record


class FaultKind(StrEnum):
    """What happens to a request that is hit."""

    STATUS = "status"
    """Answered with `status`, `reply` and `headers`."""
    RESET_BEFORE = "reset_before"
    """The connection is reset; nothing was processed."""
    RESET_AFTER = "reset_after"
    """Processed, then the connection is reset instead of an answer."""
    SLOW = "slow"
    """Processed, then the answer waits for `seconds`, or until the fault is released or cleared."""
    UNANSWERED = "unanswered"
    """Not processed; the connection is reset after `seconds`, or when the fault is released or cleared."""
    TRUNCATED = "truncated"
    """Processed, then half of the answer's body is sent and the connection is closed."""
    HTML = "html"
    """Answered with a proxy's HTML page and `status`."""
    SILENT_200 = "silent_200"
    """Answered with 200 and the unchanged object: nothing was written."""
    NOT_JSON = "not_json"
    """Processed, then answered with 200 and a body that is not JSON."""
    SPOILED = "spoiled"
    """Processed, then answered with `members` put into each record, or only into the one with the id `record`."""


_WRITTEN_BY_DEFAULT = frozenset(
    {FaultKind.RESET_AFTER, FaultKind.SLOW, FaultKind.TRUNCATED, FaultKind.NOT_JSON, FaultKind.SPOILED}
)


class FaultOptions(TypedDict, total=False):
    """Which requests a fault hits, and how. It hits the `nth` matching request and the `times` - 1 after it."""

    method: str | None
    path: str
    """A regular expression that is searched in the path."""
    body: str | None
    """A text that the request's body contains."""
    nth: int
    times: int | None
    """None: every matching request from the `nth` on."""
    status: int
    """Of `status` and `html`."""
    reply: str | None
    """The body of `status`, `html` and `not_json`."""
    headers: dict[str, str]
    """Of `status` and `html`, for example `Retry-After`."""
    seconds: float | None
    """How long `slow` and `unanswered` wait; None: until released."""
    record: int | None
    """The id of the only record that `spoiled` changes."""
    members: Record
    """What `spoiled` puts into records: any JSON values, even such as ConnectWise never has."""
    written: bool
    """Whether the request is processed before the fault; the default depends on the kind."""


@dataclass
class Fault:
    """A fault that is switched on, with its options and their defaults."""

    id: int
    kind: FaultKind
    method: str | None = None
    path: str = ""
    body: str | None = None
    nth: int = 1
    times: int | None = 1
    status: int = 503
    reply: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    seconds: float | None = None
    record: int | None = None
    members: Record = field(default_factory=Record)
    written: bool = False
    matched: int = 0
    hits: int = 0
    released: Future[None] = field(default_factory=Future[None])

    def matches(self, method: str, path: str, body: str) -> bool:
        """Whether the request counts for the fault."""
        return (
            (self.method is None or self.method == method)
            and re.search(self.path, path) is not None
            and (self.body is None or self.body in body)
        )

    async def wait_until_released(self) -> None:
        """Wait for `seconds`, or until the fault is released."""
        await asyncio.wait([asyncio.wrap_future(self.released)], timeout=self.seconds)


class Faults:
    """The faults that are switched on."""

    def __init__(self, lock: RLock) -> None:
        self._hit = Condition(lock)
        self._faults: dict[int, Fault] = {}
        self._ids = count(1)

    def add(self, kind: FaultKind, **options: Unpack[FaultOptions]) -> int:
        """Switch a fault on, and return its id."""
        re.compile(options.get("path", ""))
        options.setdefault("written", kind in _WRITTEN_BY_DEFAULT)
        with self._hit:
            fault = Fault(next(self._ids), kind, **options)
            self._faults[fault.id] = fault
            return fault.id

    def hit(self, method: str, path: str, body: str) -> Fault | None:
        """Count a request for every fault that it matches, and return the first one that is due."""
        with self._hit:
            chosen: Fault | None = None
            for fault in self._faults.values():
                if not fault.matches(method, path, body):
                    continue
                fault.matched += 1
                due = fault.matched >= fault.nth and (fault.times is None or fault.matched < fault.nth + fault.times)
                if due and chosen is None:
                    chosen = fault
            return chosen

    def took_effect(self, fault: Fault) -> None:
        """Count a hit, after what precedes the fault was written."""
        with self._hit:
            fault.hits += 1
            self._hit.notify_all()

    def hits(self, fault_id: int) -> int:
        """How many requests the fault has hit."""
        with self._hit:
            return self._faults[fault_id].hits

    def wait_for_hit(self, fault_id: int, *, timeout: float = 10, hits: int = 1) -> bool:
        """Wait until the fault has hit `hits` requests; False if that takes more than `timeout` seconds."""
        with self._hit:
            return self._hit.wait_for(lambda: self._faults[fault_id].hits >= hits, timeout)

    def release(self, fault_id: int) -> None:
        """Let go of the requests that the fault holds, and hold no more."""
        with self._hit:
            _set(self._faults[fault_id])

    def clear(self) -> None:
        """Switch all faults off, and let go of all requests."""
        with self._hit:
            for fault in self._faults.values():
                _set(fault)
            self._faults.clear()
            self._hit.notify_all()

    def records(self) -> list[Record]:
        """The faults that are switched on, with how often each has hit."""
        with self._hit:
            return [
                {"id": fault.id, "kind": fault.kind, "method": fault.method, "path": fault.path, "hits": fault.hits}
                for fault in self._faults.values()
            ]


def _set(fault: Fault) -> None:
    if not fault.released.done():
        fault.released.set_result(None)
