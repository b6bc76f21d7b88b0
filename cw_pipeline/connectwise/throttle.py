"""At most so many requests a minute."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

if TYPE_CHECKING:
    from collections.abc import Callable


class Throttle:
    """At most so many requests in any minute, over all threads."""

    def __init__(self, per_minute: int, *, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        """Count with this clock, and wait with this sleep (both in seconds)."""
        self._bucket = InMemoryBucket([Rate(per_minute, Duration.MINUTE)])
        self._lock = threading.Lock()
        self._sleep = sleep
        self._clock = clock

    def wait(self) -> None:
        """Return when the next request may be sent."""
        while (delay := self._delay()) > 0:
            self._sleep(delay)

    def _delay(self) -> float:
        with self._lock:
            now = int(self._clock() * 1000)
            self._bucket.leak(now)
            item = RateItem("request", now)
            if self._bucket.put(item):
                return 0.0
            # The bucket is in memory, so the answer is there at once.
            return max(1, cast("int", self._bucket.waiting(item))) / 1000
