"""When a request to ConnectWise is sent again: one table of method and failure.

How failures are told apart, and the waits, are in `https`. What a caller is told of a lasting failure is in `replies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cw_pipeline.https.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cw_pipeline.https.failures import AttemptError

Method: TypeAlias = Literal["GET", "POST", "PATCH"]

MAX_ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds, also where ConnectWise asks for more


@dataclass(frozen=True)
class Rule:
    """What follows from a failure.

    Attributes:
        again_get: A GET is sent again.
        again_write: A POST or PATCH is sent again, which is right only where nothing can have been processed.
        write_uncertain: After it nobody knows whether a POST or PATCH was carried out.
    """

    again_get: bool
    again_write: bool
    write_uncertain: bool


RULES: Mapping[Failure, Rule] = {
    #                              a GET again   a POST or PATCH again   write uncertain
    Failure.NAME_NOT_RESOLVED: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.CONNECTION_REFUSED: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.CONNECT_TIMEOUT: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.TUNNEL_REFUSED: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.UNTRUSTED_CERTIFICATE: Rule(again_get=False, again_write=False, write_uncertain=False),
    # Encryption can also break after the request was sent.
    Failure.TLS_FAILURE: Rule(again_get=False, again_write=False, write_uncertain=True),
    # A kept-alive connection that is "aborted" may have carried the request before it broke.
    Failure.CONNECTION_LOST: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.READ_TIMEOUT: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.CUT_SHORT: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.UNREADABLE: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.TOO_LARGE: Rule(again_get=False, again_write=False, write_uncertain=True),
    # A server may redirect to the result of what it has just done.
    Failure.REDIRECTED: Rule(again_get=False, again_write=False, write_uncertain=True),
    # 408 comes from gateways too, which may have passed the request on.
    Failure.REQUEST_TIMEOUT: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.TOO_MANY_REQUESTS: Rule(again_get=True, again_write=True, write_uncertain=False),
    Failure.SERVER_ERROR: Rule(again_get=True, again_write=False, write_uncertain=True),
    Failure.REFUSED: Rule(again_get=False, again_write=False, write_uncertain=False),
}


def is_sent_again(method: Method, failure: Failure) -> bool:
    """Whether a request with this method is sent again after this failure."""
    rule = RULES[failure]
    return rule.again_get if method == "GET" else rule.again_write


def never_left(attempt: AttemptError) -> bool:
    """Whether no connection came about, so that no request left this machine."""
    return attempt.status is None and not RULES[attempt.failure].write_uncertain
