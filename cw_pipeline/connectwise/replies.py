"""Reading ConnectWise's replies: JSON, records, and error documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError

from cw_pipeline.connectwise.errors import RecordUnreadable
from cw_pipeline.https.errors import ErrorBody
from cw_pipeline.https.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.https.failures import AttemptError

RecordT = TypeVar("RecordT", bound=BaseModel)

_LONGEST_WORDS = 500  # characters of ConnectWise's text in a message
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
    """Read a document as a record.

    The error's words are pydantic's or the model's, which never quote the document.

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


def read_error_body(attempt: AttemptError, *, redact: Callable[[str], str]) -> ErrorBody:
    """What ConnectWise says about an error. Never fails: a body that is no error document is kept as text.

    Secrets are removed from each text after parsing, since JSON may escape their letters, and before shortening, which
    might leave half of one.
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
    for entry in cast("list[object]", listed[:_MOST_FIELD_ERRORS]) if isinstance(listed, list) else []:
        if isinstance(entry, Mapping):
            error = cast("Mapping[str, object]", entry)
            field, message = safe(error.get("field")), safe(error.get("message")) or safe(error.get("code"))
            details.append(f"{field}: {message}" if field else message)
    words = safe(fields.get("message"))
    if any(details):
        words = f"{words} ({_shortened('; '.join(filter(None, details)))})".strip()
    return ErrorBody(safe(fields.get("code")) or safe(fields.get("error")), words, request_id)


def _shortened(text: str) -> str:
    return one_line(text, _LONGEST_WORDS)
