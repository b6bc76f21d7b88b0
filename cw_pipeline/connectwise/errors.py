"""What can go wrong with ConnectWise, one class for each thing a caller would do differently.

Here belong the classes and the words of their messages. Which failures are tried again before they become an
error is in `retries`; how a reply becomes an error is in `replies`.

`UncertainWrite` is the only error after which ConnectWise may have written something. Every other error proves that
nothing was written by the call that raised it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError


class ConnectWiseError(CwPipelineError):
    """Something with ConnectWise did not work."""


class InvalidConfiguration(ConnectWiseError):
    """A setting cannot be used as it is. Nothing was sent."""

    exit_code = USAGE_ERROR


class InvalidSiteUrl(InvalidConfiguration):
    """The site URL is not an HTTPS address of a ConnectWise site. Nothing was sent."""


class UnknownCompany(ConnectWiseError):
    """The site answers, but does not know the company id."""

    exit_code = USAGE_ERROR


@dataclass(frozen=True)
class FieldError:
    """One entry of ConnectWise's list of what is wrong with a request.

    Attributes:
        code: ConnectWise's code, for example `MissingRequiredField`.
        message: ConnectWise's sentence.
        field: The field it is about, in ConnectWise's spelling.
        resource: The kind of record it is about.
    """

    code: str = ""
    message: str = ""
    field: str = ""
    resource: str = ""


class Refused(ConnectWiseError):
    """ConnectWise answered with a 4xx status: it understood who asked and what for, and did nothing.

    Attributes:
        method: HTTP method of the request.
        path: Path of the request below the API's root.
        status: HTTP status of the answer.
        code: ConnectWise's error code, empty where it gave none.
        words: ConnectWise's own message, shortened.
        field_errors: ConnectWise's list of what is wrong with single fields.
        request_id: The `x-cw-request-id` of the answer, which ConnectWise's support asks for.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str,
        path: str,
        status: int,
        code: str = "",
        words: str = "",
        field_errors: tuple[FieldError, ...] = (),
        request_id: str | None = None,
    ) -> None:
        """Keep ConnectWise's words beside the message."""
        super().__init__(message)
        self.method = method
        self.path = path
        self.status = status
        self.code = code
        self.words = words
        self.field_errors = field_errors
        self.request_id = request_id


class AuthenticationFailed(Refused):
    """ConnectWise does not accept the credentials (401; on some sites 404 on a path that surely exists)."""

    exit_code = USAGE_ERROR


class MissingRight(Refused):
    """The API member's security role lacks a right (403).

    Attributes:
        right: The right that the request needs, as the security role names it.
    """

    exit_code = USAGE_ERROR
    right: str = ""


class NotFound(Refused):
    """The record does not exist, or is not visible to the API member (404)."""


class ValidationRejected(Refused):
    """ConnectWise found the request invalid (400): `words` and `field_errors` say why."""


class Conflict(Refused):
    """The record is in use or conflicts with another (409)."""

    is_transient = True


class RateLimited(Refused):
    """Too many requests (429), still so after waiting and trying again.

    Attributes:
        retry_after: Seconds ConnectWise last asked to wait, if it did.
    """

    is_transient = True
    retry_after: float | None = None


class NotSent(ConnectWiseError):
    """No connection came about, so the request never left this machine."""


class Unreachable(NotSent):
    """The host name does not resolve, nothing accepts connections there, or the proxy lets nobody through."""

    is_transient = True


class UntrustedCertificate(NotSent):
    """The site's certificate is not signed by an authority this machine trusts, or is for another host."""

    exit_code = USAGE_ERROR


class UncertainWrite(ConnectWiseError):
    """A POST or PATCH was sent and nobody knows whether ConnectWise carried it out: read back before anything else.

    Attributes:
        method: HTTP method of the request.
        path: Path of the request below the API's root.
        status: HTTP status of the answer, if there was one.
        request_id: The `x-cw-request-id` of the answer, if there was one.
    """

    is_transient = True

    def __init__(
        self, message: str, *, method: str, path: str, status: int | None = None, request_id: str | None = None
    ) -> None:
        """Keep what identifies the request."""
        super().__init__(message)
        self.method = method
        self.path = path
        self.status = status
        self.request_id = request_id


class ReadFailed(ConnectWiseError):
    """A GET got no usable answer, also after trying again."""

    is_transient = True


class ServerFailed(ReadFailed):
    """ConnectWise answered with a 5xx status, or gave up waiting for the request (408).

    Attributes:
        status: HTTP status of the last answer.
        request_id: The `x-cw-request-id` of the last answer.
    """

    status: int | None = None
    request_id: str | None = None


class TimedOut(ReadFailed):
    """ConnectWise accepted the connection and then did not answer in time."""


class ConnectionLost(ReadFailed):
    """The connection broke before the answer was complete."""


class UnreadableReply(ReadFailed):
    """The answer has a good status but is not JSON, or was cut short."""


class TlsFailed(ReadFailed):
    """No encrypted connection could be agreed on: often a port that does not speak HTTPS."""

    is_transient = False


class Redirected(ReadFailed):
    """The site answered with a redirect, which is never followed: credentials stay with the host they are for."""

    is_transient = False


class ContractBroken(ConnectWiseError):
    """A reply is not what ConnectWise's interface promises: a required field is missing or has another type."""


class RecordUnreadable(ContractBroken):
    """A record is not what ConnectWise's interface promises.

    Attributes:
        why: The field, and what is wrong with it.
    """

    def __init__(self, message: str, *, why: str) -> None:
        """Keep apart what is wrong."""
        super().__init__(message)
        self.why = why
