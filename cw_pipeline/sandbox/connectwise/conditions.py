"""The grammar of `conditions` and `childConditions`: comparisons, `and`, `or`, `not`, parentheses.

How a quote inside a value is escaped is not documented, so nothing is: a value ends at the quote with which it began.
Text compares without regard to case, and a comparison with a missing value is false, as in the SQL database behind.
"""

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
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<>": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
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
            return _negated(self._term())
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
        operator = self._next().text.lower()
        predicate = self._operation(field.text, operator)
        return _present_and(field.text, _negated(predicate)) if negated else predicate

    def _operation(self, field: str, operator: str) -> Predicate:
        if operator == "in":
            wanted = self._list()
            return lambda record: any(_equal(value_of(record, field), value) for value in wanted)
        if operator == "contains":
            part = str(self._value()).casefold()
            return lambda record: part in str(value_of(record, field) or "").casefold()
        if operator == "like":
            pattern = _wildcards(str(self._value()))
            return lambda record: pattern.fullmatch(str(value_of(record, field) or "")) is not None
        if operator not in _COMPARISONS:
            raise invalid_condition(f"'{operator}' is not an operator of the conditions.")
        return self._ordering(field, operator)

    def _ordering(self, field: str, operator: str) -> Predicate:
        value = self._value()
        if value is None:
            if operator not in {"=", "!=", "<>"}:
                raise invalid_condition(f"'{operator}' cannot be used with null.")
            missing_wanted = operator == "="
            return lambda record: (value_of(record, field) is None) == missing_wanted
        test = _COMPARISONS[operator]

        def predicate(record: Record) -> bool:
            order = _order(value_of(record, field), value)
            return order is not None and test(order)

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

    def _take(self, operator: str) -> bool:
        return self._take_if(lambda token: token == ("operator", operator))

    def _take_word(self, word: str) -> bool:
        return self._take_if(lambda token: token.kind == "word" and token.text.lower() == word)

    def _take_if(self, test: Callable[[_Token], bool]) -> bool:
        taken = self._position < len(self._tokens) and test(self._tokens[self._position])
        self._position += taken
        return taken

    def _expect(self, operator: str) -> None:
        if not self._take(operator):
            raise invalid_condition(f"'{operator}' is missing in the conditions.")


def _negated(predicate: Predicate) -> Predicate:
    return lambda record: not predicate(record)


def _present_and(field: str, predicate: Predicate) -> Predicate:
    return lambda record: value_of(record, field) is not None and predicate(record)


def _wildcards(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\[\[\]|[*%])", pattern)
    known = {"*": ".*", "%": ".*", "[[]": re.escape("[")}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts), re.IGNORECASE | re.DOTALL)


def _equal(stored: object, wanted: Value) -> bool:
    return stored is None if wanted is None else _order(stored, wanted) == 0


def _order(stored: object, wanted: Value) -> int | None:
    """-1, 0 or 1 as `stored` is before, equal to or after `wanted`; None where they cannot be compared."""
    if isinstance(wanted, bool) or isinstance(stored, bool):
        return (stored > wanted) - (stored < wanted) if isinstance(stored, bool) and isinstance(wanted, bool) else None
    if isinstance(wanted, Decimal):
        return (stored > wanted) - (stored < wanted) if isinstance(stored, int | Decimal) else None
    if isinstance(wanted, datetime):
        time = _time(stored) if isinstance(stored, str) else None
        return None if time is None else (time > wanted) - (time < wanted)
    if isinstance(stored, str) and isinstance(wanted, str):
        left, right = stored.casefold(), wanted.casefold()
        return (left > right) - (left < right)
    return None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
