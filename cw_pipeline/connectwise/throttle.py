"""At most so many requests a minute."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE = 60.0


class Throttle:
    """At most `per_minute` requests in any minute, over all threads.

    Args:
        per_minute: At least 1.
        sleep: Waits so many seconds.
        clock: Seconds of a clock that only goes forward.
    """

    def __init__(self, per_minute: int, *, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._latest = deque[float](maxlen=per_minute)
        self._lock = threading.Lock()
        self._sleep = sleep
        self._clock = clock

    def wait(self) -> None:
        """Return when the next request may be sent."""
        while (delay := self._delay()) > 0:
            self._sleep(delay)

    def _delay(self) -> float:
        """Seconds until a request may be sent; if none, one is counted."""
        with self._lock:
            now = self._clock()
            if len(self._latest) == self._per_minute and (delay := self._latest[0] + _MINUTE - now) > 0:
                return delay
            self._latest.append(now)
            return 0.0
