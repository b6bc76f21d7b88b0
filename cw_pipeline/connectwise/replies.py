"""Reading ConnectWise's replies: JSON, records, lists, and what it says about an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError

from cw_pipeline.connectwise.errors import ContractBroken, RecordUnreadable
from cw_pipeline.https.errors import ErrorBody
from cw_pipeline.https.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.https.failures import AttemptError

RecordT = TypeVar("RecordT", bound=BaseModel)

_LONGEST_WORDS = 500  # characters of ConnectWise's text that a message may carry
_MOST_FIELD_ERRORS = 20


def parse_json(body: bytes) -> object:
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

    The error has pydantic's or the record's own words, which never quote the document.

    Raises:
        RecordUnreadable: A required field is missing, or has another type than documented.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole record"
        number = cast("Mapping[str, object]", document).get("id") if isinstance(document, Mapping) else None
        of_record = f" of record {_shortened(str(number))}" if isinstance(number, int) else ""
        raise RecordUnreadable(
            f"{endpoint} answered with an unusable {model.__name__}: {field}{of_record}: {first['msg']}. "
            "Nothing of this reply was used. Look at the record in ConnectWise, or report this with its version.",
            why=f"{field}: {first['msg']}",
        ) from None


def read_list(document: object, *, endpoint: str) -> list[object]:
    """Check that a document is a list.

    Raises:
        ContractBroken: It is something else.
    """
    if not isinstance(document, list):
        raise ContractBroken(
            f"{endpoint} answered with {type(document).__name__} instead of a list of records. "
            "Nothing of this reply was used."
        )
    return cast("list[object]", document)


def read_error_body(attempt: AttemptError, *, redact: Callable[[str], str]) -> ErrorBody:
    """Read what ConnectWise says about an error. Never fails: a body that is no error document is kept as text.

    Secrets are removed from each text after it was read, since JSON may write their letters as escapes, and before it
    is shortened, which might leave half of one.
    """

    def safe(value: object) -> str:
        return _shortened(redact(value)) if isinstance(value, str) else ""

    request_id = safe(attempt.headers.get("x-cw-request-id")) or None
    body = attempt.body.decode(errors="replace")
    try:
        document = parse_json(body.encode())
    except ValueError:
        document = None
    if not isinstance(document, Mapping):
        words = "(an HTML page)" if body.lstrip().startswith("<") else safe(body)
        return ErrorBody(words=words, request_id=request_id)
    fields = cast("Mapping[str, object]", document)
    listed = fields.get("errors")
    details: list[str] = []
    for one in cast("list[object]", listed[:_MOST_FIELD_ERRORS]) if isinstance(listed, list) else []:
        if isinstance(one, Mapping):
            entry = cast("Mapping[str, object]", one)
            field, message = safe(entry.get("field")), safe(entry.get("message")) or safe(entry.get("code"))
            details.append(f"{field}: {message}" if field else message)
    words = safe(fields.get("message"))
    if any(details):
        words = f"{words} ({_shortened('; '.join(filter(None, details)))})".strip()
    return ErrorBody(safe(fields.get("code")) or safe(fields.get("error")), words, request_id)


def _shortened(text: str) -> str:
    return one_line(text, _LONGEST_WORDS)
