"""The errors of NordPass's sources. No message contains a key or a token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cw_pipeline.errors import USAGE_ERROR
from cw_pipeline.https.errors import HttpError
from cw_pipeline.vocabulary import Month

_FAULTS_SHOWN: Final = 10
_WHEN_FINAL: Final = "NordPass makes the final report just after the month ends, in UTC: run this month again then."


class NordPassError(HttpError):
    """A request to NordPass failed, or its answer cannot be used."""

    service = "NordPass"


class InvalidSetting(NordPassError):
    """A setting cannot be used: an address, a key, a certificate file, a folder."""

    exit_code = USAGE_ERROR


class NotSupported(NordPassError):
    """The configured source cannot do what was asked."""

    exit_code = USAGE_ERROR


class ReportNotFinal(NordPassError):
    """The month's usage may still change, so nothing of it may be used."""

    is_transient = True

    def __init__(self, month: Month, source: str, reason: str, what_to_do: str = _WHEN_FINAL) -> None:
        super().__init__(
            f"The usage of {month} from {source} is not final: {reason}. Nothing of it was used. {what_to_do}"
        )


class UnknownMonth(NordPassError):
    """The source has no usage for the month."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a file or reply.

    Attributes:
        expected: What should have been there.
        found: What was there, shortened; None if nothing was.
        row: In a file, the row as a spreadsheet numbers it (the header is row 1); in a reply, the item's number on its
            page, from 1.
        column: The column or field.
    """

    expected: str
    found: str | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        place = [f"row {self.row}"] if self.row is not None else []
        place += [f"column {self.column!r}"] if self.column is not None else []
        found = f", found {self.found}" if self.found is not None else ""
        return f"{', '.join(place)}: expected {self.expected}{found}".removeprefix(": ")


class MalformedReport(NordPassError):
    """A file or reply is not in the form that `docs/reference/nordpass-contract.md` documents.

    Attributes:
        source: The file, or the endpoint and page.
        faults: Everything that is wrong with it; at least one.
    """

    is_transient = True  # it may be replaced, like a report that is not final

    def __init__(self, source: str, faults: Sequence[Fault], what_to_do: str) -> None:
        shown = "; ".join(str(fault) for fault in faults[:_FAULTS_SHOWN])
        more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        super().__init__(f"{source} is malformed: {shown}{more}. Nothing of it was used. {what_to_do}")
        self.source = source
        self.faults = tuple(faults)


class Unreachable(NordPassError):
    """No complete reply came: no such host, the connection failed or broke, or time ran out."""

    is_transient = True


class UntrustedCertificate(NordPassError):
    """The certificate is not signed by an authority that is trusted, or is for another host."""

    exit_code = USAGE_ERROR


class UnexpectedReply(NordPassError):
    """The reply cannot be the Provider API's: a redirect, a web page, an unknown status, too large a body."""


class AuthenticationFailed(NordPassError):
    """NordPass did not accept the token (401), or the key may not do this (403)."""

    exit_code = USAGE_ERROR


class Refused(NordPassError):
    """NordPass understood the request and refused it; the same request would be refused again."""


class RateLimited(NordPassError):
    """NordPass still asked to slow down (429) after the retries."""

    is_transient = True


class ServerFailed(NordPassError):
    """NordPass still failed (5xx, or 408) after the retries."""

    is_transient = True
