"""Requests to one ConnectWise site: authentication, limits, repeats, reading answers, and the codebase in the path.

Here belongs what every request has in common. Which requests there are is in `client`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
import urllib3.exceptions
from tenacity import Retrying

from cw_pipeline.connectwise.errors import InvalidConfiguration, Refused, UnknownCompany
from cw_pipeline.connectwise.models import CompanyInfo
from cw_pipeline.connectwise.replies import error_for, parse_json, read_error_body, read_record, shorten
from cw_pipeline.connectwise.retries import (
    BEFORE_SENDING,
    STOP,
    AttemptError,
    Failure,
    Method,
    WaitAsAsked,
    failure_of_exception,
    failure_of_status,
    retry_after_seconds,
    retry_when_allowed,
)
from cw_pipeline.connectwise.session import open_session
from cw_pipeline.connectwise.sites import api_origin
from cw_pipeline.connectwise.throttle import Throttle

if TYPE_CHECKING:
    from cw_pipeline.connectwise.credentials import Credentials

CONNECT_TIMEOUT = 10.0  # seconds
LONGEST_REPLY = 16 * 1024 * 1024  # bytes, uncompressed: 1,000 records of 16 kB, where true ones take 5
LONGEST_REFUSAL = 64 * 1024  # bytes of an error document that are read
LONGEST_DOWNLOAD = 300.0  # seconds for the body of one reply, however steadily it trickles in
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class RequestCount:
    """Requests that left this machine, repeats included.

    Attributes:
        read: GET requests.
        written: POST and PATCH requests, whatever came of them.
    """

    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class Reply:
    """A successful answer.

    Attributes:
        document: Its JSON, with numbers as int and Decimal.
        link: The `Link` header; None where there is none.
    """

    document: object
    link: str | None


@dataclass(frozen=True)
class _Request:
    method: Method
    path: str
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    before_sending: Callable[[], None] | None = None


class Http:
    """Sends requests to one site. Safe to use from several threads."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        requests_per_minute: int,
        max_concurrency: int,
        read_timeout: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open no connection yet."""
        for setting, value in (("REQUESTS_PER_MINUTE", requests_per_minute), ("MAX_CONCURRENCY", max_concurrency)):
            if value < 1:
                raise InvalidConfiguration(f"CONNECTWISE_{setting} is {value}. Set it to 1 or more.")
        self.origin = api_origin(credentials.site_url)
        self._credentials = credentials
        self._timeout = (CONNECT_TIMEOUT, read_timeout)
        self._session = open_session(credentials, self.origin, pool_size=max_concurrency)
        self._throttle = Throttle(requests_per_minute, sleep=sleep, clock=clock)
        self._slots = threading.BoundedSemaphore(max_concurrency)
        self._sleep = sleep
        self._clock = clock
        self._counted = threading.Lock()
        self._count = RequestCount()
        self._codebase_lock = threading.Lock()
        self._codebase: str | None = None

    @property
    def count(self) -> RequestCount:
        """Requests sent until now."""
        with self._counted:
            return self._count

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def company_info(self) -> CompanyInfo:
        """Ask the site, without credentials, which API serves the company.

        Raises:
            UnknownCompany: The site does not know the company id.
        """
        path = f"/login/companyinfo/{quote(self._credentials.company_id, safe='')}"
        unknown = UnknownCompany(
            f"{self.origin} does not know the company {self._credentials.company_id}. "
            "Check CONNECTWISE_COMPANY_ID and CONNECTWISE_SITE_URL."
        )
        try:
            document = self._send(_Request("GET", path), url=self.origin + path).document
        except Refused as refused:
            if refused.status == requests.codes.not_found:
                raise unknown from None
            raise
        if document is None:
            raise unknown
        return read_record(document, CompanyInfo, endpoint="GET /login/companyinfo")

    def request(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        before_sending: Callable[[], None] | None = None,
    ) -> Reply:
        """Send a request to the API and return its successful answer.

        `before_sending` is called right before each attempt; what it raises ends the request, and that attempt is not
        made.

        A 404 makes the client look the codebase up again, once: after an upgrade of the site it is another one. If it
        is, the request is sent to it, whatever the method, since nothing was processed under the old one.

        Raises:
            Refused: ConnectWise answered with a 4xx status.
            NotSent: No connection came about.
            UncertainWrite: A POST or PATCH may or may not have been carried out.
            ReadFailed: A GET got no usable answer.
        """
        request = _Request(
            method,
            path,
            params=params,
            headers={"Authorization": self._credentials.authorization(), **(headers or {})},
            body=None if body is None else json.dumps(body, default=_exact_number).encode(),
            before_sending=before_sending,
        )
        codebase = self._current_codebase()
        try:
            return self._send(request, url=self._url(path, codebase))
        except Refused as refused:
            # The code NotFound is about a record, so the path is right.
            if refused.status != requests.codes.not_found or refused.code == "NotFound":
                raise
            newer = self._refreshed_codebase(codebase)
            if newer == codebase:
                raise
        return self._send(request, url=self._url(path, newer))

    def url(self, path: str) -> str:
        """The whole URL of a path of the API."""
        return self._url(path, self._current_codebase())

    def _url(self, path: str, codebase: str) -> str:
        return f"{self.origin}/{codebase}apis/3.0{path}"

    def _current_codebase(self) -> str:
        with self._codebase_lock:
            if self._codebase is None:
                self._codebase = self.company_info().codebase
            return self._codebase

    def _refreshed_codebase(self, stale: str) -> str:
        """Look the codebase up again, unless another thread has done so since the stale one was used."""
        with self._codebase_lock:
            if self._codebase in {stale, None}:
                self._codebase = self.company_info().codebase
            return self._codebase or stale

    def _send(self, request: _Request, *, url: str) -> Reply:
        """Send until it succeeds or the table of repeats says no."""
        repeated = Retrying(
            retry=retry_when_allowed(request.method), stop=STOP, wait=WaitAsAsked(), sleep=self._sleep, reraise=True
        )
        try:
            return repeated(self._attempt, request, url)
        except AttemptError as attempt:
            body = read_error_body(attempt.text, redact=self._credentials.redact)
            error = error_for(attempt, body, method=request.method, path=request.path, origin=self.origin)
        raise error  # outside of the handler: the attempt's own chain holds the request with its headers

    def _attempt(self, request: _Request, url: str) -> Reply:
        with self._slots:
            self._throttle.wait()
            if request.before_sending is not None:
                request.before_sending()
            try:
                response = self._session.request(
                    request.method,
                    url,
                    params=request.params,
                    headers=dict(request.headers),
                    data=request.body,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failure = failure_of_exception(error)
                if failure not in BEFORE_SENDING:
                    self._add_to_count(request.method)
                raise AttemptError(failure) from None
            self._add_to_count(request.method)
            with response:
                return self._read(response)

    def _add_to_count(self, method: Method) -> None:
        with self._counted:
            read, written = (1, 0) if method == "GET" else (0, 1)
            self._count = RequestCount(self._count.read + read, self._count.written + written)

    def _read(self, response: requests.Response) -> Reply:
        status, failure = response.status_code, failure_of_status(response.status_code)
        request_id = shorten(self._credentials.redact(response.headers.get("x-cw-request-id", ""))) or None
        try:
            content = self._content(response, failure)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise AttemptError(failure or failure_of_exception(error), status, request_id=request_id) from None
        if failure is not None:
            raise AttemptError(
                failure,
                status,
                text=content.decode(errors="replace"),
                request_id=request_id,
                retry_after=retry_after_seconds(response.headers.get("Retry-After")),
            )
        try:
            return Reply(document=parse_json(content), link=response.headers.get("Link"))
        except ValueError:
            raise AttemptError(Failure.UNREADABLE, status, request_id=request_id) from None

    def _content(self, response: requests.Response, failure: Failure | None) -> bytearray:
        """The whole body, bounded in length and in time; of an answer that is a failure, its beginning."""
        longest = LONGEST_REPLY if failure is None else LONGEST_REFUSAL
        deadline = self._clock() + LONGEST_DOWNLOAD
        content = bytearray()
        # read1 gives what has come, where read would wait until a chunk is full, however slowly it trickles in.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > longest and failure is None:
                raise AttemptError(Failure.TOO_LARGE, response.status_code)
            if len(content) > longest:
                break
            if self._clock() > deadline:
                raise AttemptError(failure or Failure.READ_TIMEOUT, response.status_code)
        return content


def _exact_number(value: object) -> int | float:
    """Write a Decimal as a JSON number; one that a double cannot hold is refused rather than rounded."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, Decimal) and Decimal(repr(float(value))) == value:
        return float(value)
    msg = f"{type(value).__name__} cannot be written as an exact JSON number"
    raise TypeError(msg)
