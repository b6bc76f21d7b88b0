"""Every way in which asking NordPass can fail, each saying what happened, to what, and what to do next.

No message holds a key or a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.vocabulary import Month

_FAULTS_SHOWN: Final = 10
_WHEN_FINAL: Final = "NordPass makes the final report just after the month ends, in UTC: run this month again then."


class NordPassError(CwPipelineError):
    """Asking NordPass did not work."""


class InvalidSetting(NordPassError):
    """What this program was configured with cannot be used: an address, a key, a certificate file, a folder."""

    exit_code = USAGE_ERROR


class NotSupported(NordPassError):
    """The configured source cannot do what was asked."""

    exit_code = USAGE_ERROR


class ReportNotFinal(NordPassError):
    """The month's usage exists but may still change; nothing of it may be used."""

    is_transient = True

    def __init__(self, month: Month, source: str, reason: str, what_to_do: str = _WHEN_FINAL) -> None:
        super().__init__(
            f"The usage of {month} from {source} is not final: {reason}. Nothing of it was used. {what_to_do}"
        )
        self.month = month


class UnknownMonth(NordPassError):
    """The source has no usage for the month."""

    def __init__(self, month: Month, what_happened: str, what_to_do: str) -> None:
        super().__init__(f"{what_happened} {what_to_do}")
        self.month = month


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a report.

    Attributes:
        expected: What should have been there.
        found: What was there, shortened; None if nothing was.
        row: Of a file, the row as a spreadsheet numbers it (the header is row 1); of a reply, the item's number on its
            page, from 1. None if the fault is not in a row.
        column: The column or field; None if the fault is not in one.
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
    """A file or a reply is not in the form that is documented in `docs/nordpass-contract.md`.

    Attributes:
        source: The file, or the endpoint and page.
        faults: Everything that is wrong with it; at least one.
    """

    is_transient = True  # as long as it is so it counts as little as one that is not final

    def __init__(self, source: str, faults: Sequence[Fault], what_to_do: str) -> None:
        shown = "; ".join(str(fault) for fault in faults[:_FAULTS_SHOWN])
        more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        super().__init__(f"{source} is malformed: {shown}{more}. Nothing of it was used. {what_to_do}")
        self.source = source
        self.faults = tuple(faults)


class Unreachable(NordPassError):
    """No complete reply came: the name did not resolve, the connection failed or broke, or time ran out."""

    is_transient = True

    def __init__(self, request: str, reason: str) -> None:
        super().__init__(
            f"{request} got no complete reply from NordPass ({reason}). "
            "Check NORDPASS_API_URL, the network and any proxy, then run this again."
        )


class UntrustedCertificate(NordPassError):
    """The server's certificate is not signed by an authority that is trusted, or is for another host."""

    exit_code = USAGE_ERROR

    def __init__(self, request: str, ca_bundle: Path | None) -> None:
        trusted = f"the certificates in {ca_bundle}" if ca_bundle else "the public certificate authorities"
        super().__init__(
            f"{request} was not sent: the server's certificate could not be verified against {trusted}. Check the host "
            "in NORDPASS_API_URL; for a private authority set NORDPASS_CA_BUNDLE to its PEM file. "
            "Verification is never switched off."
        )


class UnexpectedReply(NordPassError):
    """The reply is none that the Provider API gives: a redirect, a web page, an unknown status, too large a body."""

    def __init__(self, request: str, what: str) -> None:
        super().__init__(f"{request}: {what}. Check that NORDPASS_API_URL is the Provider API's address.")


class ApiError(NordPassError):
    """NordPass answered with an error.

    Attributes:
        status: The HTTP status.
        code: NordPass's own error code, or an empty string if it gave none.
        message: NordPass's own words, shortened, or an empty string.
    """

    next_step: ClassVar[str]

    def __init__(self, request: str, *, status: int, code: str = "", message: str = "") -> None:
        words = ": ".join(part for part in (code, message) if part) or "no explanation given"
        super().__init__(f"{request} was answered with HTTP {status} ({words}). {self.next_step}")
        self.status = status
        self.code = code
        self.message = message


class AuthenticationFailed(ApiError):
    """NordPass did not accept the token (401), or the key may not do this (403)."""

    exit_code = USAGE_ERROR
    next_step = (
        "The Provider API key may have been revoked or belong to another MSP: check NORDPASS_MSP_ID and "
        "NORDPASS_PRIVATE_KEY, or make a new key in the panel under Integrations, Provider API."
    )


class Refused(ApiError):
    """NordPass understood the request and refused it; asking again unchanged is refused again."""

    next_step = "Nothing was changed. Correct what NordPass names and try again."


class RateLimited(ApiError):
    """NordPass still asked to slow down (429) after the retries."""

    is_transient = True
    next_step = "Run this again in a few minutes."


class ServerFailed(ApiError):
    """NordPass still failed (5xx, or 408) after the retries."""

    is_transient = True
    next_step = "This is NordPass's failure; run this again later. A repeated request never adds an organization twice."
