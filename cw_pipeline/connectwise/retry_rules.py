"""What follows from a failed request to ConnectWise: whether it is sent again, and which error is raised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from requests import codes

from cw_pipeline.connectwise import errors
from cw_pipeline.connectwise.replies import read_error_body
from cw_pipeline.connectwise.rights import right_for
from cw_pipeline.https.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cw_pipeline.https.errors import ErrorBody
    from cw_pipeline.https.failures import AttemptError

Method: TypeAlias = Literal["GET", "POST", "PATCH"]

MAX_ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds, also where ConnectWise asks for more

_LATER = "Try again later."
_SLOW_DOWN = "Try again later, or lower CONNECTWISE_REQUESTS_PER_MINUTE."
_FOLLOW = "Set CONNECTWISE_SITE_URL to the address that it redirects to."
_CHECK_NETWORK = (
    "Nothing was sent. Check CONNECTWISE_SITE_URL, the network, and HTTPS_PROXY and NO_PROXY where there is a proxy."
)
_CHECK_CERTIFICATE = "Nothing was sent. For a private certificate authority set CONNECTWISE_CA_BUNDLE to its PEM file."
_CHECK_PORT = "Check the host and port in CONNECTWISE_SITE_URL: they must speak HTTPS."
_CHECK_SITE = (
    "Try again later. If this persists, check that CONNECTWISE_SITE_URL is a ConnectWise site and that no proxy "
    "replies in its place."
)
_CHECK_KEYS = "Check CONNECTWISE_COMPANY_ID, CONNECTWISE_PUBLIC_KEY, CONNECTWISE_PRIVATE_KEY and CONNECTWISE_CLIENT_ID."
_READ_BACK = (
    "ConnectWise may or may not have carried it out. It is not repeated until what ConnectWise has is read back."
)


@dataclass(frozen=True)
class Rule:
    """What follows from a failure.

    Attributes:
        error: What is raised; for a write that is `maybe_done`, `UncertainWrite` instead.
        advice: What to do next.
        again: Whether sending the request again may help.
        maybe_done: Whether it may have been carried out, so that a POST or PATCH is not sent again.
    """

    error: type[errors.ConnectWiseError]
    advice: str
    again: bool
    maybe_done: bool


RULES: Mapping[Failure, Rule] = {
    Failure.NAME_NOT_RESOLVED: Rule(errors.Unreachable, _CHECK_NETWORK, again=True, maybe_done=False),
    Failure.CONNECTION_REFUSED: Rule(errors.Unreachable, _CHECK_NETWORK, again=True, maybe_done=False),
    Failure.CONNECT_TIMEOUT: Rule(errors.Unreachable, _CHECK_NETWORK, again=True, maybe_done=False),
    Failure.TUNNEL_REFUSED: Rule(errors.Unreachable, _CHECK_NETWORK, again=True, maybe_done=False),
    Failure.UNTRUSTED_CERTIFICATE: Rule(errors.UntrustedCertificate, _CHECK_CERTIFICATE, again=False, maybe_done=False),
    # Encryption can also break after the request was sent.
    Failure.TLS_FAILURE: Rule(errors.WrongAddress, _CHECK_PORT, again=False, maybe_done=True),
    # A kept-alive connection that is "aborted" may have carried the request before it broke.
    Failure.CONNECTION_LOST: Rule(errors.ReadFailed, _LATER, again=True, maybe_done=True),
    Failure.READ_TIMEOUT: Rule(errors.ReadFailed, _LATER, again=True, maybe_done=True),
    Failure.CUT_SHORT: Rule(errors.UnreadableReply, _CHECK_SITE, again=True, maybe_done=True),
    Failure.UNREADABLE: Rule(errors.UnreadableReply, _CHECK_SITE, again=True, maybe_done=True),
    Failure.TOO_LARGE: Rule(errors.ContractBroken, "Nothing of it was used.", again=False, maybe_done=True),
    # A server may redirect to the result of what it has just done.
    Failure.REDIRECTED: Rule(errors.WrongAddress, _FOLLOW, again=False, maybe_done=True),
    # 408 comes from gateways too, which may have passed the request on.
    Failure.REQUEST_TIMEOUT: Rule(errors.ReadFailed, _LATER, again=True, maybe_done=True),
    Failure.TOO_MANY_REQUESTS: Rule(errors.RateLimited, _SLOW_DOWN, again=True, maybe_done=False),
    Failure.SERVER_ERROR: Rule(errors.ReadFailed, _LATER, again=True, maybe_done=True),
    Failure.REFUSED: Rule(errors.Refused, "Nothing was written.", again=False, maybe_done=False),
}

_BY_STATUS: Mapping[int, tuple[type[errors.Refused], str]] = {
    codes.bad_request: (errors.Refused, "Correct what ConnectWise names, there or here, then try again."),
    codes.unauthorized: (errors.AuthenticationFailed, _CHECK_KEYS),
    codes.not_found: (errors.NotFound, "It was deleted or merged, or the API member may not see it."),
    codes.conflict: (errors.Conflict, "Somebody may have the record open in ConnectWise: try again later."),
}


def is_sent_again(method: Method, failure: Failure) -> bool:
    """Whether a request with this method is sent again after this failure."""
    rule = RULES[failure]
    return rule.again and (method == "GET" or not rule.maybe_done)


def never_left(attempt: AttemptError) -> bool:
    """Whether no connection was opened, so that no request left this machine."""
    return attempt.status is None and not RULES[attempt.failure].maybe_done


def error_for(
    attempt: AttemptError, *, redact: Callable[[str], str], method: Method, path: str, origin: str
) -> errors.ConnectWiseError:
    """The error for a request that has failed for good, with what ConnectWise says about it."""
    body = read_error_body(attempt, redact=redact)
    rule = RULES[attempt.failure]
    kind, advice = rule.error, rule.advice
    if method != "GET" and rule.maybe_done:
        kind, advice = errors.UncertainWrite, _READ_BACK
    elif attempt.failure is Failure.REFUSED:
        kind, advice = _refusal(attempt.status or 0, body, method, path) or (kind, advice)
    return kind.of(f"{method} {path} at {origin}", attempt, body, advice)


def _refusal(status: int, body: ErrorBody, method: Method, path: str) -> tuple[type[errors.Refused], str] | None:
    if "SSL is required" in body.words:
        return errors.Refused, "Set CONNECTWISE_SITE_URL to the HTTPS address of the site."
    if status == codes.forbidden:
        advice = f"Give the API member's security role the right {right_for(method, path)}."
        return errors.MissingRight, f"{advice} (Some sites also answer so to an unknown CONNECTWISE_CLIENT_ID.)"
    # A 404 is about a record only where the path names one.
    if status == codes.not_found and (body.code == "ConnectWiseApi" or not re.search(r"/\d+(/|$)", path)):
        return errors.AuthenticationFailed, f"Some sites answer wrong keys with 404. {_CHECK_KEYS}"
    return _BY_STATUS.get(status)
