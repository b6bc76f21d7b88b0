"""What can go wrong with ConnectWise: one class for each case that a caller treats differently.

`UncertainWrite` is the only error after which ConnectWise may have written something; every other error proves that
the call wrote nothing. `retry_rules` says which failure becomes which error.
"""

from __future__ import annotations

from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.https.errors import HttpError


class ConnectWiseError(HttpError):
    """A request to ConnectWise failed, or could not be made."""

    service = "ConnectWise"


class InvalidConfiguration(ConnectWiseError):
    """A setting cannot be used. Nothing was sent."""

    exit_code = USAGE_ERROR


class UnknownCompany(ConnectWiseError):
    """The site answers, but does not know the company id."""

    exit_code = USAGE_ERROR


class Refused(ConnectWiseError):
    """ConnectWise answered with a 4xx status: it understood the request, and did nothing."""


class AuthenticationFailed(Refused):
    """ConnectWise does not accept the credentials (401; on some sites 404 on a path that surely exists)."""

    exit_code = USAGE_ERROR


class MissingRight(Refused):
    """The API member's security role lacks a right (403). The message names it."""

    exit_code = USAGE_ERROR


class NotFound(Refused):
    """The record does not exist, or is not visible to the API member (404)."""


class Conflict(Refused):
    """The record is in use or conflicts with another (409)."""

    is_transient = True


class RateLimited(Refused):
    """Too many requests (429), even after waiting and trying again."""

    is_transient = True


class Unreachable(ConnectWiseError):
    """No connection could be opened: no such host, nothing listens there, or the proxy refused. Nothing was sent."""

    is_transient = True


class UntrustedCertificate(ConnectWiseError):
    """The certificate is not signed by an authority that is trusted, or is for another host. Nothing was sent."""

    exit_code = USAGE_ERROR


class UncertainWrite(ConnectWiseError):
    """A POST or PATCH was sent, and may or may not have been carried out: read back before anything else."""

    is_transient = True


class ReadFailed(ConnectWiseError):
    """A GET got no usable reply, even after trying again."""

    is_transient = True


class UnreadableReply(ReadFailed):
    """The reply has a status of success but is not JSON, or was cut short."""


class WrongAddress(ConnectWiseError):
    """The address does not speak HTTPS, or redirects to another one, which no credentials are sent to."""


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
