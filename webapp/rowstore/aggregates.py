"""What rows add up to, by the places of one or two columns: what a chart is made of.

Each column makes an axis of places: texts are the most frequent or largest values, with the others together behind
them; numbers are single values where these are few, else ranges; dates are days, weeks, months, quarters or years.
Every row with a value is in exactly one place of each axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cbrt
from typing import Any, Literal

from webapp.rowstore.histogram import CalendarUnit, Range
from webapp.rowstore.query import TableQuery

Function = Literal["count", "sum", "average", "min", "max"]
PlaceKind = Literal["value", "range", "other", "empty"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is said of the rows of a place. `column` is the number of a column of a type that is `SUMMED`; counting rows
    needs none.
    """

    function: Function = "count"
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """The column `number`, in at most about `most` places.

    `unit` is for dates: None is the shortest that is short enough, and where the given one makes too many places a
    longer one is taken. With `in_ranges`, numbers are in ranges however few there are; these are fewer where there are
    few rows (`ranges_for`).
    """

    number: int
    most: int
    unit: CalendarUnit | None = None
    in_ranges: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """`low` and `high` are as the column writes them; a single value has both the same. `range` has the ends as stored.
    The `query` shows exactly its rows; None if it cannot be said in an address.
    """

    kind: PlaceKind
    low: str = ""
    high: str = ""
    range: Range | None = None
    query: TableQuery | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """An axis. `unit` is that of its dates, None for other columns and where a place has several. `left_out` are rows
    without a value, where these have no place.
    """

    places: tuple[Place, ...]
    unit: CalendarUnit | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """Of the rows of a place: how many they are, and the measure; None if none of them has a number."""

    rows: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The totals by the indexes of their places, one for each axis; where there is no row, there is no total. `rows`
    are those of the query. With `sample`, all is estimated from so many rows of the table: counts and sums are of all
    rows, the least and the greatest are those in the sample.
    """

    axes: tuple[Places, ...]
    totals: Mapping[tuple[int, ...], Total]
    rows: int
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """Rows, each with its id and two values as stored. They are all that have both, or some of them, spread evenly:
    `rows` says how many there are, and with `sample` that is estimated from so many rows of the table.
    """

    points: list[tuple[int, Any, Any]] = field(default_factory=list)
    rows: int = 0
    sample: int | None = None


def ranges_for(rows: int, most: int) -> int:
    """How many ranges show the shape of so many values: twice the cube root (Rice's rule), at least 5."""
    return min(most, max(5, round(2 * cbrt(rows))))
