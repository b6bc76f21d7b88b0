"""Opening a session, making one attempt at a request with bounds on time and size, and repeating attempts."""

from __future__ import annotations

import ipaddress
import math
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from cw_pipeline.https.failures import AttemptError, Failure, failure_of_exception, failure_of_status
from cw_pipeline.https.safe_text import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

LONGEST_REFUSAL = 64 * 1024  # bytes of an error document that are read
_CHUNK = 64 * 1024
_HTTP_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)


def open_session(
    origin: str, *, ca_bundle: Path | None, headers: Mapping[str, str], connections: int = 10
) -> requests.Session:
    """A session that repeats nothing by itself, keeps no cookies, and takes from the environment only the proxy.

    It trusts the authorities in the PEM file `ca_bundle`, or the public ones, and keeps so many `connections` open.
    `trust_env` is off because requests would otherwise replace our credentials by those of a netrc file, and our
    certificate authority by one from the environment. A proxy (HTTPS_PROXY, NO_PROXY) is honoured except for this
    machine itself. It sees no credentials, since the encryption goes through it.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = str(ca_bundle) if ca_bundle else True
    if not _is_this_machine(origin):  # the address of a proxy may hold a password
        session.proxies = {scheme: Hidden(address) for scheme, address in get_environ_proxies(origin).items()}
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "cw-pipeline", **headers})
    session.mount("https://", HTTPAdapter(max_retries=0, pool_maxsize=connections))
    return session


def ca_bundle_fault(path: Path) -> str | None:
    """Why the file cannot be used as PEM certificates to trust; None if it can."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        return error.strerror or str(error)
    return None


def _is_this_machine(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class RawReply:
    """A reply with a status of success."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send_once(
    session: requests.Session,
    request: requests.Request,
    *,
    timeout: tuple[float, float],
    most_bytes: int,
    most_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> RawReply:
    """Make one attempt at a request, signed anew if it has an `auth`, and read the whole reply.

    Args:
        session: See `open_session`.
        request: What to send. A redirect is not followed.
        timeout: Seconds to connect, and seconds to wait for the answer or for its next part.
        most_bytes: Most bytes of the body, uncompressed.
        most_seconds: Most seconds for the whole body, however steadily it trickles in.
        clock: Seconds of a clock that only goes forward.

    Raises:
        AttemptError: There was no reply, no whole reply, or one whose status is no success.
    """
    try:
        prepared = session.prepare_request(request)
        response = session.send(prepared, timeout=timeout, allow_redirects=False, stream=True)
    except _HTTP_ERRORS as error:
        raise AttemptError(failure_of_exception(error)) from None
    status, headers = response.status_code, response.headers
    refusal = failure_of_status(status)
    with response:
        body, broken = _read(
            response, most_bytes if refusal is None else LONGEST_REFUSAL, clock() + most_seconds, clock
        )
    if refusal is not None:
        raise AttemptError(refusal, status, headers, body)
    if broken is not None:
        raise AttemptError(broken, status, headers)
    return RawReply(status, headers, body)


def _read(
    response: requests.Response, most_bytes: int, deadline: float, clock: Callable[[], float]
) -> tuple[bytes, Failure | None]:
    """The body, or the useful part of it and why there is no more."""
    body = bytearray()
    try:
        # read1 gives what has come, where read would wait until a chunk is full, however slowly it trickles in.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > most_bytes:
                return bytes(body), Failure.TOO_LARGE
            if clock() > deadline:
                return b"", Failure.READ_TIMEOUT
    except _HTTP_ERRORS as error:
        return b"", failure_of_exception(error)
    return bytes(body), None


def repeat(
    attempt: Callable[[], T],
    *,
    again: Callable[[AttemptError], bool],
    attempts: int,
    longest_wait: float,
    sleep: Callable[[float], None],
) -> T:
    """Call `attempt`, at most `attempts` times, until it succeeds or fails in a way for which `again` says no.

    Between two calls it sleeps for as long as the server asks in Retry-After, but at most `longest_wait` seconds. If
    the server does not ask, the waits grow exponentially, with jitter, to at most half of that.

    Raises:
        AttemptError: The last call failed.
    """
    backoff = wait_random_exponential(multiplier=0.5, min=0.1, max=longest_wait / 2)

    def wait(state: RetryCallState) -> float:
        error = state.outcome and state.outcome.exception()
        asked = error.retry_after if isinstance(error, AttemptError) else None
        return min(asked, longest_wait) if asked and math.isfinite(asked) else backoff(state)

    repeating = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, AttemptError) and again(error)),
        stop=stop_after_attempt(attempts),
        wait=wait,
        sleep=sleep,
        reraise=True,
    )
    return repeating(attempt)
