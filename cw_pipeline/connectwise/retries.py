"""When a request is sent again: one table of method and failure, and how long to wait before.

Here belong the kinds of failure of one attempt, how they are told apart, and the table `RULES`. What a caller is told
when it stays a failure is in `replies`.
"""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

import requests
import urllib3.exceptions
from tenacity import RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential
from tenacity.wait import wait_base

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Method: TypeAlias = Literal["GET", "POST", "PATCH"]

MAX_ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds, also where ConnectWise asks for more


class Failure(StrEnum):
    """How one attempt failed. The value is how a message says it."""

    NAME_NOT_RESOLVED = "the host name does not resolve"
    CONNECTION_REFUSED = "nothing accepts connections there"
    CONNECT_TIMEOUT = "no connection came about in time"
    TUNNEL_REFUSED = "the proxy lets nobody through to it"
    UNTRUSTED_CERTIFICATE = "the certificate cannot be verified"
    TLS_FAILURE = "no encrypted connection could be agreed on"
    CONNECTION_LOST = "the connection broke before an answer came"
    READ_TIMEOUT = "no complete answer came in time"
    CUT_SHORT = "the answer was cut short"
    UNREADABLE = "the answer is not JSON"
    TOO_LARGE = "the answer is too large"
    REDIRECTED = "the answer is a redirect, which is never followed"
    REQUEST_TIMEOUT = "the server gave up waiting for the request"
    TOO_MANY_REQUESTS = "too many requests"
    SERVER_ERROR = "the server failed"
    REFUSED = "the request was refused"


@dataclass(frozen=True)
class Rule:
    """What follows from a failure.

    Attributes:
        again_get: A GET is sent again.
        again_write: A POST or PATCH is sent again, which is right only where nothing can have been processed.
        write_uncertain: After it nobody knows whether a POST or PATCH was carried out.
    """

    again_get: bool
    again_write: bool
    write_uncertain: bool


RULES: Mapping[Failure, Rule] = {
    #                              a GET again   a POST or PATCH again   write uncertain
    Failure.NAME_NOT_RESOLVED: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.CONNECTION_REFUSED: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.CONNECT_TIMEOUT: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.TUNNEL_REFUSED: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.UNTRUSTED_CERTIFICATE: Rule(again_get=False, again_write=False, write_uncertain=False),
    # Encryption can also break after the request was sent.
    Failure.TLS_FAILURE: Rule(again_get=False, again_write=False, write_uncertain=True),
    # A kept-alive connection that is "aborted" may have carried the request before it broke.
    Failure.CONNECTION_LOST: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.READ_TIMEOUT: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.CUT_SHORT: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.UNREADABLE: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.TOO_LARGE: Rule(again_get=False, again_write=False, write_uncertain=True),
    # A server may redirect to the result of what it has just done.
    Failure.REDIRECTED: Rule(again_get=False, again_write=False, write_uncertain=True),
    # 408 comes from gateways too, which may have passed the request on.
    Failure.REQUEST_TIMEOUT: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.TOO_MANY_REQUESTS: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.SERVER_ERROR: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.REFUSED: Rule(again_get=False, again_write=False, write_uncertain=False),
}

BEFORE_SENDING = frozenset(
    {
        Failure.NAME_NOT_RESOLVED,
        Failure.CONNECTION_REFUSED,
        Failure.CONNECT_TIMEOUT,
        Failure.TUNNEL_REFUSED,
        Failure.UNTRUSTED_CERTIFICATE,
    }
)
"""Failures to connect: no request left this machine."""


@dataclass(eq=False)
class AttemptError(Exception):
    """One attempt failed. Never leaves this package, since `text` may echo secrets."""

    failure: Failure
    status: int | None = None
    text: str = field(default="", repr=False)
    request_id: str | None = None
    retry_after: float | None = None


def is_sent_again(method: Method, failure: Failure) -> bool:
    """Whether a request with this method is sent again after this failure."""
    rule = RULES[failure]
    return rule.again_get if method == "GET" else rule.again_write


def failure_of_status(status: int) -> Failure | None:
    """The failure that a status means; none for a success."""
    by_status = {408: Failure.REQUEST_TIMEOUT, 429: Failure.TOO_MANY_REQUESTS}
    by_class = {2: None, 3: Failure.REDIRECTED, 4: Failure.REFUSED}
    return by_status.get(status) or by_class.get(status // 100, Failure.SERVER_ERROR)


def failure_of_exception(error: BaseException) -> Failure:
    """Tell failures apart by the exceptions that the HTTP libraries wrap into each other.

    What cannot be told apart counts as a connection that broke, after which a write is uncertain. So does an error with
    a proxy that names none of these: a connection that breaks while the answer is awaited is called one, too.
    """
    kinds: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Failure], ...] = (
        (ssl.SSLCertVerificationError, Failure.UNTRUSTED_CERTIFICATE),
        ((ssl.SSLEOFError, ssl.SSLZeroReturnError), Failure.CONNECTION_LOST),
        ((ssl.SSLError, requests.exceptions.SSLError), Failure.TLS_FAILURE),
        ((urllib3.exceptions.NameResolutionError, requests.exceptions.InvalidURL), Failure.NAME_NOT_RESOLVED),
        (urllib3.exceptions.NewConnectionError, Failure.CONNECTION_REFUSED),
        (urllib3.exceptions.ConnectTimeoutError, Failure.CONNECT_TIMEOUT),
        ((requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError), Failure.READ_TIMEOUT),
        ((http.client.IncompleteRead, urllib3.exceptions.DecodeError), Failure.CUT_SHORT),
    )
    wrapped = tuple(_wrapped(error))
    for kind, failure in kinds:
        if any(isinstance(one, kind) for one in wrapped):
            return failure
    # Only these words tell that http.client was refused the tunnel, which it asks for before it sends anything else.
    if any(isinstance(one, OSError) and str(one).startswith("Tunnel connection failed") for one in wrapped):
        return Failure.TUNNEL_REFUSED
    return Failure.CONNECTION_LOST


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _wrapped(inner)


def retry_after_seconds(value: str | None, *, now: datetime | None = None) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date. None if there is none or it cannot be read."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


class WaitAsAsked(wait_base):
    """Wait as long as ConnectWise asks, up to `LONGEST_WAIT`; else exponentially longer, with jitter."""

    def __init__(self) -> None:
        """Start at half a second."""
        self._backoff = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT / 2)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait before the next attempt."""
        error = retry_state.outcome and retry_state.outcome.exception()
        asked = error.retry_after if isinstance(error, AttemptError) else None
        return self._backoff(retry_state) if asked is None else min(asked, LONGEST_WAIT)


def retry_when_allowed(method: Method) -> retry_if_exception:
    """The table, in the form tenacity asks for."""
    return retry_if_exception(lambda error: isinstance(error, AttemptError) and is_sent_again(method, error.failure))


STOP = stop_after_attempt(MAX_ATTEMPTS)
