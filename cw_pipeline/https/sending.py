"""Sending a request once, within bounds of time and size, and repeating attempts."""

from __future__ import annotations

import ipaddress
import math
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from cw_pipeline.https.failures import AttemptError, Failure, failure_of_exception, failure_of_status
from cw_pipeline.https.safe_text import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from urllib3 import BaseHTTPResponse
    from urllib3.connectionpool import ConnectionPool

T = TypeVar("T")

LONGEST_REFUSAL = 64 * 1024  # bytes of an error document that are read
_CHUNK = 64 * 1024
_HTTP_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)


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
class Bounds:
    """What one attempt may take.

    Attributes:
        connect_seconds: To open a connection.
        read_seconds: To wait for the reply, or for its next part.
        body_seconds: For the whole body, however steadily it trickles in.
        body_bytes: Of the body, uncompressed.
    """

    connect_seconds: float
    read_seconds: float
    body_seconds: float
    body_bytes: int


@dataclass(frozen=True)
class RawReply:
    """A reply with a status of success."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _SingleServerAdapter(HTTPAdapter):
    """requests' connections to one server: looked up once, and without what only a session needs."""

    _pool: ConnectionPool | None = None

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - the base class's signature
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> ConnectionPool:
        """The server's connections."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self._pool

    def request_url(self, request: PreparedRequest, proxies: Mapping[str, str] | None) -> str:  # noqa: ARG002 - the base class's signature
        """The path and query, through a proxy too, since the request itself is encrypted."""
        return request.path_url

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> requests.Response:
        """The reply without cookies and the like, which nobody reads; its headers are those of `raw`."""
        response = requests.Response()
        response.request, response.raw, response.status_code = req, resp, resp.status
        return response


class Server:
    """The connections to one server.

    A requests session would take credentials and certificate authorities from the environment, follow redirects and
    keep cookies, all of which would have to be switched off, and it costs as much time as the connection. Only the
    proxy comes from the environment (HTTPS_PROXY, NO_PROXY), except for this machine itself. The proxy sees no
    credentials, since the encryption goes through it.

    Args:
        origin: The server's `https://` address.
        ca_bundle: PEM file of the authorities to trust; None: the public ones.
        bounds: What one attempt may take.
        headers: Sent with each request.
        connections: How many stay open.
        clock: Seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        origin: str,
        *,
        ca_bundle: Path | None,
        bounds: Bounds,
        headers: Mapping[str, str] | None = None,
        connections: int = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapter = _SingleServerAdapter(max_retries=0, pool_maxsize=connections)
        self._verify = str(ca_bundle) if ca_bundle else True
        self._bounds = bounds
        self._headers = {"User-Agent": "cw-pipeline", "Accept-Encoding": "gzip, deflate", **(headers or {})}
        self._clock = clock
        environment = {} if _is_this_machine(origin) else get_environ_proxies(origin)
        self.proxies = {scheme: Hidden(address) for scheme, address in environment.items()}  # it may hold a password

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def send_once(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> RawReply:
        """Make one attempt at a request, and read the whole reply. A redirect is not followed.

        Args:
            method: GET, POST or PATCH.
            url: With its query.
            headers: In addition to those of each request.
            body: What to send.

        Raises:
            AttemptError: There was no whole reply within the bounds, or its status is no success.
        """
        request = PreparedRequest()
        request.method, request.url, request.body = method, url, body
        request.headers = CaseInsensitiveDict({**self._headers, **(headers or {})})
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        timeout = (self._bounds.connect_seconds, self._bounds.read_seconds)
        try:
            response = self._adapter.send(
                request, stream=True, timeout=timeout, verify=self._verify, proxies=self.proxies
            )
        except _HTTP_ERRORS as error:
            raise AttemptError(failure_of_exception(error)) from None
        status, received = response.status_code, response.raw.headers
        refusal = failure_of_status(status)
        with response:
            content, broken = self._read(response, self._bounds.body_bytes if refusal is None else LONGEST_REFUSAL)
        if refusal is not None:
            raise AttemptError(refusal, status, received, content)
        if broken is not None:
            raise AttemptError(broken, status, received)
        return RawReply(status, received, content)

    def _read(self, response: requests.Response, most_bytes: int) -> tuple[bytes, Failure | None]:
        """The body, or the useful part of it and why there is no more."""
        body = bytearray()
        deadline = self._clock() + self._bounds.body_seconds
        try:
            # read1 returns what has come; read would wait for a full chunk, however slowly it trickles in.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > most_bytes:
                    return bytes(body), Failure.TOO_LARGE
                if self._clock() > deadline:
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
    """Call `attempt` up to `attempts` times, until it succeeds or fails in a way that `again` refuses.

    Between two calls it sleeps for as long as Retry-After says, but at most `longest_wait` seconds. Without that the
    waits grow exponentially, with jitter, to at most half of `longest_wait`.

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
