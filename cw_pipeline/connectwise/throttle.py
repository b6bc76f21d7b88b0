"""The rate limit of requests, lowered when the site refuses some."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE = 60.0  # seconds
_MARGIN = 0.95
_RECOVERY = 0.02  # of what is allowed, a minute


class Throttle:
    """Allows at most `per_minute` requests in any minute, over all threads.

    When the site refuses one, all threads pause for as long as it asks, and then send fewer: slightly less than it took
    in the last minute, but at least half of what was allowed before. That recovers slowly, up to the limit.

    Args:
        per_minute: The limit.
        sleep: Waits so many seconds.
        clock: Seconds of a clock that only goes forward.
    """

    def __init__(self, per_minute: int, *, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        """When the requests of the last minute were sent."""
        self._lowered_to = float(per_minute)
        self._paused_until = clock()

    def wait(self) -> None:
        """Return when the next request may be sent."""
        while (delay := self._delay()) > 0:
            self._sleep(delay)

    def refused(self, pause: float) -> None:
        """Record that the site refused a request, and asks for a `pause` in seconds."""
        with self._lock:
            now = self._clock()
            if now >= self._paused_until:  # else it was sent before another one was refused
                self._forget_before(now - _MINUTE)
                self._lowered_to = max(_MARGIN * (len(self._sent) - 1), self._allowed(now) / 2)
            self._paused_until = max(self._paused_until, now + pause)

    def _delay(self) -> float:
        with self._lock:
            now = self._clock()
            self._forget_before(now - _MINUTE)
            if now < self._paused_until:
                return self._paused_until - now
            if len(self._sent) < max(1, self._allowed(now)):
                self._sent.append(now)
                return 0.0
            return self._sent[0] + _MINUTE - now

    def _allowed(self, now: float) -> float:
        """How many requests a minute are allowed."""
        minutes = max(0.0, now - self._paused_until) / _MINUTE
        return min(self._per_minute, self._lowered_to * (1 + _RECOVERY * minutes))

    def _forget_before(self, moment: float) -> None:
        while self._sent and self._sent[0] <= moment:
            self._sent.popleft()
