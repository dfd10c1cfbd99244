"""The filter operators, each with its URL form, its SQL and its wording.

In a URL a filter is `f.<column>=<operator>:<value>`. The value is everything after the first colon, verbatim.
Only `between` and `oneof` take several values, separated by commas; in these a comma in a value is written `\\,` and
a backslash `\\\\`. An empty value of `oneof` matches empty cells.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.rowstore.errors import QueryError
from webapp.rowstore.query.values import Bound, bind
from webapp.rowstore.sqlite import matching
from webapp.rowstore.sqlite.schema import Field
from webapp.rowstore.sqlite.statement import Sql, any_of

MOST_VALUES = 500
_PIECES = re.compile(r"((?:\\.|[^,\\])*)(,|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Operator:
    """`values`: how many it takes; None: one or more."""

    words: str
    values: int | None
    sql: Callable[[Field, Sequence[Bound]], Sql]


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one column, validated: its values have the column's type."""

    field: Field
    operator: str
    values: tuple[str, ...]

    @property
    def sql(self) -> Sql:
        return OPERATORS[self.operator].sql(self.field, [bind(self.field, value) for value in self.values])

    @property
    def words(self) -> str:
        """As in "where city is Oslo", without the "where"."""
        said = [value or "empty" for value in self.values]
        many = " and ".join(said) if self.operator == "between" else _either(said)
        return " ".join(part for part in (self.field.title, OPERATORS[self.operator].words, many) if part)

    @property
    def argument(self) -> tuple[str, str]:
        """Its name and value in a URL."""
        many = OPERATORS[self.operator].values != 1
        value = ",".join(map(_escape, self.values)) if many else self.values[0]
        return f"f.{self.field.number}", f"{self.operator}:{value}" if self.values else self.operator


def parse_filter(field: Field, text: str) -> Filter:
    """Parse the URL form, as in `eq:Oslo`."""
    name, _, value = text.partition(":")
    operator = OPERATORS.get(name)
    if operator is None or operator.values == 0:
        return make_filter(field, name, ())
    return make_filter(field, name, (value,) if operator.values == 1 else _split(value))


def make_filter(field: Field, name: str, values: Sequence[str]) -> Filter:
    """Raises QueryError, with a readable message, unless the column's type accepts the operator and every value."""
    argument = f"f.{field.number}"
    operator = OPERATORS.get(name)
    if operator is None or name not in field.kind.operators:
        raise QueryError(f"The column {field.title} cannot be filtered by “{name}”.", argument)
    if len(values) > MOST_VALUES:
        raise QueryError(f"A filter takes at most {MOST_VALUES} values; this one has {len(values):,}.", argument)
    if len(values) != operator.values if operator.values is not None else not values:
        raise QueryError(f"The filter “{field.title} {operator.words} …” {_NEEDS[operator.values]}.", argument)
    for value in values:
        if value == "" and name != "oneof":
            raise QueryError(f"The filter “{field.title} {operator.words} …” {_NEEDS[operator.values]}.", argument)
        if name == "contains" and len(value) > matching.LONGEST:
            raise QueryError(f"A filter looks for at most {matching.LONGEST} characters.", argument)
        if name != "contains" and value:
            bind(field, value)
    return Filter(field, name, tuple(values))


_NEEDS = {0: "takes no value", 1: "needs a value", 2: "needs two values", None: "needs at least one value"}


def _split(text: str) -> tuple[str, ...]:
    """The values between commas, unescaped."""
    pieces, at = [], 0
    text = text + "\\" if _ends_in_half_an_escape(text) else text
    while match := _PIECES.match(text, at):
        pieces.append(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL))
        at = match.end()
        if not match[2]:
            break
    return tuple(pieces)


def _ends_in_half_an_escape(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,")


def _either(said: list[str]) -> str:
    return " or ".join(part for part in (", ".join(said[:-1]), *said[-1:]) if part)


def _contains(field: Field, values: Sequence[Bound]) -> Sql:
    return matching.contains(field, values[0].text)


def _equal(field: Field, values: Sequence[Bound]) -> Sql:
    """Case-sensitive. The second comparison lets SQLite use the index, which ignores case."""
    value = values[0]
    if value.low != value.high:
        return Sql(f"{field.name} BETWEEN ? AND ?", (value.low, value.high))
    if field.key != field.name:
        return Sql(f"({field.name} = ? AND {field.key} = ?)", (value.low, value.low))
    return Sql(f"{field.name} = ?", (value.low,))


def _not_equal(field: Field, values: Sequence[Bound]) -> Sql:
    """Includes empty cells."""
    value = values[0]
    if value.low != value.high:
        return Sql(f"({field.name} IS NULL OR {field.name} NOT BETWEEN ? AND ?)", (value.low, value.high))
    return Sql(f"{field.name} IS NOT ?", (value.low,))


def _one_of(field: Field, values: Sequence[Bound]) -> Sql:
    exact: list[Any] = [value.low for value in values if value.text and value.low == value.high]
    found = [_equal(field, [value]) for value in values if value.low != value.high]
    if exact:
        marks = ", ".join("?" * len(exact))
        terms = [f"{name} IN ({marks})" for name in dict.fromkeys((field.name, field.key))]
        found.append(Sql(f"({' AND '.join(terms)})", tuple(exact * len(terms))))
    if any(not value.text for value in values):
        found.append(Sql(f"{field.name} IS NULL"))
    return any_of(found)


def _compare(sign: str, side: str) -> Callable[[Field, Sequence[Bound]], Sql]:
    def sql(field: Field, values: Sequence[Bound]) -> Sql:
        return Sql(f"{field.key} {sign} ?", (getattr(values[0], side),))

    return sql


def _between(field: Field, values: Sequence[Bound]) -> Sql:
    return Sql(f"({field.key} >= ? AND {field.key} <= ?)", (values[0].low, values[1].high))


OPERATORS: dict[str, Operator] = {
    "contains": Operator("contains", 1, _contains),
    "eq": Operator("is", 1, _equal),
    "ne": Operator("is not", 1, _not_equal),
    "empty": Operator("is empty", 0, lambda field, values: Sql(f"{field.name} IS NULL")),
    "filled": Operator("is filled", 0, lambda field, values: Sql(f"{field.name} IS NOT NULL")),
    "lt": Operator("is below", 1, _compare("<", "low")),
    "le": Operator("is at most", 1, _compare("<=", "high")),
    "gt": Operator("is above", 1, _compare(">", "high")),
    "ge": Operator("is at least", 1, _compare(">=", "low")),
    "between": Operator("is between", 2, _between),
    "oneof": Operator("is one of", None, _one_of),
    "before": Operator("is before", 1, _compare("<", "low")),
    "after": Operator("is after", 1, _compare(">", "high")),
}
