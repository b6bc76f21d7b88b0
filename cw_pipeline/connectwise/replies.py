"""From what ConnectWise answered to records and errors.

Here belong reading JSON and records out of replies, and the sentences that tell a person what failed and what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError
from requests import codes

from cw_pipeline.connectwise import errors
from cw_pipeline.connectwise.retries import RULES, Method
from cw_pipeline.connectwise.rights import Right
from cw_pipeline.https.failures import Failure
from cw_pipeline.https.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cw_pipeline.https.failures import AttemptError

RecordT = TypeVar("RecordT", bound=BaseModel)

_LONGEST_WORDS = 500  # characters of ConnectWise's text that a message may carry
_MOST_FIELD_ERRORS = 20

# The right of the API member's security role that a request needs, by the beginning of its path.
_RIGHTS: Sequence[tuple[str, Mapping[str, Right]]] = (
    ("/company/companies/types", {"GET": Right.TABLE_SETUP_INQUIRE}),
    ("/company/companies/statuses", {"GET": Right.TABLE_SETUP_INQUIRE}),
    ("/company/companies", {"GET": Right.COMPANY_INQUIRE}),
    (
        "/finance/agreements",
        {"GET": Right.AGREEMENTS_INQUIRE, "POST": Right.AGREEMENTS_ADD, "PATCH": Right.AGREEMENTS_EDIT},
    ),
    ("/finance/billingCycles", {"GET": Right.TABLE_SETUP_INQUIRE}),
    ("/procurement/catalog", {"GET": Right.CATALOG_INQUIRE, "POST": Right.CATALOG_ADD}),
    ("/procurement/", {"GET": Right.TABLE_SETUP_INQUIRE}),
)

_CHECK_KEYS = "Check CONNECTWISE_COMPANY_ID, CONNECTWISE_PUBLIC_KEY, CONNECTWISE_PRIVATE_KEY and CONNECTWISE_CLIENT_ID."

_REFUSALS: Mapping[int, tuple[type[errors.Refused], str]] = {
    codes.bad_request: (errors.ValidationRejected, "Correct what ConnectWise names, there or here, then try again."),
    codes.unauthorized: (errors.AuthenticationFailed, _CHECK_KEYS),
    codes.not_found: (errors.NotFound, "It was deleted or merged, or the API member may not see it."),
    codes.conflict: (errors.Conflict, "Somebody may have the record open in ConnectWise: try again later."),
    codes.too_many_requests: (errors.RateLimited, "Try again later, or lower CONNECTWISE_REQUESTS_PER_MINUTE."),
}

_UNREACHABLE = (
    errors.Unreachable,
    "Nothing was sent. Check CONNECTWISE_SITE_URL, the network, and HTTPS_PROXY and NO_PROXY where there is a proxy.",
)
_UNREADABLE = (
    errors.UnreadableReply,
    "Try again later. If it stays so: is CONNECTWISE_SITE_URL a ConnectWise site, or does a proxy answer in its place?",
)

_NO_ANSWER: Mapping[Failure, tuple[type[errors.ConnectWiseError], str]] = {
    Failure.NAME_NOT_RESOLVED: _UNREACHABLE,
    Failure.CONNECTION_REFUSED: _UNREACHABLE,
    Failure.CONNECT_TIMEOUT: _UNREACHABLE,
    Failure.TUNNEL_REFUSED: _UNREACHABLE,
    Failure.UNTRUSTED_CERTIFICATE: (
        errors.UntrustedCertificate,
        "Nothing was sent. For a private certificate authority set CONNECTWISE_CA_BUNDLE to its PEM file.",
    ),
    Failure.TLS_FAILURE: (
        errors.TlsFailed,
        "Check the host and port in CONNECTWISE_SITE_URL: they must speak HTTPS.",
    ),
    Failure.CONNECTION_LOST: (errors.ConnectionLost, "Try again later."),
    Failure.READ_TIMEOUT: (errors.TimedOut, "Try again later."),
    Failure.CUT_SHORT: _UNREADABLE,
    Failure.UNREADABLE: _UNREADABLE,
    Failure.TOO_LARGE: (errors.ContractBroken, "Nothing of it was used."),
    Failure.REDIRECTED: (
        errors.Redirected,
        "Set CONNECTWISE_SITE_URL to the address that answers itself.",
    ),
    Failure.REQUEST_TIMEOUT: (errors.ServerFailed, "Try again later."),
    Failure.SERVER_ERROR: (errors.ServerFailed, "Try again later."),
}


@dataclass(frozen=True)
class ErrorBody:
    """ConnectWise's error document, as far as the answer had one, and the answer's `x-cw-request-id`."""

    code: str = ""
    words: str = ""
    field_errors: tuple[errors.FieldError, ...] = ()
    request_id: str | None = None


def parse_json(body: bytes | bytearray) -> object:
    """Read a document with its numbers as int and Decimal.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (RecursionError, InvalidOperation) as error:
        msg = "nested too deeply, or a number beyond all bounds"
        raise ValueError(msg) from error


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


def read_record(document: object, model: type[RecordT], *, endpoint: str) -> RecordT:
    """Check a document against a record.

    What is wrong is said in pydantic's words or the record's own, which never quote the document.

    Raises:
        RecordUnreadable: A required field is missing, or has another type than promised.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole record"
        found = f" of record {shorten(str(number))}" if isinstance(number := _id_of(document), int) else ""
        raise errors.RecordUnreadable(
            f"{endpoint} answered with an unusable {model.__name__}: {field}{found}: {first['msg']}. "
            "Nothing of this reply was used. Look at the record in ConnectWise, or report this with its version.",
            why=f"{field}: {first['msg']}",
        ) from None


def _id_of(document: object) -> object:
    return cast("Mapping[str, object]", document).get("id") if isinstance(document, Mapping) else None


def read_list(document: object, *, endpoint: str) -> list[object]:
    """Check that a document is a list.

    Raises:
        ContractBroken: It is something else.
    """
    if not isinstance(document, list):
        raise errors.ContractBroken(
            f"{endpoint} answered with {type(document).__name__} where a list of records is promised. "
            "Nothing of this reply was used."
        )
    return cast("list[object]", document)


def read_error_body(text: str, *, redact: Callable[[str], str]) -> ErrorBody:
    """Read an error document. Never fails: what is not one is kept as text, shortened.

    Secrets are removed from each text after it was read, since JSON may write their letters as escapes, and before it
    is shortened, which might leave half of one.
    """

    def said(value: object) -> str:
        return shorten(redact(value)) if isinstance(value, str) else ""

    try:
        document = parse_json(text.encode())
    except ValueError:
        return ErrorBody(words="(an HTML page)" if text.lstrip().startswith("<") else said(text))
    if not isinstance(document, Mapping):
        return ErrorBody(words=said(text))
    fields = cast("Mapping[str, object]", document)
    listed = fields.get("errors")
    entries = cast("list[object]", listed[:_MOST_FIELD_ERRORS]) if isinstance(listed, list) else []
    return ErrorBody(
        code=said(fields.get("code")) or said(fields.get("error")),
        words=said(fields.get("message")),
        field_errors=tuple(
            errors.FieldError(**{name: said(entry.get(name)) for name in ("code", "message", "field", "resource")})
            for entry in (cast("Mapping[str, object]", one) for one in entries if isinstance(one, Mapping))
        ),
    )


def shorten(text: str) -> str:
    """One printable line of bounded length."""
    return one_line(text, _LONGEST_WORDS)


def error_for(
    attempt: AttemptError, *, redact: Callable[[str], str], method: Method, path: str, origin: str
) -> errors.ConnectWiseError:
    """The error that tells a caller about a request that stayed a failure, with what ConnectWise said."""
    what = f"{method} {path} at {origin}"
    body = replace(
        read_error_body(attempt.body.decode(errors="replace"), redact=redact),
        request_id=shorten(redact(attempt.headers.get("x-cw-request-id", ""))) or None,
    )
    if method != "GET" and RULES[attempt.failure].write_uncertain:
        return errors.UncertainWrite(
            f"{what}: {_told(attempt, body)}. Whether ConnectWise carried it out is not known; "
            "it is not repeated until what ConnectWise has now was read back.",
            method=method,
            path=path,
            status=attempt.status,
            request_id=body.request_id,
        )
    if attempt.failure in {Failure.REFUSED, Failure.TOO_MANY_REQUESTS}:
        return _refusal(attempt, body, method=method, path=path, what=what)
    return _no_answer(attempt, body, what=what)


def _told(attempt: AttemptError, body: ErrorBody) -> str:
    parts = [attempt.failure.value]
    if attempt.status is not None:
        parts.append(f"status {attempt.status}")
    if words := ": ".join(filter(None, (body.code, body.words))):
        parts.append(f"ConnectWise says: {words}")
    if body.request_id:
        parts.append(f"x-cw-request-id {body.request_id}")
    return ", ".join(parts)


def _no_answer(attempt: AttemptError, body: ErrorBody, *, what: str) -> errors.ConnectWiseError:
    kind, advice = _NO_ANSWER[attempt.failure]
    error = kind(f"{what}: {_told(attempt, body)}. {advice}")
    if isinstance(error, errors.ServerFailed):
        error.status, error.request_id = attempt.status, body.request_id
    return error


def _refusal(attempt: AttemptError, body: ErrorBody, *, method: Method, path: str, what: str) -> errors.Refused:
    status = attempt.status or 0
    kind, advice = _kind_of_refusal(status, body, method=method, path=path)
    details = "; ".join(
        f"{one.field}: {one.message or one.code}" if one.field else one.message or one.code for one in body.field_errors
    )
    words = ": ".join(filter(None, (body.code, body.words))) or "(no words)"
    sentence = f"{what}: ConnectWise refused with status {status}: {words}"
    if details:
        sentence += f" ({shorten(details)})"
    if body.request_id:
        sentence += f" [x-cw-request-id {body.request_id}]"
    refused = kind(
        f"{sentence.rstrip('.')}. {advice}",
        method=method,
        path=path,
        status=status,
        code=body.code,
        words=body.words,
        field_errors=body.field_errors,
        request_id=body.request_id,
    )
    if isinstance(refused, errors.MissingRight):
        refused.right = _right(method, path)
    if isinstance(refused, errors.RateLimited):
        refused.retry_after = attempt.retry_after
    return refused


def _kind_of_refusal(status: int, body: ErrorBody, *, method: Method, path: str) -> tuple[type[errors.Refused], str]:
    if "SSL is required" in body.words:
        return errors.Refused, "Set CONNECTWISE_SITE_URL to the HTTPS address of the site."
    if status == codes.forbidden:
        advice = f"Give the API member's security role the right {_right(method, path)}."
        return errors.MissingRight, f"{advice} (Some sites also answer so to an unknown CONNECTWISE_CLIENT_ID.)"
    if status == codes.not_found and _is_about_the_endpoint(path, body):
        return errors.AuthenticationFailed, f"Some sites answer wrong keys with 404. {_CHECK_KEYS}"
    return _REFUSALS.get(status, (errors.Refused, "Nothing was written."))


def _is_about_the_endpoint(path: str, body: ErrorBody) -> bool:
    """A 404 speaks about a record only where the path names one."""
    return body.code == "ConnectWiseApi" or not re.search(r"/\d+(/|$)", path)


def _right(method: Method, path: str) -> str:
    for beginning, rights in _RIGHTS:
        if path.startswith(beginning) and method in rights:
            return rights[method]
    return f"that {method} {path} needs (ConnectWise does not document which)"
