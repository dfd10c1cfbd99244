"""Colour by value: the class that each row of the grid has by its value in one column, and the legend that says so.

A text has one of `TONES` tones: choices, or the most frequent texts, have each their own, others share one (`Tones`).
Numbers, dates and times are put into the places that charts have; the least has the palest colour (`Steps`). Either is
found in all rows of the table, whatever is searched for. The further rows of a page are given it in their address, so
that they mean what its legend says.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple
from zlib import crc32

from webapp.models import Table
from webapp.rowstore.aggregates import Axis, Measure, Place, Places
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.tables.charting.labels import place_label, readable

TONES = 10  # of texts: the classes t0 to t9
STEPS = 7  # of numbers, dates and times: s0 to s6
MAX_NAMED = 12  # texts in the legend
MAX_NAME = 60  # characters of a value
COLOUR_SECONDS = 0.5  # that a page waits for the places; a sample may take as long again
_YES, _NO = 4, 0  # tones
_NUMBERS = ("integer", "decimal", "duration")
_IS = "is:"  # in an address, before steps that are single values
SCALE = "scale"  # the parameter of addresses that has the steps or tones of their page
TOO_LONG = "What the colours mean took too long to find out"


class Tint(NamedTuple):
    """The class of a row, and its value in words with the title of the column."""

    css: str
    text: str


@dataclass(frozen=True, slots=True)
class Steps:
    """The places of numbers, dates or times in their order, by the least value of each as stored. With `are_values`
    each is of this value alone, otherwise the ends also take what lies beyond them.
    """

    lows: tuple[Any, ...] = ()
    are_values: bool = False

    def css_of(self, value: Any) -> str | None:
        """None for a value that has no place."""
        place = bisect_right(self.lows, value) - 1
        if self.are_values:
            return self.css(place) if place >= 0 and self.lows[place] == value else None
        return self.css(max(place, 0)) if self.lows else None

    def css(self, place: int) -> str:
        """The palest for the first place and the strongest for the last."""
        last = len(self.lows) - 1
        return f"s{place * (STEPS - 1) // last if last else STEPS // 2}"

    @property
    def argument(self) -> str:
        """Its form in an address."""
        return f"{_IS if self.are_values else ''}{','.join(map(str, self.lows))}"

    @classmethod
    def parse(cls, field: Field, text: str) -> "Steps":
        """Raises `QueryError`."""
        parts = tuple(filter(None, text.removeprefix(_IS).split(",")))
        if len(parts) > STEPS:
            raise QueryError(f"Colours have at most {STEPS} steps.", SCALE)
        lows = tuple(map(_number, parts)) if field.type in _NUMBERS else parts
        return cls(lows, text.startswith(_IS))


@dataclass(frozen=True, slots=True)
class Tones:
    """The tones of texts, and of yes and no. Those of which the checksum is in `own` have the tone of its place."""

    own: tuple[int | None, ...] = ()

    def css_of(self, value: Any) -> str:
        """A text that has no tone of its own has one by its checksum."""
        if not isinstance(value, str):
            return f"t{_YES if value else _NO}"
        checksum = _checksum(value)
        return f"t{self.own.index(checksum) if checksum in self.own else checksum % TONES}"

    @property
    def argument(self) -> str:
        """Its form in an address."""
        return ",".join("" if checksum is None else f"{checksum:x}" for checksum in self.own)

    @classmethod
    def of_choices(cls, choices: Iterable[str]) -> "Tones":
        return cls(tuple(map(_checksum, choices))[:TONES])

    @classmethod
    def of_frequent(cls, texts: Sequence[str]) -> "Tones":
        """Each has the tone by its checksum, or the next that is free: so it rarely changes when others come or go."""
        own: list[int | None] = [None] * TONES
        for checksum in sorted({_checksum(text) for text in texts[:TONES]}):
            tone = next(tone for shift in range(TONES) if own[tone := (checksum + shift) % TONES] is None)
            own[tone] = checksum
        return cls(tuple(own))

    @classmethod
    def parse(cls, text: str) -> "Tones":
        """Raises `QueryError`."""
        parts = text.split(",") if text else []
        try:
            own = tuple(int(part, 16) if part else None for part in parts)
        except ValueError:
            raise QueryError("The tones of the colours are no checksums.", SCALE) from None
        if len(own) > TONES:
            raise QueryError(f"There are {TONES} tones.", SCALE)
        return cls(own)


@dataclass(frozen=True, slots=True)
class Colouring:
    """How the rows of a page get their colours."""

    field: Field
    scale: Steps | Tones

    def css_of(self, value: Any) -> str | None:
        """None for a cell without a value."""
        return None if value is None else self.scale.css_of(value)

    def tints(self, rows: RowReader, table: TableRef, ids: Sequence[int]) -> dict[int, Tint]:
        """By row; without those that have no colour."""
        values = rows.values(table, ids, self.field)
        return {row_id: Tint(css, self._name(value)) for row_id, value in values.items() if (css := self.css_of(value))}

    def _name(self, value: Any) -> str:
        return f"{shorten(self.field.title)}: {shorten(readable(self.field.print_value(value)))}"


class Named(NamedTuple):
    """A line of the legend."""

    css: str
    text: str


@dataclass(frozen=True, slots=True)
class Legend:
    """`note` is what else there is to say, "" if nothing."""

    lines: tuple[Named, ...] = ()
    note: str = ""


def read_colouring(rows: RowReader, table: Table, field: Field) -> tuple[Colouring, Legend]:
    """Of a new page. Where the places cannot be found out in time, numbers have no colours."""
    choices = Tones.of_choices(_choices_of(table, field))
    is_scale = not _has_tones(field)
    axis = Axis(field.number, STEPS if is_scale else MAX_NAMED)
    query = TableQuery.of(table.ref.fields)
    try:
        (places,) = rows.aggregate(table.ref, query, [axis], Measure(), COLOUR_SECONDS).axes
    except QueryTimeout:
        return Colouring(field, Steps() if is_scale else choices), Legend(note=TOO_LONG)
    if is_scale:
        steps = _steps_of(places)
        return Colouring(field, steps), _legend_of_steps(field, steps, places)
    tones = choices if choices.own else Tones.of_frequent(_texts_of(places))
    colouring = Colouring(field, tones)
    return colouring, _legend_of_texts(colouring, places.places)


def colouring_of(field: Field, scale: str) -> Colouring:
    """Of further rows of a page, whose address has the `scale` of the page. Raises `QueryError`."""
    return Colouring(field, Tones.parse(scale) if _has_tones(field) else Steps.parse(field, scale))


def _has_tones(field: Field) -> bool:
    return field.type in ("text", "boolean")


def shorten(text: str) -> str:
    return text if len(text) <= MAX_NAME else text[:MAX_NAME] + "…"


def _choices_of(table: Table, field: Field) -> Sequence[str]:
    rules: Iterable[Mapping[str, Any]] = (each.rules for each in table.columns if each.number == field.number)
    return tuple(next((each.get("choices", ()) for each in rules), ()))


def _texts_of(places: Places) -> list[str]:
    """The most frequent first."""
    found = [place for place in places.places if place.kind == "value" and place.query]
    return [value for place in found if isinstance(value := _value_of(place), str)]


def _value_of(place: Place) -> Any:
    return place.range.low if place.range else place.low


def _checksum(text: str) -> int:
    return crc32(text.encode("utf-8", "replace"))


def _steps_of(places: Places) -> Steps:
    ranges = [place.range for place in places.places if place.range]
    return Steps(tuple(each.low for each in ranges), all(each.low == each.high == each.next_low for each in ranges))


def _legend_of_steps(field: Field, steps: Steps, places: Places) -> Legend:
    found = [place for place in places.places if place.range]
    names = [_step_name(field, place, places, index, len(found)) for index, place in enumerate(found)]
    lines = tuple(Named(steps.css(index), shorten(name)) for index, name in enumerate(names))
    return Legend(lines, "" if lines else "No cell has a value")


def _step_name(field: Field, place: Place, places: Places, index: int, number: int) -> str:
    label = place_label(field, place, places.unit)
    is_value = place.range is not None and place.range.low == place.range.next_low
    if is_value or number == 1:
        return label.text
    if index == 0:
        return f"up to {label.text if places.unit else place.high}"
    return f"from {label.text if places.unit else place.low}" if index == number - 1 else label.text


def _legend_of_texts(colouring: Colouring, places: Collection[Place]) -> Legend:
    """The most frequent ones. One that is cut has a colour that what is left of it does not tell."""
    named = [place for place in places if place.kind == "value" and place.query]
    lines = []
    for place in named:
        lines.append(Named(colouring.css_of(_value_of(place)) or "", shorten(readable(place.low))))
    has_others = len(named) < sum(place.kind in ("value", "other") for place in places)
    return Legend(tuple(lines), "and others" if has_others else "" if lines else "No cell has a value")


def _number(text: str) -> float:
    try:
        value = int(text) if text.lstrip("-").isdigit() and len(text) < MAX_NAME else float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise QueryError("The steps of the colours are no numbers.", SCALE)
    return value
