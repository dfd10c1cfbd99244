"""The filter operators, each with its URL form and its wording.

In a URL a filter is `f.<column>=<operator>:<value>`. The value is everything after the first colon, verbatim.
Only `between`, `oneof` and `noneof` take several values, separated by commas; in these a comma in a value is written
`\\,` and a backslash `\\\\`. An empty value of `oneof` matches empty cells.

All filters must be true at once, also several on one column; one that begins with `or.` is an alternative to the one
before it on the same column: `f.3=contains:oslo&f.3=or.starts:ber`.
"""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from webapp.rowstore.errors import QueryError
from webapp.rowstore.query.periods import EXAMPLES as PERIOD_EXAMPLES
from webapp.rowstore.query.periods import Clock, normalise_period, resolve_period
from webapp.rowstore.query.values import Bound, bind, bind_cell
from webapp.rowstore.table_ref import Field

MAX_VALUES = 500
MAX_SEARCH = 200  # characters of a search, or of a text that cells contain
OR = "or."  # before the operator of an alternative
_PARTS_OF_TEXT = frozenset(("contains", "notcontains", "starts"))  # these take any text
_LISTS = frozenset(("oneof", "noneof"))
_WHOLE_CELLS = frozenset(("eq", "ne", "oneof", "noneof"))
# What a cell without a value is not, and what several are not.
_KINDS = {
    "integer": ("a whole number", "whole numbers"),
    "decimal": ("a number", "numbers"),
    "boolean": ("yes or no", "yes or no"),
    "date": ("a date", "dates"),
    "datetime": ("a date and time", "dates and times"),
    "time": ("a time", "times"),
    "duration": ("a duration", "durations"),
}
_PIECES = re.compile(r"((?:\\.|[^,\\])*)(,|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Operator:
    """`value_count`: how many it takes; None: one or more."""

    label: str
    value_count: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one column, validated: its values have the column's type.

    An alternative need not be true if the filter before it on the same column is. The clock says which days a relative
    date stands for.
    """

    field: Field
    operator: str
    values: tuple[str, ...]
    is_alternative: bool = False
    clock: Clock = dataclasses.field(default_factory=Clock.now, compare=False, repr=False)

    @property
    def bounds(self) -> list[Bound]:
        """Its values as the column's type understands them; a part of a text means nothing but itself."""
        if self.operator == "within":
            first, last = self.days
            return [replace(bind(self.field, last), text=self.values[0], low=bind(self.field, first).low)]
        return [_bind(self.field, self.operator, value) for value in self.values]

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last day of a relative date."""
        first, last = resolve_period(self.values[0], self.clock.today) or (self.clock.today, self.clock.today)
        return first.isoformat(), last.isoformat()

    @property
    def label(self) -> str:
        """As in "where city is Oslo", without the "where"."""
        return f"{self.field.title} {self.predicate}"

    @property
    def predicate(self) -> str:
        """The label without the column's title."""
        if self.operator == "within":
            return _describe_period(self.values[0], self.days, self.clock.zone)
        values = enumerate_texts(
            [value or "empty" for value in self.values], "and" if self.operator == "between" else "or"
        )
        return " ".join(part for part in (operator_label(self.field, self.operator), values) if part)

    @property
    def argument(self) -> tuple[str, str]:
        """Its name and value in a URL."""
        is_single = OPERATORS[self.operator].value_count == 1
        value = self.values[0] if is_single else ",".join(map(_escape, self.values))
        name = f"{OR if self.is_alternative else ''}{self.operator}"
        return f"f.{self.field.number}", f"{name}:{value}" if self.values else name


def parse_filter(field: Field, text: str, clock: Clock) -> Filter:
    """Parse the URL form, as in `eq:Oslo`."""
    if text.startswith(OR):
        return replace(parse_filter(field, text.removeprefix(OR), clock), is_alternative=True)
    name, _, value = text.partition(":")
    operator = OPERATORS.get(name)
    if operator is None or operator.value_count == 0:
        return make_filter(field, name, (), clock)
    return make_filter(field, name, (value,) if operator.value_count == 1 else _split(value), clock)


def make_filter(field: Field, name: str, values: Sequence[str], clock: Clock) -> Filter:
    """Raises QueryError, with a readable message, unless the column's type accepts the operator and every value."""
    argument = f"f.{field.number}"
    operator = OPERATORS.get(name)
    if operator is None or name not in field.operators:
        raise QueryError(f"The column {field.title} cannot be filtered by “{name}”.", argument)
    if len(values) > MAX_VALUES:
        raise QueryError(f"A filter takes at most {MAX_VALUES} values; this one has {len(values):,}.", argument)
    if len(values) != operator.value_count if operator.value_count is not None else not values:
        raise QueryError(f"The filter “{field.title} {operator.label} …” {_NEEDS[operator.value_count]}.", argument)
    for value in values:
        if value == "" and name not in _LISTS:
            raise QueryError(f"The filter “{field.title} {operator.label} …” {_NEEDS[operator.value_count]}.", argument)
        if name in _PARTS_OF_TEXT and len(value) > MAX_SEARCH:
            raise QueryError(f"A filter looks for at most {MAX_SEARCH} characters.", argument)
        if name not in _PARTS_OF_TEXT and name != "within" and value:
            _bind(field, name, value)
    if name == "within":
        values = [_ensure_period(value, clock, argument) for value in values]
    return Filter(field, name, tuple(values), clock=clock)


def _ensure_period(text: str, clock: Clock, argument: str) -> str:
    if resolve_period(text, clock.today) is None:
        raise QueryError(f"“{text}” is no period. It may be {enumerate_texts(PERIOD_EXAMPLES, 'or')}.", argument)
    return normalise_period(text)


def _describe_period(text: str, days: tuple[str, str], zone: str) -> str:
    """As in "is in the last 7 days (2026-03-01 to 2026-03-07, UTC)"."""
    words = text if " " not in text else f"in the {text}" if any(map(str.isdigit, text)) else f"in {text}"
    return f"is {words} ({' to '.join(dict.fromkeys(days))}, {zone})"


def group_filters(filters: Sequence[Filter]) -> list[list[Filter]]:
    """All groups must be true at once, and of each group one filter."""
    groups: list[list[Filter]] = []
    latest: dict[int, list[Filter]] = {}
    for condition in filters:
        number = condition.field.number
        if condition.is_alternative and number in latest:
            latest[number].append(condition)
        else:
            latest[number] = [condition]
            groups.append(latest[number])
    return groups


def remove_filter(filters: Sequence[Filter], index: int) -> tuple[Filter, ...]:
    """Without the filter at `index`. If that had alternatives, the first of them takes its place."""
    removed, rest = filters[index], list(filters[index + 1 :])
    for place, condition in enumerate(rest if not removed.is_alternative else ()):
        if condition.field.number == removed.field.number:
            rest[place] = replace(condition, is_alternative=False)
            break
    return (*filters[:index], *rest)


def describe_filters(filters: Sequence[Filter]) -> str:
    """As in "city is Oslo or contains Bergen, and price is above 3"."""
    groups = group_filters(filters)
    labels = [enumerate_texts([group[0].label, *(other.predicate for other in group[1:])], "or") for group in groups]
    is_clear = len(groups) == 1
    return enumerate_texts(
        [label if is_clear or len(group) == 1 else f"({label})" for label, group in zip(labels, groups, strict=True)],
        "and",
    )


_NEEDS = {0: "takes no value", 1: "needs a value", 2: "needs two values", None: "needs at least one value"}


def operator_label(field: Field, name: str) -> str:
    """How the operator is worded for this column."""
    return f"is not {_KINDS[field.type][0]}" if name == "novalue" else OPERATORS[name].label


def describe_exceptions(field: Field, count: str, *, is_one: bool) -> str:
    """As in "3 are not numbers": cells without a value of the column's type."""
    one, several = _KINDS[field.type]
    return f"{count} is not {one}" if is_one else f"{count} are not {several}"


def _bind(field: Field, operator: str, value: str) -> Bound:
    if operator == "contains":
        return Bound(value, value, value)
    return bind_cell(field, value) if operator in _WHOLE_CELLS else bind(field, value)


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
    "notcontains": Operator("does not contain", 1),
    "starts": Operator("starts with", 1),
    "eq": Operator("is", 1),
    "ne": Operator("is not", 1),
    "empty": Operator("is empty", 0),
    "filled": Operator("is not empty", 0),
    "novalue": Operator("is not a value", 0),
    "lt": Operator("is below", 1),
    "le": Operator("is at most", 1),
    "gt": Operator("is above", 1),
    "ge": Operator("is at least", 1),
    "between": Operator("is between", 2),
    "oneof": Operator("is one of", None),
    "noneof": Operator("is not one of", None),
    "within": Operator("is within", 1),
    "before": Operator("is before", 1),
    "after": Operator("is after", 1),
}
