"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import JSON, DateTime, Numeric, String, TypeDecorator
from typing_extensions import override

from cw_pipeline.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

T = TypeVar("T")


class TextColumn(TypeDecorator[T]):
    """A value that is kept as it is written, in text of at most `length` characters, and read by `parse`."""

    impl = String
    cache_ok = True

    def __init__(self, parse: Callable[[str], T], length: int | None = None) -> None:
        super().__init__(length)
        self.parse = parse

    @override
    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:
        return None if value is None else self.parse(value)


class JsonColumn(TypeDecorator[T]):
    """A value of a `kind` that pydantic knows, kept as JSON."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any) -> None:  # noqa: ANN401 - whatever pydantic takes
        super().__init__()
        self.kind = kind
        self._adapter = TypeAdapter(kind)

    @override
    def process_bind_param(self, value: T | None, dialect: Dialect) -> object:
        return self._adapter.dump_python(value, mode="json")

    @override
    def process_result_value(self, value: object, dialect: Dialect) -> T:
        return self._adapter.validate_python(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always aware and in UTC; SQLite, which has no time zones, keeps it as naive UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"{value} has no time zone"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """A quantity or an amount of money; text on SQLite, which would make it a float."""

    impl = Numeric
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Numeric())

    @override
    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    @override
    def process_result_value(self, value: Decimal | str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else plain(Decimal(value))
