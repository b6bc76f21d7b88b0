"""How an attempt at a request can fail, and which failure an exception or a status means."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import requests
import urllib3.exceptions

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure(StrEnum):
    """How an attempt failed, in the words of messages."""

    NAME_NOT_RESOLVED = "the host name does not resolve"
    CONNECTION_REFUSED = "nothing accepts connections there"
    CONNECT_TIMEOUT = "no connection could be opened in time"
    TUNNEL_REFUSED = "the proxy refused to connect to it"
    UNTRUSTED_CERTIFICATE = "the certificate cannot be verified"
    TLS_FAILURE = "no TLS connection could be established"
    CONNECTION_LOST = "the connection broke before the reply was complete"
    READ_TIMEOUT = "no complete reply came in time"
    CUT_SHORT = "the reply was cut short"
    UNREADABLE = "the reply is not JSON"
    TOO_LARGE = "the reply is too large"
    REDIRECTED = "the reply is a redirect, and redirects are not followed"
    REQUEST_TIMEOUT = "the server gave up waiting for the request"
    TOO_MANY_REQUESTS = "too many requests"
    SERVER_ERROR = "the server failed"
    REFUSED = "the request was refused"


@dataclass(eq=False)
class AttemptError(Exception):
    """An attempt failed. It must not leave a client, since `headers` and `body` may echo secrets.

    Attributes:
        status: HTTP status of the reply; None if there was none.
        headers: Of the reply.
        body: The beginning of the reply's body, if its status is an error.
    """

    failure: Failure
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait; None if it does not, or not readably."""
        return retry_after_seconds(self.headers.get("Retry-After"))


def failure_of_status(status: int) -> Failure | None:
    """The failure that a status means; None for a success."""
    by_status = {408: Failure.REQUEST_TIMEOUT, 429: Failure.TOO_MANY_REQUESTS}
    by_class = {2: None, 3: Failure.REDIRECTED, 4: Failure.REFUSED}
    return by_status.get(status) or by_class.get(status // 100, Failure.SERVER_ERROR)


def failure_of_exception(error: BaseException) -> Failure:
    """The failure that an exception means, by all exceptions that it wraps.

    Anything unknown counts as a connection that broke, after which the request may have been carried out. So does an
    unknown proxy error: the libraries also report a connection that breaks before the reply as one.
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
        if any(isinstance(inner, kind) for inner in wrapped):
            return failure
    # http.client opens the tunnel before it sends anything; only these words say that it was refused.
    if any(isinstance(inner, OSError) and str(inner).startswith("Tunnel connection failed") for inner in wrapped):
        return Failure.TUNNEL_REFUSED
    return Failure.CONNECTION_LOST


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _wrapped(inner)


def retry_after_seconds(value: str | None, *, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header means, which may be an HTTP date; None if it is absent or unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError):
        return None
