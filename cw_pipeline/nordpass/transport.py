"""HTTPS to the Provider API: requests, retries, and which failure becomes which error."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode, urlsplit

from pydantic import AliasPath, BaseModel, Field, ValidationError

from cw_pipeline.https.errors import ErrorBody
from cw_pipeline.https.failures import AttemptError, Failure
from cw_pipeline.https.safe_text import one_line
from cw_pipeline.https.sending import Bounds, RawReply, Server, ca_bundle_fault, repeat
from cw_pipeline.nordpass import errors

# A page of 10,000 rows takes a quarter of the bytes.
BOUNDS: Final = Bounds(connect_seconds=5.0, read_seconds=30.0, body_seconds=120.0, body_bytes=8 * 1024 * 1024)
ATTEMPTS: Final = 4
LONGEST_WAIT_SECONDS: Final = 30.0
_LONGEST_WORDS: Final = 300
_TOKEN: Final = re.compile(r"eyJ[\w-]*(\.[\w-]*){1,2}")

_CHECK_NETWORK: Final = "Check NORDPASS_API_URL, the network and any proxy, then run this again."
_CHECK_CERTIFICATE: Final = (
    "Nothing was sent. Check the host in NORDPASS_API_URL; for a private certificate authority set NORDPASS_CA_BUNDLE "
    "to its PEM file. Verification is never switched off."
)
_CHECK_ADDRESS: Final = "The Provider API does not reply like this: check that NORDPASS_API_URL is its address."
_CHECK_KEY: Final = (
    "The Provider API key may have been revoked or belong to another MSP: check NORDPASS_MSP_ID and "
    "NORDPASS_PRIVATE_KEY, or make a new key in the panel under Integrations, Provider API."
)
_CORRECT: Final = "Nothing was changed. Correct what NordPass names and try again."
_LATER: Final = "This is NordPass's failure; run this again later."
_UNREACHABLE: Final = (errors.Unreachable, _CHECK_NETWORK)
_ERRORS: Final[Mapping[Failure, tuple[type[errors.NordPassError], str]]] = {
    Failure.UNTRUSTED_CERTIFICATE: (errors.UntrustedCertificate, _CHECK_CERTIFICATE),
    Failure.TOO_LARGE: (errors.UnexpectedReply, _CHECK_ADDRESS),
    Failure.REDIRECTED: (errors.UnexpectedReply, _CHECK_ADDRESS),
    Failure.REQUEST_TIMEOUT: (errors.ServerFailed, _LATER),
    Failure.SERVER_ERROR: (errors.ServerFailed, _LATER),
    Failure.TOO_MANY_REQUESTS: (errors.RateLimited, "Run this again in a few minutes."),
    Failure.REFUSED: (errors.Refused, _CORRECT),
}
"""The error and its advice; after any other failure, `_UNREACHABLE`."""


class Transport:
    """The connection to a Provider API.

    Requests are retried where that can help, with a new token each time. So is POST, because its `Idempotency-Key`,
    which the contract says is honoured, is the same at every attempt.

    Args:
        base_url: `https://` address of the API, without query.
        authorization: Makes the header's value for each request.
        ca_bundle: PEM file of the certificate authorities to trust instead of the public ones.
        sleep: Waits so many seconds.

    Raises:
        InvalidSetting: The address is not HTTPS, or the file holds no certificates.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Callable[[], str],
        ca_bundle: Path | None,
        sleep: Callable[[float], None],
    ) -> None:
        self.base_url = _https_address(base_url)
        self._authorization = authorization
        self._sleep = sleep
        if ca_bundle is not None and (fault := ca_bundle_fault(ca_bundle)):
            raise errors.InvalidSetting(
                f"The certificate file {ca_bundle} cannot be used ({fault}). "
                "Correct NORDPASS_CA_BUNDLE: a readable PEM file of certificate authorities."
            )
        self._server = Server(
            self.base_url,
            ca_bundle=ca_bundle,
            bounds=BOUNDS,
            headers={"Accept": "application/json, application/problem+json"},
        )

    def get(self, path: str, params: Mapping[str, str]) -> bytes:
        """The body of the reply from `path`, below the base address.

        Raises:
            NordPassError: There was no successful reply.
        """
        return self._request("GET", path, query=f"?{urlencode(params)}" if params else "")

    def post(self, path: str, body: BaseModel, *, idempotency_key: str) -> bytes:
        """Send `body`, without its None fields, to `path`, and return the body of the reply.

        Raises:
            NordPassError: There was no successful reply. It may have been carried out all the same, unless the error is
                `Refused`, `AuthenticationFailed` or `UntrustedCertificate`.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return self._request("POST", path, headers=headers, body=body.model_dump_json(exclude_none=True).encode())

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        url = self.base_url + path

        def send() -> RawReply:
            signed = {"Authorization": self._authorization(), **(headers or {})}
            return self._server.send_once(method, url + query, signed, body)

        try:
            reply = repeat(
                send, again=_is_sent_again, attempts=ATTEMPTS, longest_wait=LONGEST_WAIT_SECONDS, sleep=self._sleep
            )
            if reply.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
                return reply.body
            error = errors.UnexpectedReply(
                f"{method} {url}: HTTP {reply.status}. {_CHECK_ADDRESS}", status=reply.status
            )
        except AttemptError as attempt:
            error = _error(method, url, attempt)
        raise error  # outside of the handler: the attempt's own chain holds the request with its token


def _is_sent_again(attempt: AttemptError) -> bool:
    """Whether another attempt can help. Once a reply has begun, the request was carried out."""
    if attempt.status is None:
        return attempt.failure not in {Failure.UNTRUSTED_CERTIFICATE, Failure.TLS_FAILURE}
    return attempt.failure in {Failure.REQUEST_TIMEOUT, Failure.TOO_MANY_REQUESTS, Failure.SERVER_ERROR}


class _ApiError(BaseModel):
    """The Provider API's own error document."""

    code: Annotated[str, Field(validation_alias=AliasPath("error", "code"))]
    message: Annotated[str, Field(validation_alias=AliasPath("error", "message"))]


class _Problem(BaseModel):
    """Problem details (RFC 9457)."""

    code: Annotated[str, Field(validation_alias="title")] = ""
    message: Annotated[str, Field(validation_alias="detail")]


def _body(attempt: AttemptError) -> ErrorBody | None:
    """The API's code and message; None if the reply is not the API's."""
    media_type = attempt.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    document = _Problem if media_type == "application/problem+json" else _ApiError
    try:
        error = document.model_validate_json(attempt.body)
    except ValidationError:
        return None
    return ErrorBody(_shown(error.code), _shown(error.message))


def _error(method: str, url: str, attempt: AttemptError) -> errors.NordPassError:
    """The error for a request that has failed for good."""
    body = _body(attempt)
    kind, advice = _ERRORS.get(attempt.failure, _UNREACHABLE)
    if attempt.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        kind, advice = errors.AuthenticationFailed, _CHECK_KEY
    elif kind is errors.Refused and body is None:
        kind, advice = errors.UnexpectedReply, _CHECK_ADDRESS
    elif kind is errors.ServerFailed and method == "POST":
        advice = f"{advice} A repeated request never adds an organization twice."
    return kind.of(f"{method} {url}", attempt, body or ErrorBody(), advice)


def _shown(text: str) -> str:
    """Foreign text for a message: on one line, short, and without a token that it may echo."""
    return one_line(_TOKEN.sub("[token]", text), _LONGEST_WORDS)


def _https_address(base_url: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(base_url.strip())
        has_more = "@" in parts.netloc or parts.query or parts.fragment
        if parts.scheme == "https" and parts.hostname and parts.port != 0 and not has_more:
            return parts.geturl().rstrip("/")
    # The message leaves the address out, because it may contain a password.
    raise errors.InvalidSetting(
        "The NordPass API address cannot be used: it must begin with https:// and have a host, and no user name, "
        "query or fragment. Plain HTTP is refused because it would show the token. Correct NORDPASS_API_URL."
    )
