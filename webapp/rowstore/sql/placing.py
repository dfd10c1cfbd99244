"""The places of a column, and SQL that says in which of them a row is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from webapp.rowstore.aggregates import Axis, Place, Places, ranges_for
from webapp.rowstore.histogram import CALENDAR_UNITS, CalendarUnit, DateUnit, Range, calendar_ranges
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.profile import MAX_VALUE, compared_text
from webapp.rowstore.sql.ranges import column_ranges, narrow_to_range, print_range, shortest_unit
from webapp.rowstore.sql.schema import column_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field

_SINGLE = ("integer", "decimal")  # can be single values


class Rows(Protocol):
    """Rows of a query, which may be a sample: see `Aggregator`."""

    @property
    def query(self) -> TableQuery: ...
    @property
    def connection(self) -> Connection: ...
    def select(self, what: Sql, where: Sql | None = None) -> Sql: ...
    def ensure_groupable(self, what: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PlacedAxis:
    """`index` is SQL for the number of a row's place, NULL without a value. `empty` is where those are, behind the
    others; None if they have no place.
    """

    places: Places
    index: Sql
    empty: Place | None = None

    def with_empty(self, rows: int) -> Places:
        """The places, `rows` being how many rows have no value."""
        if self.empty is None:
            return replace(self.places, left_out=rows)
        return replace(self.places, places=(*self.places.places, self.empty)) if rows else self.places


def place_rows(rows: Rows, axis: Axis, measure: str) -> PlacedAxis:
    """`measure` is SQL for what orders texts, the greatest first."""
    field = rows.query.field(axis.number)
    if field.type == "text":
        return _place_texts(rows, field, axis.most, measure)
    if field.type == "boolean":
        return replace(_place_values(rows.query, field, [1, 0]), empty=_empty_place(rows.query, field))
    if field.type in _SINGLE and not axis.in_ranges:
        values = _few_values(rows, field, axis.most)
        if values is not None:
            return _place_values(rows.query, field, values)
    return _place_in_ranges(rows, field, axis)


def _place_texts(rows: Rows, field: Field, most: int, measure: str) -> PlacedAxis:
    name, compared = column_name(field), compared_text(rows.connection.dialect, column_name(field))
    rows.ensure_groupable(compared)
    found = rows.select(Sql(f"{compared} AS v, count(*) AS n, {measure} AS m"), Sql(f"{name} IS NOT NULL"))
    order = f"GROUP BY v ORDER BY m DESC NULLS LAST, n DESC, v LIMIT {most + 1}"
    values = [value for value, *_ in rows.connection.execute(Sql(f"{found.text} {order}", found.values))]
    chosen = values[:most]
    places = [_text_place(rows.query, field, value) for value in chosen]
    places += [Place("other")] if len(values) > most else []
    index = f"CASE WHEN {name} IS NULL THEN NULL ELSE {_which(compared, chosen)} END"
    return PlacedAxis(Places(tuple(places)), Sql(index, tuple(chosen)), _empty_place(rows.query, field))


def _text_place(query: TableQuery, field: Field, value: Any) -> Place:
    text = decode(field.print_value(value))
    if len(text) > MAX_VALUE:
        shown = text[:MAX_VALUE] + "…"
        return Place("value", shown, shown)
    return Place("value", text, text, query=query.with_filter(field.number, "eq", text))


def _empty_place(query: TableQuery, field: Field) -> Place:
    """Also of cells that have only a text, which no filter finds together with empty ones."""
    return Place("empty", query=None if field.keeps_texts else query.with_filter(field.number, "empty"))


def _few_values(rows: Rows, field: Field, most: int) -> list[Any] | None:
    """All values; None if they are more than `most`. Ends as soon as that is clear."""
    name = column_name(field)
    found = rows.select(Sql(f"DISTINCT {name}"), Sql(f"{name} IS NOT NULL"))
    values = [value for (value,) in rows.connection.execute(Sql(f"{found.text} LIMIT {most + 1}", found.values))]
    return sorted(values) if len(values) <= most else None


def _place_values(query: TableQuery, field: Field, values: Sequence[Any]) -> PlacedAxis:
    places = list[Place]()
    for value in values:
        text = field.print_value(value)
        narrowed = query.with_filter(field.number, "eq", text)
        places.append(Place("value", text, text, Range(value, value, value), narrowed))
    name = column_name(field)
    index = f"CASE WHEN {name} IS NULL THEN NULL ELSE {_which(name, values)} END"
    return PlacedAxis(Places(tuple(places)), Sql(index, tuple(values)))


def _which(expression: str, values: Sequence[Any]) -> str:
    """SQL for the place of the value among `values`, which are bound; their number if it is another one."""
    cases = " ".join(f"WHEN ? THEN {place}" for place in range(len(values)))
    return f"CASE {expression} {cases} ELSE {len(values)} END" if values else "0"


def _place_in_ranges(rows: Rows, field: Field, axis: Axis) -> PlacedAxis:
    name = column_name(field)
    lowest, highest, valued = rows.connection.execute(rows.select(Sql(f"min({name}), max({name}), count({name})")))[0]
    if not valued:
        return PlacedAxis(Places(()), Sql("NULL"))
    most = ranges_for(valued, axis.most) if axis.in_ranges else axis.most
    ranges, unit = _ranges(field, axis, lowest, highest, most)
    places = [_range_place(rows.query, field, range_) for range_ in ranges]
    edges = [range_.next_low for range_ in ranges[:-1]]
    below, bound = _below(name, edges, 0)
    index = Sql(f"CASE WHEN {name} IS NULL THEN NULL ELSE {below} END", tuple(bound))
    return PlacedAxis(Places(tuple(places), unit), index)


def _ranges(field: Field, axis: Axis, lowest: Any, highest: Any, most: int) -> tuple[list[Range], CalendarUnit | None]:
    """Of dates, the unit that was asked for or the next one that makes no more than `most`. A histogram of dates has
    edges like one of numbers.
    """
    if field.type in ("date", "datetime") and not axis.in_ranges:
        for unit in _units(shortest_unit(field), axis.unit):
            if ranges := calendar_ranges(lowest, highest, unit, most):
                return ranges, unit
    return column_ranges(field, lowest, highest, most), None


def _units(shortest: DateUnit, wanted: CalendarUnit | None) -> Sequence[CalendarUnit]:
    """From the wanted one on. Weeks are parts of no month."""
    if shortest == "week":
        return ("week",)
    first = max(CALENDAR_UNITS.index(shortest), CALENDAR_UNITS.index(wanted) if wanted else 0)
    return [unit for unit in CALENDAR_UNITS[first:] if unit != "week" or unit == wanted]


def _range_place(query: TableQuery, field: Field, range_: Range) -> Place:
    low, high = print_range(field, range_)
    return Place("range", low, high, range_, narrow_to_range(query, field, range_))


def _below(name: str, edges: Sequence[Any], start: int) -> tuple[str, list[Any]]:
    """SQL for how many of the edges, which are bound, are not above the value, from `start` on: by halving."""
    if not edges:
        return str(start), []
    half = len(edges) // 2
    below, bound_below = _below(name, edges[:half], start)
    above, bound_above = _below(name, edges[half + 1 :], start + half + 1)
    return f"CASE WHEN {name} < ? THEN {below} ELSE {above} END", [edges[half], *bound_below, *bound_above]
