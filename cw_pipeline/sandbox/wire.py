"""JSON as both services write and read it: amounts are Decimal inside and numbers outside."""

import json
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn, cast

from starlette.responses import Response

Record = dict[str, Any]
"""One object as it goes over the wire: camelCase members, JSON values, amounts as Decimal."""


class NotJson(ValueError):
    """The text is not a JSON document."""


def dumps(value: object) -> bytes:
    """Write a JSON document; a Decimal becomes a double, so 12 is written `12.0`, and a day `YYYY-MM-DD`."""
    return json.dumps(value, default=_json_form, ensure_ascii=False, separators=(",", ":")).encode()


def loads(text: bytes | str) -> object:
    """Read a JSON document with exact decimals.

    Raises:
        NotJson: also for NaN and the infinities, which JSON does not have.
    """
    try:
        return cast("object", json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with a JSON document."""
    return Response(dumps(value), status, headers, "application/json; charset=utf-8")


def _json_form(value: object) -> float | str:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
