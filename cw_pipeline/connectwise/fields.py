"""How ConnectWise writes single values: what is unset, dates, flags, numbers."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, TypeAlias, cast

from pydantic import BeforeValidator, Field


def reference(value: object) -> object:
    """A reference to nothing is written as null, or as a reference whose id is null."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return None if not fields or fields.get("id", 0) is None else fields
    return value


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
    if isinstance(value, str):
        return datetime.fromisoformat(value.strip()).date()
    return _no_number(value)


def instant(value: object) -> object:
    """Read a date-time; one without a zone is UTC, as all of ConnectWise's times are."""
    value = unset_is_none(value)
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return _no_number(value)


def _no_number(value: object) -> object:
    """ConnectWise never writes a time as a number, which would be taken for seconds since 1970."""
    if isinstance(value, int | Decimal):
        msg = "a date is expected"
        raise ValueError(msg)  # noqa: TRY004  (pydantic turns a ValueError into an error about the field)
    return value


def number(value: object) -> object:
    """Refuse what JSON does not write as a number: text, or true and false."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
        msg = "a number is expected"
        raise ValueError(msg)
    return value


def number_or_zero(value: object) -> object:
    """A quantity that is null is none."""
    return Decimal(0) if value is None else number(value)


Id: TypeAlias = Annotated[int, Field(strict=True)]
Text: TypeAlias = Annotated[str, Field(strict=True)]
OptionalText: TypeAlias = Annotated[str | None, Field(strict=True)]
Flag: TypeAlias = Annotated[bool, Field(strict=True), BeforeValidator(unset_is_false)]
OptionalDate: TypeAlias = Annotated[date | None, BeforeValidator(calendar_date)]
OptionalInstant: TypeAlias = Annotated[datetime | None, BeforeValidator(instant)]
Quantity: TypeAlias = Annotated[Decimal, BeforeValidator(number_or_zero)]
OptionalMoney: TypeAlias = Annotated[Decimal | None, BeforeValidator(number)]

# What fits a double exactly, so that ConnectWise reads the very number that was meant.
SentNumber: TypeAlias = Annotated[Decimal, Field(max_digits=15, allow_inf_nan=False)]
