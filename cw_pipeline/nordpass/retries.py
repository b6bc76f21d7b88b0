"""Which requests to the Provider API are repeated, how often, and after how long."""

from collections.abc import Callable
from typing import Final

import requests
import urllib3
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)
from urllib3.util.retry import Retry

ATTEMPTS: Final = 4
LONGEST_RETRY_AFTER_SECONDS: Final = 30
_REPEATED_STATUSES: Final = frozenset({408, 429, *range(500, 600)})
_REPEATED: Final = retry_if_result(lambda reply: reply.status_code in _REPEATED_STATUSES) | (
    retry_if_exception_type((requests.ConnectionError, requests.Timeout))
    & retry_if_not_exception_type(requests.exceptions.SSLError)  # a failure of TLS: repeating it cannot help
)
_BACKOFF: Final = wait_random_exponential(multiplier=0.5, min=0.1)
_READER: Final = Retry(retry_after_max=LONGEST_RETRY_AFTER_SECONDS)


def repeating(sleep: Callable[[float], None]) -> Retrying:
    """Call what sends a request until there is nothing to repeat, and return or raise what came of it last."""
    return Retrying(
        retry=_REPEATED,
        stop=stop_after_attempt(ATTEMPTS),
        wait=_seconds_to_wait,
        before_sleep=_let_go,
        retry_error_callback=lambda last: last.outcome and last.outcome.result(),
        sleep=sleep,
    )


def _reply(state: RetryCallState) -> requests.Response | None:
    return None if state.outcome is None or state.outcome.failed else state.outcome.result()


def _seconds_to_wait(state: RetryCallState) -> float:
    """As long as NordPass asks, within reason; longer each time where it asks for nothing, or not in a readable way."""
    reply = _reply(state)
    asked = reply.headers.get("Retry-After") if reply is not None else None
    try:
        return (asked and _READER.parse_retry_after(asked)) or _BACKOFF(state)
    except (ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
        return _BACKOFF(state)


def _let_go(state: RetryCallState) -> None:
    """Close a reply that will be asked for again, unread: it may have no end."""
    reply = _reply(state)
    if reply is not None:
        reply.close()
