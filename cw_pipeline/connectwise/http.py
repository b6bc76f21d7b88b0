"""What all requests to a ConnectWise site have in common: authentication, limits, retries, and the codebase."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from cw_pipeline.connectwise.errors import InvalidConfiguration, Refused, UnknownCompany
from cw_pipeline.connectwise.models import CompanyInfo
from cw_pipeline.connectwise.replies import parse_json, read_record
from cw_pipeline.connectwise.retry_rules import LONGEST_WAIT, MAX_ATTEMPTS, Method, error_for, is_sent_again, never_left
from cw_pipeline.connectwise.sites import api_origin
from cw_pipeline.connectwise.throttle import Throttle
from cw_pipeline.https.failures import AttemptError, Failure
from cw_pipeline.https.safe_text import Hidden
from cw_pipeline.https.sending import Bounds, Server, repeat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cw_pipeline.connectwise.credentials import Credentials

API_VERSION = "2025.1"  # of ConnectWise's API, for which this package was written
CONNECT_TIMEOUT = 10.0  # seconds
LONGEST_DOWNLOAD = 300.0  # seconds for the body of one reply
LONGEST_REPLY = 16 * 1024 * 1024  # bytes: 1,000 records of 16 kB, where true ones take 5
_PAUSE = 5.0  # seconds after a 429 that asks for none


@dataclass(frozen=True)
class RequestCount:
    """Requests that left this machine, repeats included.

    Attributes:
        read: GET.
        written: POST and PATCH, failed ones included.
    """

    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class Reply:
    """A successful answer.

    Attributes:
        document: Its JSON, with numbers as int and Decimal.
        link: The `Link` header, if there is one.
    """

    document: object
    link: str | None


class Http:
    """Sends requests to one site. Safe to use from several threads."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        requests_per_minute: int,
        max_concurrency: int,
        read_timeout: float,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        for setting, value in (("REQUESTS_PER_MINUTE", requests_per_minute), ("MAX_CONCURRENCY", max_concurrency)):
            if value < 1:
                raise InvalidConfiguration(f"CONNECTWISE_{setting} is {value}. Set it to 1 or more.")
        self.origin = api_origin(credentials.site_url)
        self._credentials = credentials
        self._server = Server(
            self.origin,
            ca_bundle=credentials.ca_bundle,
            bounds=Bounds(CONNECT_TIMEOUT, read_timeout, LONGEST_DOWNLOAD, LONGEST_REPLY),
            headers={
                "Accept": f"application/vnd.connectwise.com+json; version={API_VERSION}",
                "Content-Type": "application/json",
                "clientId": Hidden(credentials.client_id),
            },
            connections=max_concurrency,
            clock=clock,
        )
        self._throttle = Throttle(requests_per_minute, sleep=sleep, clock=clock)
        self._slots = threading.BoundedSemaphore(max_concurrency)
        self._sleep = sleep
        self._counted = threading.Lock()
        self._sent = Counter[Method]()
        self._codebase_lock = threading.Lock()
        self._known_codebase: str | None = None
        self.longest_page = 0
        """The most records on any page of the site's lists."""
        self.before_write: Callable[[], None] = lambda: None
        """Called before each attempt of a POST or PATCH; what it raises prevents the attempt and ends the request."""

    @property
    def count(self) -> RequestCount:
        """The requests sent so far."""
        with self._counted:
            return RequestCount(read=self._sent["GET"], written=self._sent["POST"] + self._sent["PATCH"])

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

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
            document = self._send("GET", path, self.origin + path).document
        except Refused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
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
    ) -> Reply:
        """Send a request to the API and return its successful answer.

        After a 404 the codebase is looked up again, since an upgrade of the site changes it. If it has changed, the
        request is sent there, whatever the method: nothing was processed under the old one.

        Raises:
            Refused: ConnectWise answered with a 4xx status.
            Unreachable, UntrustedCertificate: No connection was opened.
            UncertainWrite: A POST or PATCH may or may not have been carried out.
            ReadFailed, WrongAddress, ContractBroken: A GET got no usable reply.
        """
        headers = {"Authorization": self._credentials.authorization(), **(headers or {})}
        query = f"?{_encoded(tuple(params.items()))}" if params else ""
        data = None if body is None else json.dumps(body, default=_exact_number).encode()
        codebase = self._codebase()
        try:
            return self._send(method, path, self._url(path, codebase) + query, headers, data)
        except Refused as refused:
            # The code NotFound is about a record, so the path is right.
            if refused.status != HTTPStatus.NOT_FOUND or refused.code == "NotFound":
                raise
            newer = self._codebase(stale=codebase)
            if newer == codebase:
                raise
        return self._send(method, path, self._url(path, newer) + query, headers, data)

    def url(self, path: str) -> str:
        """The whole URL of a path of the API."""
        return self._url(path, self._codebase())

    def _url(self, path: str, codebase: str) -> str:
        return f"{self.origin}/{codebase}apis/3.0{path}"

    def _codebase(self, *, stale: str | None = None) -> str:
        """The codebase; looked up the first time, and again if the known one is `stale`."""
        with self._codebase_lock:
            known = self._known_codebase
            if known is None or known == stale:
                known = self._known_codebase = self.company_info().codebase
            return known

    def _send(
        self, method: Method, path: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """Send until it succeeds, or fails in a way after which it must not be repeated."""
        try:
            return repeat(
                lambda: self._attempt(method, url, headers, body),
                again=lambda attempt: is_sent_again(method, attempt.failure),
                attempts=MAX_ATTEMPTS,
                longest_wait=LONGEST_WAIT,
                sleep=self._sleep,
            )
        except AttemptError as attempt:
            error = error_for(attempt, redact=self._credentials.redact, method=method, path=path, origin=self.origin)
        raise error  # outside of the handler: the attempt's own chain holds the request with its headers

    def _attempt(self, method: Method, url: str, headers: Mapping[str, str] | None, body: bytes | None) -> Reply:
        with self._slots:
            self._throttle.wait()
            if method != "GET":
                self.before_write()
            try:
                raw = self._server.send_once(method, url, headers, body)
            except AttemptError as attempt:
                if attempt.failure is Failure.TOO_MANY_REQUESTS:
                    self._throttle.refused(min(attempt.retry_after or _PAUSE, LONGEST_WAIT))
                if not never_left(attempt):
                    self._count(method)
                raise
            self._count(method)
        try:
            return Reply(document=parse_json(raw.body), link=raw.headers.get("Link"))
        except ValueError:
            raise AttemptError(Failure.UNREADABLE, raw.status, raw.headers) from None

    def _count(self, method: Method) -> None:
        with self._counted:
            self._sent[method] += 1


@lru_cache(maxsize=16)
def _encoded(params: tuple[tuple[str, str], ...]) -> str:
    """A query string. Most requests of a sync have the same: the first page of an agreement's lines."""
    return urlencode(params)


def _exact_number(value: object) -> int | float:
    """A Decimal as a JSON number; one that a double cannot hold is refused, not rounded."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, Decimal) and Decimal(repr(float(value))) == value:
        return float(value)
    msg = f"{type(value).__name__} cannot be written as an exact JSON number"
    raise TypeError(msg)
