"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import DateTime, Numeric, String, TypeDecorator

from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

EnumT = TypeVar("EnumT", bound=StrEnum)


class MonthColumn(TypeDecorator[Month]):
    """A billing month, kept as it is written: `2026-03`."""

    impl = String(7)
    cache_ok = True

    def process_bind_param(self, value: Month | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base class's signature
        """The month as the database keeps it."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Month | None:  # noqa: ARG002 - the base class's signature
        """The month."""
        return None if value is None else Month.parse(value)


class EnumColumn(TypeDecorator[EnumT]):
    """A member of `kind`, kept as its value in text of at most `length` characters."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[EnumT], length: int | None = None) -> None:
        super().__init__(length)
        self.kind = kind

    def process_bind_param(self, value: EnumT | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base class's signature
        """The member's value."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> EnumT | None:  # noqa: ARG002 - the base class's signature
        """The member."""
        return None if value is None else self.kind(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always aware and in UTC; SQLite, which has no time zones, keeps it as naive UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment as the database keeps it."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"{value} has no time zone"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the base class's signature
        """The moment as an aware datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """A quantity or an amount of money; text on SQLite, which would make it a float."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC of any precision, or text on SQLite."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """The number as the database keeps it."""
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Decimal | str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - the base class's signature
        """The number, without trailing zeros."""
        return None if value is None else plain(Decimal(value))


def plain(number: Decimal) -> Decimal:
    """`number` as people write it: 5 for 5.0, 2.5 for 2.50."""
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()
