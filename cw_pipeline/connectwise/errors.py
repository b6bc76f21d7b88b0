"""What can go wrong with ConnectWise, one class for each thing that a caller would do differently.

`UncertainWrite` is the only error after which ConnectWise may have written something. Every other error proves that
nothing was written by the call that raised it. Which failure becomes which error is in `failures`.
"""

from __future__ import annotations

from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.https.errors import HttpError


class ConnectWiseError(HttpError):
    """Something with ConnectWise did not work."""

    service = "ConnectWise"


class InvalidConfiguration(ConnectWiseError):
    """A setting cannot be used. Nothing was sent."""

    exit_code = USAGE_ERROR


class InvalidSiteUrl(InvalidConfiguration):
    """The site URL is not the HTTPS address of a ConnectWise site. Nothing was sent."""


class UnknownCompany(ConnectWiseError):
    """The site answers, but does not know the company id."""

    exit_code = USAGE_ERROR


class Refused(ConnectWiseError):
    """ConnectWise answered with a 4xx status: it understood who asked and what for, and did nothing."""


class AuthenticationFailed(Refused):
    """ConnectWise does not accept the credentials (401; on some sites 404 on a path that surely exists)."""

    exit_code = USAGE_ERROR


class MissingRight(Refused):
    """The API member's security role lacks a right (403). The message names it."""

    exit_code = USAGE_ERROR


class NotFound(Refused):
    """The record does not exist, or is not visible to the API member (404)."""


class ValidationRejected(Refused):
    """ConnectWise found the request invalid (400)."""


class Conflict(Refused):
    """The record is in use or conflicts with another (409)."""

    is_transient = True


class RateLimited(Refused):
    """Too many requests (429), even after waiting and trying again."""

    is_transient = True


class Unreachable(ConnectWiseError):
    """No connection came about: no such host, nothing listens there, or the proxy refused. Nothing was sent."""

    is_transient = True


class UntrustedCertificate(ConnectWiseError):
    """The certificate is not signed by an authority that is trusted, or is for another host. Nothing was sent."""

    exit_code = USAGE_ERROR


class UncertainWrite(ConnectWiseError):
    """A POST or PATCH was sent, and ConnectWise may or may not have carried it out: read back before anything else."""

    is_transient = True


class ReadFailed(ConnectWiseError):
    """A GET got no usable reply, even after trying again."""

    is_transient = True


class ServerFailed(ReadFailed):
    """ConnectWise answered with a 5xx status, or gave up waiting for the request (408)."""


class TimedOut(ReadFailed):
    """ConnectWise accepted the connection and then did not reply in time."""


class ConnectionLost(ReadFailed):
    """The connection broke before the reply was complete."""


class UnreadableReply(ReadFailed):
    """The reply has a status of success but is not JSON, or was cut short."""


class TlsFailed(ReadFailed):
    """No TLS connection could be established: often a port that does not speak HTTPS."""

    is_transient = False


class Redirected(ReadFailed):
    """The reply is a redirect, which is never followed: credentials stay with the host they are for."""

    is_transient = False


class ContractBroken(ConnectWiseError):
    """A reply is not what ConnectWise documents: a required field is missing or has another type."""


class RecordUnreadable(ContractBroken):
    """A record is not what ConnectWise documents.

    Attributes:
        why: The field, and what is wrong with it.
    """

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message)
        self.why = why
