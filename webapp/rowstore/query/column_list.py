"""Columns in a URL, in the order in which they are shown: `cols=3,5-9,1`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from webapp.rowstore.table_ref import Field

MIN_RANGE = 3  # consecutive columns from this many on become a range in the URL


class Columns(Protocol):
    """Those that may be named; implemented by `TableQuery`. `places` are their positions by number."""

    @property
    def fields(self) -> tuple[Field, ...]: ...
    @property
    def places(self) -> Mapping[str, int]: ...

    def field(self, number: str | int, argument: str = "") -> Field: ...


def parse_columns(values: list[str], columns: Columns) -> tuple[Field, ...]:
    """All if none is named. Raises `QueryError`."""
    parts = filter(None, ",".join(values).split(","))
    places = dict.fromkeys(place for part in parts for place in _parse_range(part, columns))
    return tuple(columns.fields[place] for place in places) or columns.fields


def _parse_range(part: str, columns: Columns) -> range:
    """`5` is one column, `5-9` a range in table order: return their positions."""
    first, dash, last = part.partition("-")
    if dash and first in columns.places and last in columns.places and columns.places[first] <= columns.places[last]:
        return range(columns.places[first], columns.places[last] + 1)
    place = columns.places[str(columns.field(part, "cols").number)]
    return range(place, place + 1)


def format_columns(chosen: Sequence[Field], places: Mapping[str, int]) -> Iterator[str]:
    """The columns with neighbours written as ranges: a table may have 2,000 of them."""
    run: list[Field] = []
    for field in (*chosen, None):
        if run and (field is None or places[str(field.number)] != places[str(run[-1].number)] + 1):
            yield from (
                [f"{run[0].number}-{run[-1].number}"] if len(run) >= MIN_RANGE else [str(field.number) for field in run]
            )
            run = []
        if field is not None:
            run.append(field)
