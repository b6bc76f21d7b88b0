"""HTTPS to the Provider API: what is sent, what is repeated, and what each failure is called.

It knows addresses, retries, statuses and sizes, and hands over bodies; what a body means is `provider_api`'s.
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import BaseModel, ValidationError
from requests.auth import AuthBase
from requests.utils import get_environ_proxies

from cw_pipeline.nordpass.errors import (
    AuthenticationFailed,
    InvalidSetting,
    NordPassError,
    RateLimited,
    Refused,
    ServerFailed,
    UnexpectedReply,
    Unreachable,
    UntrustedCertificate,
)
from cw_pipeline.nordpass.retries import repeating
from cw_pipeline.nordpass.tokens import Hidden

CONNECT_AND_READ_SECONDS: Final = (5.0, 30.0)
MOST_REPLY_BYTES: Final = 8 * 1024 * 1024
"""Uncompressed; a page of 10,000 rows takes a quarter of it."""
MOST_REPLY_SECONDS: Final = 120.0
"""For the body of one reply, however steadily it trickles in."""
_WORDS_SHOWN: Final = 300
_CHUNK_BYTES: Final = 64 * 1024
_TOKEN: Final = re.compile(r"eyJ[\w-]*(\.[\w-]*){1,2}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful reply.

    Attributes:
        request: The method and address, for messages; without the query.
        body: The whole body.
    """

    request: str
    body: bytes


class Transport:
    """A session with one Provider API.

    What `retries` says is repeated, with a token of its own each time. POST too, because each carries an
    `Idempotency-Key`, which the assumed contract says is honoured: the repetition has the same key.

    Args:
        base_url: `https://` address of the API, without query.
        auth: Signs each request.
        ca_bundle: PEM file of the certificate authorities to trust instead of the public ones.
        sleep: Lets so many seconds pass before a repetition.

    Raises:
        InvalidSetting: The address is not HTTPS, or the file holds no certificates.
    """

    def __init__(self, base_url: str, auth: AuthBase, ca_bundle: Path | None, sleep: Callable[[float], None]) -> None:
        self.base_url = _https_address(base_url)
        self._auth = auth
        self._sleep = sleep
        self._ca_bundle = _readable_bundle(ca_bundle)
        self._session = requests.Session()
        self._session.trust_env = False  # with it, the address of a proxy, and its password, would be read unhidden
        self._session.proxies = _proxies(self.base_url)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(
            {"Accept": "application/json, application/problem+json", "User-Agent": "cw-pipeline"}
        )

    def get(self, path: str, params: Mapping[str, str]) -> Reply:
        """Read `path`, below the base address.

        Raises:
            NordPassError: There was no successful reply.
        """
        return self._request(requests.Request("GET", self.base_url + path, params=params, auth=self._auth))

    def post(self, path: str, body: BaseModel, *, idempotency_key: str) -> Reply:
        """Send `body`, without its None fields, to `path`.

        Raises:
            NordPassError: There was no successful reply. It may have been carried out all the same, unless the error is
                `Refused`, `AuthenticationFailed` or `UntrustedCertificate`.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        data = body.model_dump_json(exclude_none=True).encode()
        url = self.base_url + path
        return self._request(requests.Request("POST", url, headers=headers, data=data, auth=self._auth))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _request(self, request: requests.Request) -> Reply:
        said = f"{request.method} {request.url}"
        try:
            with repeating(self._sleep)(self._send, request) as response:
                if response.status_code in {requests.codes.ok, requests.codes.created}:
                    return Reply(said, _bounded_body(response, said))
                refusal = _refusal(said, response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._failure(said, error) from None
        raise refusal

    def _send(self, request: requests.Request) -> requests.Response:
        """One attempt. Preparing the request signs it, so that no two attempts carry the same token."""
        return self._session.send(
            self._session.prepare_request(request),
            verify=str(self._ca_bundle) if self._ca_bundle else True,
            timeout=CONNECT_AND_READ_SECONDS,
            allow_redirects=False,
            stream=True,
        )

    def _failure(self, said: str, error: Exception) -> NordPassError:
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return UntrustedCertificate(said, self._ca_bundle)
        cause = error.args[0] if error.args else error
        return Unreachable(said, _shown(str(getattr(cause, "reason", cause))))


class _ApiWords(BaseModel):
    code: str
    message: str


class _ErrorBody(BaseModel):
    error: _ApiWords


class _Problem(BaseModel):
    """What this program reads of problem details (RFC 9457)."""

    title: str = ""
    detail: str


def _words(response: requests.Response, said: str) -> tuple[str, str] | None:
    """The API's own code and message; None if it is not the API that speaks."""
    body = _bounded_body(response, said)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if media_type == "application/problem+json":
            problem = _Problem.model_validate_json(body)
            return _shown(problem.title), _shown(problem.detail)
        words = _ErrorBody.model_validate_json(body).error
        return _shown(words.code), _shown(words.message)
    except ValidationError:
        return None


def _refusal(said: str, response: requests.Response) -> NordPassError:
    status = response.status_code
    words = _words(response, said)
    code, message = words or ("", "")
    known = {401: AuthenticationFailed, 403: AuthenticationFailed, 408: ServerFailed, 429: RateLimited}
    if status in known:
        return known[status](said, status=status, code=code, message=message)
    if status >= requests.codes.server_error:
        return ServerFailed(said, status=status, code=code, message=message)
    if words and status >= requests.codes.bad_request:
        return Refused(said, status=status, code=code, message=message)
    if requests.codes.multiple_choices <= status < requests.codes.bad_request:
        return UnexpectedReply(said, f"was redirected (HTTP {status}), and redirects are not followed")
    return UnexpectedReply(said, f"was answered with HTTP {status} and no error that the Provider API would give")


def _bounded_body(response: requests.Response, said: str) -> bytes:
    body = bytearray()
    deadline = time.monotonic() + MOST_REPLY_SECONDS
    # read1 gives what has come, where read would wait until a chunk is full, however slowly it trickles in.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > MOST_REPLY_BYTES:
            raise UnexpectedReply(said, f"the reply is larger than {MOST_REPLY_BYTES} bytes")
        if time.monotonic() > deadline:
            raise Unreachable(said, f"it was not complete after {MOST_REPLY_SECONDS:.0f} seconds")
    return bytes(body)


def _shown(text: str) -> str:
    """Make foreign text fit for a message: on one line, short, without a token that it may echo."""
    line = _TOKEN.sub("[token]", " ".join(text.split()))
    printable = "".join(letter if letter.isprintable() else "?" for letter in line)
    return printable if len(printable) <= _WORDS_SHOWN else printable[: _WORDS_SHOWN - 1] + "…"


def _proxies(base_url: str) -> dict[str, str]:
    """The environment's proxies, but for this very machine; the address of one may hold a password."""
    if urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1"}:
        return {}
    return {scheme: Hidden(address) for scheme, address in get_environ_proxies(base_url).items()}


def _https_address(base_url: str) -> str:
    try:
        parts = urlsplit(base_url.strip())
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = None
    if not usable or parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        # The address is not quoted: it may hold a password.
        raise InvalidSetting(
            "The NordPass API address cannot be used: it must begin with https:// and have a host, and no user name, "
            "query or fragment. Plain HTTP is refused because it would show the token. Correct NORDPASS_API_URL."
        )
    return parts.geturl().rstrip("/")


def _readable_bundle(ca_bundle: Path | None) -> Path | None:
    if ca_bundle is not None:
        try:
            ssl.create_default_context(cafile=ca_bundle)
        except OSError as error:  # ssl.SSLError is one
            raise InvalidSetting(
                f"The certificate file {ca_bundle} cannot be used ({error.strerror or error}). "
                "Correct NORDPASS_CA_BUNDLE: a readable PEM file of certificate authorities."
            ) from error
    return ca_bundle
