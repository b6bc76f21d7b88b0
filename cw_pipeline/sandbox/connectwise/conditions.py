"""The grammar of `conditions` and `childConditions`: comparisons, `and`, `or`, `not`, parentheses.

ConnectWise does not document how a quote inside a value is escaped, so a value ends at the quote that it began with.
Text compares regardless of case, and a comparison with a missing value is false, as in SQL.
"""

import operator
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, cast

from cw_pipeline.sandbox.connectwise.errors import invalid_condition
from cw_pipeline.sandbox.wire import Record

Predicate = Callable[[Record], bool]
Value = str | bool | Decimal | datetime | None

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"[^"]*"|'[^']*')
  | \[(?P<time>[^\]]*)\]
  | (?P<number>-?\d+(?:\.\d+)?)(?![\w.])
  | (?P<operator><=|>=|!=|<>|=|<|>|\(|\)|,)
  | (?P<word>[A-Za-z_][\w/]*)
    )""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Token(NamedTuple):
    kind: str
    text: str


def parse(conditions: str, fields: Collection[str]) -> Predicate:
    """Turn conditions into a test of one record.

    Args:
        conditions: The text.
        fields: The names that may be used, such as `id` and `company/id`.

    Raises:
        Refusal: with `ApiFindCondition`, for an unknown name or a text that does not follow the grammar.
    """
    parser = _Parser(_tokens(conditions), fields)
    predicate = parser.any_of()
    parser.end()
    return predicate


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


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise invalid_condition(f"The conditions cannot be read from position {position}: {text[position:][:40]}")
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token], fields: Collection[str]) -> None:
        self._tokens = tokens
        self._fields = fields
        self._position = 0

    def any_of(self) -> Predicate:
        terms = [self._all_of()]
        while self._take_word("or"):
            terms.append(self._all_of())
        return terms[0] if len(terms) == 1 else lambda record: any(term(record) for term in terms)

    def end(self) -> None:
        if self._position < len(self._tokens):
            raise invalid_condition(f"'{self._tokens[self._position].text}' was not expected in the conditions.")

    def _all_of(self) -> Predicate:
        terms = [self._term()]
        while self._take_word("and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda record: all(term(record) for term in terms)

    def _term(self) -> Predicate:
        if self._take_word("not"):
            term = self._term()
            return lambda record: not term(record)
        if self._take("("):
            predicate = self.any_of()
            self._expect(")")
            return predicate
        return self._comparison()

    def _comparison(self) -> Predicate:
        field = self._next()
        if field.kind != "word" or field.text not in self._fields:
            raise invalid_condition(f"{field.text} is not a recognized name.")
        negated = self._take_word("not")
        symbol = self._next().text.lower()
        predicate = self._operation(field.text, symbol)
        if not negated:
            return predicate
        return lambda record: value_of(record, field.text) is not None and not predicate(record)

    def _operation(self, field: str, symbol: str) -> Predicate:
        if symbol == "in":
            values = self._list()
            return lambda record: any(_equal(value_of(record, field), value) for value in values)
        if symbol == "contains":
            part = str(self._value()).casefold()
            return lambda record: part in str(value_of(record, field) or "").casefold()
        if symbol == "like":
            pattern = _wildcards(str(self._value()))
            return lambda record: pattern.fullmatch(str(value_of(record, field) or "")) is not None
        if symbol not in _COMPARISONS:
            raise invalid_condition(f"'{symbol}' is not an operator of the conditions.")
        return self._ordering(field, symbol)

    def _ordering(self, field: str, symbol: str) -> Predicate:
        value = self._value()
        compare = _COMPARISONS[symbol]
        if value is None:
            if compare not in {operator.eq, operator.ne}:
                raise invalid_condition(f"'{symbol}' cannot be used with null.")
            return lambda record: compare(value_of(record, field) is not None, 0)

        def predicate(record: Record) -> bool:
            order = _order(value_of(record, field), value)
            return order is not None and compare(order, 0)

        return predicate

    def _list(self) -> list[Value]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> Value:
        token = self._next()
        if token.kind == "text":
            return token.text[1:-1]
        if token.kind == "number":
            return Decimal(token.text)
        if token.kind == "time":
            return _time(token.text) or self._refuse(token)
        words: dict[str, Value] = {"true": True, "false": False, "null": None}
        if token.kind != "word" or token.text.lower() not in words:
            self._refuse(token)
        return words[token.text.lower()]

    def _refuse(self, token: _Token) -> None:
        raise invalid_condition(f"'{token.text}' is not a value of the conditions.")

    def _next(self) -> _Token:
        if self._position == len(self._tokens):
            raise invalid_condition("The conditions end too early.")
        self._position += 1
        return self._tokens[self._position - 1]

    def _take(self, symbol: str) -> bool:
        return self._take_if(lambda token: token == ("operator", symbol))

    def _take_word(self, word: str) -> bool:
        return self._take_if(lambda token: token.kind == "word" and token.text.lower() == word)

    def _take_if(self, test: Callable[[_Token], bool]) -> bool:
        taken = self._position < len(self._tokens) and test(self._tokens[self._position])
        self._position += taken
        return taken

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            raise invalid_condition(f"'{symbol}' is missing in the conditions.")


def _wildcards(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\[\[\]|[*%])", pattern)
    known = {"*": ".*", "%": ".*", "[[]": re.escape("[")}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts), re.IGNORECASE | re.DOTALL)


def _equal(stored: object, value: Value) -> bool:
    return stored is None if value is None else _order(stored, value) == 0


def _order(stored: object, value: Value) -> int | None:
    """-1, 0 or 1 as `stored` is before, equal to or after `value`; None if they cannot be compared."""
    if isinstance(value, bool) or isinstance(stored, bool):
        return (stored > value) - (stored < value) if isinstance(stored, bool) and isinstance(value, bool) else None
    if isinstance(value, Decimal):
        return (stored > value) - (stored < value) if isinstance(stored, int | Decimal) else None
    if isinstance(value, datetime):
        time = _time(stored) if isinstance(stored, str) else None
        return None if time is None else (time > value) - (time < value)
    if isinstance(stored, str) and isinstance(value, str):
        left, right = stored.casefold(), value.casefold()
        return (left > right) - (left < right)
    return None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
