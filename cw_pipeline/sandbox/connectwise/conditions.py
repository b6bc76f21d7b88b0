"""`conditions` and `childConditions`: comparisons with `=`, `!=`, `contains` and `in`, joined by `and` and `or`.

ConnectWise knows more; here that is refused like a mistake. It does not document how a quote inside a value is escaped,
so a value ends at the quote that it began with. Text compares regardless of case, and a comparison with a missing value
is false, as in SQL.
"""

import re
from collections import deque
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import NamedTuple, cast

from cw_pipeline.sandbox.connectwise.errors import invalid_condition
from cw_pipeline.sandbox.wire import Record

Predicate = Callable[[Record], bool]
Value = str | bool | Decimal

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"[^"]*"|'[^']*')
  | (?P<number>-?\d+(?:\.\d+)?)(?![\w.])
  | (?P<symbol>!=|=|\(|\)|,)
  | (?P<word>[A-Za-z_][\w/]*)
    )""",
    re.VERBOSE,
)


class _Token(NamedTuple):
    kind: str
    text: str


def parse(conditions: str, fields: Collection[str]) -> Predicate:
    """Turn conditions into a test of a record.

    Args:
        conditions: The text.
        fields: The names that may be used, such as `id` and `company/id`.

    Raises:
        Refusal: with `ApiFindCondition`, for an unknown name or a text that cannot be read.
    """
    tokens = _tokens(conditions)
    alternatives = [[_comparison(tokens, fields)]]
    while tokens:
        conjunction = tokens.popleft().text
        if conjunction.lower() == "or":
            alternatives.append([])
        elif conjunction.lower() != "and":
            raise invalid_condition(f"'{conjunction}' was not expected in the conditions.")
        alternatives[-1].append(_comparison(tokens, fields))
    return lambda record: any(all(test(record) for test in tests) for tests in alternatives)


def is_compound(conditions: str) -> bool:
    """Whether the conditions have an `and` outside of a value."""
    return any(token.kind == "word" and token.text.lower() == "and" for token in _tokens(conditions))


def value_of(record: Record, path: str) -> object:
    """The record's value at a slash-separated path; None where a part is missing."""
    name, _, rest = path.partition("/")
    value = record.get(name)
    if not rest:
        return value
    return value_of(cast("Record", value), rest) if isinstance(value, dict) else None


def _tokens(text: str) -> deque[_Token]:
    tokens: deque[_Token] = deque()
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise invalid_condition(f"The conditions cannot be read from position {position}: {text[position:][:40]}")
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


def _comparison(tokens: deque[_Token], fields: Collection[str]) -> Predicate:
    field = _next(tokens)
    path = field.text
    if field.kind != "word" or path not in fields:
        raise invalid_condition(f"{path} is not a recognized name.")
    operator = _next(tokens).text.lower()
    if operator == "in":
        values = _list(tokens)
        return lambda record: any(_equal(value_of(record, path), value) for value in values)
    value = _value(tokens)
    if operator == "contains":
        part = str(value).casefold()
        return lambda record: part in str(value_of(record, path) or "").casefold()
    if operator == "!=":
        return lambda record: value_of(record, path) is not None and not _equal(value_of(record, path), value)
    if operator != "=":
        raise invalid_condition(f"'{operator}' is not an operator of the conditions.")
    return lambda record: _equal(value_of(record, path), value)


def _list(tokens: deque[_Token]) -> list[Value]:
    values: list[Value] = []
    separator = _next(tokens).text
    while separator == ("," if values else "("):
        values.append(_value(tokens))
        separator = _next(tokens).text
    if not values or separator != ")":
        raise invalid_condition("The values of 'in' have to be in parentheses, with commas between them.")
    return values


def _value(tokens: deque[_Token]) -> Value:
    token = _next(tokens)
    if token.kind == "text":
        return token.text[1:-1]
    if token.kind == "number":
        return Decimal(token.text)
    if token.text.lower() not in {"true", "false"}:
        raise invalid_condition(f"'{token.text}' is not a value of the conditions.")
    return token.text.lower() == "true"


def _next(tokens: deque[_Token]) -> _Token:
    if not tokens:
        raise invalid_condition("The conditions end too early.")
    return tokens.popleft()


def _equal(stored: object, value: Value) -> bool:
    if isinstance(stored, str) and isinstance(value, str):
        return stored.casefold() == value.casefold()
    return isinstance(stored, bool) == isinstance(value, bool) and stored == value
