"""How ConnectWise writes single values: dates, flags, numbers, and what is not set."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from cw_pipeline.https.safe_text import harmless


def reference(value: object) -> object:
    """None for a reference to nothing, which may also be an empty object or one whose id is null."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return fields if fields and fields.get("id", 0) is not None else None
    return value


def currency_code(value: object) -> object:
    """The code of a currency, such as `USD`; None if it has no readable code."""
    code = cast("Mapping[str, object]", value).get("currencyCode") if isinstance(value, Mapping) else None
    return code if isinstance(code, str) and code.strip() else None


def unset_is_none(value: object) -> object:
    """None for a blank text: ConnectWise writes an unset value as null, as an empty text, or leaves it out."""
    return None if isinstance(value, str) and not value.strip() else value


def calendar_date(value: object) -> object:
    """The calendar date as written, of a date or a date-time.

    ConnectWise does not document the zone of its dates. It writes them as midnight, so converting them to another zone
    could move them by a day.
    """
    value = unset_is_none(value)
    if isinstance(value, int | Decimal):  # pydantic would take a number for seconds since 1970
        msg = "a date is expected"
        raise ValueError(msg)  # noqa: TRY004  (pydantic turns a ValueError into an error about the field)
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value.strip()).date()
    except ValueError:  # its own message quotes the text, which may be long or hold a secret
        msg = "a date like 2026-04-01, with or without a time, is expected"
        raise ValueError(msg) from None


def number(value: object) -> object:
    """Refuse what JSON does not write as a number: text, true and false."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
        msg = "a number is expected"
        raise ValueError(msg)
    return value


def default_for_null(*, default: object) -> BeforeValidator:
    """Reads null as the default."""
    return BeforeValidator(lambda value: default if value is None else value)


# No true value comes near these bounds: a number or a text beyond them would break what keeps or shows it.
Id: TypeAlias = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]  # 32 bits, as ConnectWise documents it
Text: TypeAlias = Annotated[str, Field(strict=True, max_length=10_000), AfterValidator(harmless)]
OptionalText: TypeAlias = Text | None
Flag: TypeAlias = Annotated[bool, Field(strict=True), default_for_null(default=False)]
OptionalDate: TypeAlias = Annotated[date | None, BeforeValidator(calendar_date)]
_ReadNumber: TypeAlias = Annotated[Decimal, Field(max_digits=28)]  # as many as Decimal calculates with exactly
Quantity: TypeAlias = Annotated[_ReadNumber, BeforeValidator(number), default_for_null(default=Decimal(0))]
OptionalMoney: TypeAlias = Annotated[_ReadNumber | None, BeforeValidator(number)]

MOST_DIGITS = 15
"""As many as a double holds exactly, so that ConnectWise reads the very number that was meant."""
SentNumber: TypeAlias = Annotated[Decimal, Field(max_digits=MOST_DIGITS, allow_inf_nan=False)]
_SENT_NUMBER = TypeAdapter[Decimal](SentNumber)


def can_be_sent(value: Decimal) -> bool:
    """Whether ConnectWise would read this very number."""
    try:
        _SENT_NUMBER.validate_python(value)
    except ValidationError:
        return False
    return True
