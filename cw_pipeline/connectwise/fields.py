"""How ConnectWise writes single values: what is unset, dates, flags, numbers."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from cw_pipeline.https.safe_text import harmless


def reference(value: object) -> object:
    """A reference to nothing is written as null, or as a reference whose id is null."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return None if not fields or fields.get("id", 0) is None else fields
    return value


def currency_code(value: object) -> object:
    """The code of a currency, such as `USD`; None where there is none, or no text."""
    code = cast("Mapping[str, object]", value).get("currencyCode") if isinstance(value, Mapping) else None
    return code if isinstance(code, str) and code.strip() else None


def unset_is_none(value: object) -> object:
    """ConnectWise writes an unset value as null, as an empty string, or leaves it out."""
    return None if isinstance(value, str) and not value.strip() else value


def unset_is_false(value: object) -> object:
    """A flag that is null is not set."""
    return False if value is None else value


def calendar_date(value: object) -> object:
    """Take the calendar date as written, from a date or a date-time.

    The zone that ConnectWise stores dates in is not documented; it writes them as midnight, so that shifting them to
    another zone could move them by a day.
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
    """Refuse what JSON does not write as a number: text, or true and false."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
        msg = "a number is expected"
        raise ValueError(msg)
    return value


def number_or_zero(value: object) -> object:
    """A quantity that is null is none."""
    return Decimal(0) if value is None else number(value)


# Bounds that no true value comes near: a number or a text beyond them would break what keeps or shows it.
Id: TypeAlias = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]  # 32 bits, as ConnectWise documents it
Text: TypeAlias = Annotated[str, Field(strict=True, max_length=10_000), AfterValidator(harmless)]
OptionalText: TypeAlias = Text | None
Flag: TypeAlias = Annotated[bool, Field(strict=True), BeforeValidator(unset_is_false)]
OptionalDate: TypeAlias = Annotated[date | None, BeforeValidator(calendar_date)]
_ReadNumber: TypeAlias = Annotated[Decimal, Field(max_digits=28)]  # as many as Decimal calculates with exactly
Quantity: TypeAlias = Annotated[_ReadNumber, BeforeValidator(number_or_zero)]
OptionalMoney: TypeAlias = Annotated[_ReadNumber | None, BeforeValidator(number)]

MOST_DIGITS = 15
"""What fits a double exactly, so that ConnectWise reads the very number that was meant."""
SentNumber: TypeAlias = Annotated[Decimal, Field(max_digits=MOST_DIGITS, allow_inf_nan=False)]
_SENT_NUMBER = TypeAdapter[Decimal](SentNumber)


def can_be_sent(value: Decimal) -> bool:
    """Whether ConnectWise would read this very number."""
    try:
        _SENT_NUMBER.validate_python(value)
    except ValidationError:
        return False
    return True
