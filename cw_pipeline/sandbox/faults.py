"""Faults that can be switched on: which requests they hit, and what happens to those."""

import asyncio
import re
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from threading import Condition, RLock

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


@dataclass
class Fault:
    """A fault and the requests it hits: the `nth` matching one and the `times` - 1 after it (None: all after it).

    `path` is a regular expression, searched in the path; `body` is a text that the request's body contains.
    """

    id: int
    kind: FaultKind
    method: str | None
    path: str
    body: str | None
    nth: int
    times: int | None
    status: int
    reply: str | None
    headers: dict[str, str]
    seconds: float | None
    record: int | None
    members: Record
    written: bool
    matched: int = 0
    hits: int = 0
    released: Future[None] = field(default_factory=Future[None])

    def matches(self, method: str, path: str, body: str) -> bool:
        """Whether the request is one of those that are counted."""
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

    def add(
        self,
        kind: FaultKind,
        *,
        method: str | None = None,
        path: str = "",
        body: str | None = None,
        nth: int = 1,
        times: int | None = 1,
        status: int = 503,
        reply: str | None = None,
        headers: dict[str, str] | None = None,
        seconds: float | None = None,
        record: int | None = None,
        members: Record | None = None,
        written: bool | None = None,
    ) -> int:
        """Switch a fault on.

        Args:
            kind: What happens to the requests that it hits.
            method: Only requests of this method.
            path: Only requests in whose path this regular expression is found.
            body: Only requests whose body contains this text.
            nth: The first matching request that is hit, counted from 1.
            times: How many are hit; None: every one from then on.
            status: The status of `status` and `html`.
            reply: The body of `status`, `html` and `not_json`.
            headers: Headers of a `status` or `html` answer, for example `Retry-After`.
            seconds: How long `slow` and `unanswered` wait; None: until `release`.
            record: The id of the only record that `spoiled` changes.
            members: What `spoiled` puts into records: any JSON values, also such as ConnectWise never has.
            written: Whether the request is processed before the fault; the default depends on the kind.

        Returns:
            The fault's id.
        """
        re.compile(path)
        with self._hit:
            fault = Fault(
                id=next(self._ids),
                kind=kind,
                method=method,
                path=path,
                body=body,
                nth=nth,
                times=times,
                status=status,
                reply=reply,
                headers=headers or {},
                seconds=seconds,
                record=record,
                members=members or {},
                written=kind in _WRITTEN_BY_DEFAULT if written is None else written,
            )
            self._faults[fault.id] = fault
            return fault.id

    def hit(self, method: str, path: str, body: str) -> Fault | None:
        """Count a request with every fault that it matches; the first fault whose turn it is hits it."""
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
        """Count a hit: what is to be written before the fault is written now."""
        with self._hit:
            fault.hits += 1
            self._hit.notify_all()

    def hits(self, fault_id: int) -> int:
        """How many requests the fault has hit."""
        with self._hit:
            return self._faults[fault_id].hits

    def wait_for_hit(self, fault_id: int, *, timeout: float = 10, hits: int = 1) -> bool:
        """Wait until the fault has hit `hits` requests, and what they write before it is written.

        Returns:
            False when `timeout` seconds passed without.
        """
        with self._hit:
            return self._hit.wait_for(lambda: self._faults[fault_id].hits >= hits, timeout)

    def release(self, fault_id: int) -> None:
        """Let the requests go that the fault holds, and hold no more."""
        with self._hit:
            _set(self._faults[fault_id])

    def clear(self) -> None:
        """Switch all faults off and let every held request go."""
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
