"""The filter operators, each with its URL form and its wording.

In a URL a filter is `f.<column>=<operator>:<value>`. The value is everything after the first colon, verbatim.
Only `between` and `oneof` take several values, separated by commas; in these a comma in a value is written `\\,` and
a backslash `\\\\`. An empty value of `oneof` matches empty cells.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.rowstore.errors import QueryError
from webapp.rowstore.query.values import Bound, bind
from webapp.rowstore.table_ref import Field

MAX_VALUES = 500
MAX_SEARCH = 200  # characters of a search, or of a text that cells contain
_PIECES = re.compile(r"((?:\\.|[^,\\])*)(,|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Operator:
    """`value_count`: how many it takes; None: one or more."""

    label: str
    value_count: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one column, validated: its values have the column's type."""

    field: Field
    operator: str
    values: tuple[str, ...]

    @property
    def bounds(self) -> list[Bound]:
        """Its values as the column's type understands them."""
        return [bind(self.field, value) for value in self.values]

    @property
    def label(self) -> str:
        """As in "where city is Oslo", without the "where"."""
        values = enumerate_texts(
            [value or "empty" for value in self.values], "and" if self.operator == "between" else "or"
        )
        return " ".join(part for part in (self.field.title, OPERATORS[self.operator].label, values) if part)

    @property
    def argument(self) -> tuple[str, str]:
        """Its name and value in a URL."""
        is_single = OPERATORS[self.operator].value_count == 1
        value = self.values[0] if is_single else ",".join(map(_escape, self.values))
        return f"f.{self.field.number}", f"{self.operator}:{value}" if self.values else self.operator


def parse_filter(field: Field, text: str) -> Filter:
    """Parse the URL form, as in `eq:Oslo`."""
    name, _, value = text.partition(":")
    operator = OPERATORS.get(name)
    if operator is None or operator.value_count == 0:
        return make_filter(field, name, ())
    return make_filter(field, name, (value,) if operator.value_count == 1 else _split(value))


def make_filter(field: Field, name: str, values: Sequence[str]) -> Filter:
    """Raises QueryError, with a readable message, unless the column's type accepts the operator and every value."""
    argument = f"f.{field.number}"
    operator = OPERATORS.get(name)
    if operator is None or name not in field.kind.operators:
        raise QueryError(f"The column {field.title} cannot be filtered by “{name}”.", argument)
    if len(values) > MAX_VALUES:
        raise QueryError(f"A filter takes at most {MAX_VALUES} values; this one has {len(values):,}.", argument)
    if len(values) != operator.value_count if operator.value_count is not None else not values:
        raise QueryError(f"The filter “{field.title} {operator.label} …” {_NEEDS[operator.value_count]}.", argument)
    for value in values:
        if value == "" and name != "oneof":
            raise QueryError(f"The filter “{field.title} {operator.label} …” {_NEEDS[operator.value_count]}.", argument)
        if name == "contains" and len(value) > MAX_SEARCH:
            raise QueryError(f"A filter looks for at most {MAX_SEARCH} characters.", argument)
        if name != "contains" and value:
            bind(field, value)
    return Filter(field, name, tuple(values))


_NEEDS = {0: "takes no value", 1: "needs a value", 2: "needs two values", None: "needs at least one value"}


def _split(text: str) -> tuple[str, ...]:
    """The values between commas, unescaped."""
    pieces, at = [], 0
    if (len(text) - len(text.rstrip("\\"))) % 2:  # it ends in half an escape
        text += "\\"
    while match := _PIECES.match(text, at):
        pieces.append(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL))
        at = match.end()
        if not match[2]:
            break
    return tuple(pieces)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,")


def enumerate_texts(texts: Sequence[str], word: str) -> str:
    """As in "a, b or c", if the word is "or"."""
    return f" {word} ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


OPERATORS: dict[str, Operator] = {
    "contains": Operator("contains", 1),
    "eq": Operator("is", 1),
    "ne": Operator("is not", 1),
    "empty": Operator("is empty", 0),
    "filled": Operator("is filled", 0),
    "lt": Operator("is below", 1),
    "le": Operator("is at most", 1),
    "gt": Operator("is above", 1),
    "ge": Operator("is at least", 1),
    "between": Operator("is between", 2),
    "oneof": Operator("is one of", None),
    "before": Operator("is before", 1),
    "after": Operator("is after", 1),
}
