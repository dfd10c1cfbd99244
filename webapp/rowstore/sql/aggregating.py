"""Adding up rows by the places of one or two columns (`webapp.rowstore.aggregates`).

The places come first: one scan finds the ends of numbers and dates, another one the values of a text. A last scan puts
each row into its places. What takes too long is done again with a sample of rows spread evenly over the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from webapp.rowstore.aggregates import Aggregate, Axis, Measure, Places, Points, Total
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import SUMMED
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.placing import PlacedAxis, place_rows
from webapp.rowstore.sql.sampling import MOSTLY_DISTINCT, SAMPLE, select_rows
from webapp.rowstore.sql.schema import column_name, table_name
from webapp.rowstore.sql.statement import Sql, all_of
from webapp.rowstore.sql.tables import highest_id
from webapp.rowstore.table_ref import Field, TableRef

T = TypeVar("T")

# Ids times the one, modulo the other, a prime: neighbours get far apart, and any range of them is spread evenly.
_SPREAD, _CIRCLE = 7_919, 1_000_003


class _MostlyDistinct(QueryTimeout):
    """Nearly all values of a large table differ: to sort them would take long, and cannot be interrupted."""


@dataclass(frozen=True, slots=True)
class Aggregator:
    """Adds up the rows of a query, or with `sample` so many of the table's rows.

    Statements in a block of `connection.time_limit(seconds)` raise `QueryTimeout` beyond it.
    """

    connection: Connection
    table: TableRef
    query: TableQuery
    sample: int | None = None

    def aggregate(self, axes: Sequence[Axis], measure: Measure, seconds: float) -> Aggregate:
        measured = self._measured(measure)
        return self._within(seconds, lambda rows: rows._aggregate(axes, measure, measured))

    def points(self, x: int, y: int, most: int, seconds: float) -> Points:
        names = column_name(self.query.field(x)), column_name(self.query.field(y))
        return self._within(seconds, lambda rows: rows._points(*names, most))

    def select(self, what: Sql, where: Sql | None = None, sample: int | None = None) -> Sql:
        found = select_rows(self.connection, self.table, self.query, what.text, where, sample or self.sample)
        return Sql(found.text, (*what.values, *found.values))

    def ensure_groupable(self, what: str) -> None:
        """Raises `QueryTimeout` if a large table has nearly as many groups by `what` as rows, unless this is a sample
        already.
        """
        if self.sample is None and highest_id(self.connection, self.table.id) > 4 * SAMPLE:
            counted = self.select(Sql(f"count(DISTINCT {what})"), sample=SAMPLE)
            if self.connection.execute(counted)[0][0] > MOSTLY_DISTINCT:
                raise _MostlyDistinct

    def _within(self, seconds: float, work: "Callable[[Aggregator], T]") -> T:
        try:
            with self.connection.time_limit(seconds):
                return work(self)
        except QueryTimeout:
            if highest_id(self.connection, self.table.id) < 2 * SAMPLE:
                raise
            with self.connection.time_limit(seconds):
                return work(replace(self, sample=SAMPLE))

    def _measured(self, measure: Measure) -> Field | None:
        """Raises `QueryError` for a column that is not there, or has no numbers."""
        if measure.function == "count":
            return None
        field = self.query.field(measure.column or 0)
        if field.type not in SUMMED:
            raise QueryError(f"“{field.title}” has no numbers, so there is no {measure.function} of it.")
        return field

    def _aggregate(self, axes: Sequence[Axis], measure: Measure, measured: Field | None) -> Aggregate:
        value = _measure_sql(self.connection.dialect, measure, measured)
        placed = [place_rows(self, axis, value) for axis in axes]
        groups = ", ".join(str(place) for place in range(1, len(placed) + 1))
        what = Sql(
            ", ".join([*(axis.index.text for axis in placed), "count(*)", value]),
            tuple(bound for axis in placed for bound in axis.index.values),
        )
        found = self.select(what)
        rows = self.connection.execute(Sql(f"{found.text} GROUP BY {groups}", found.values))
        factor = self._factor
        additive = factor if measure.function in ("count", "sum") else 1
        totals = {
            tuple(indexes): Total(round(count * factor), None if number is None else float(number) * additive)
            for *indexes, count, number in rows
        }
        return _finish(placed, totals, self.sample)

    def _points(self, x: str, y: str, most: int) -> Points:
        filled = Sql(f"{x} IS NOT NULL AND {y} IS NOT NULL")
        row_id = f"{table_name(self.table.id)}.{self.connection.dialect.row_id}"
        count = self.connection.execute(self.select(Sql("count(*)"), filled))[0][0]
        if count > most:
            spread = Sql(f"{row_id} % {_CIRCLE} * {_SPREAD} % {_CIRCLE} < ?", (round(_CIRCLE * most / count),))
            filled = all_of([filled, spread])
        found = self.connection.execute(self.select(Sql(f"{row_id}, {x}, {y}"), filled))
        return Points(sorted(map(tuple, found)), round(count * self._factor), self.sample)

    @property
    def _factor(self) -> float:
        """How many rows each one stands for."""
        if self.sample is None:
            return 1
        size = highest_id(self.connection, self.table.id)
        step = max(size // self.sample, 1)
        return size / ((size - 1) // step + 1)


def _measure_sql(dialect: Dialect, measure: Measure, field: Field | None) -> str:
    if field is None:
        return "count(*)"
    name = column_name(field)
    if measure.function == "sum":
        return f"CASE WHEN count({name}) > 0 THEN {dialect.total(name)} END"
    return dialect.average(name) if measure.function == "average" else f"{measure.function}({name})"


def _finish(placed: Sequence[PlacedAxis], totals: dict[tuple[Any, ...], Total], sample: int | None) -> Aggregate:
    """With a place for rows without a value where they have one, and without these rows where not."""
    axes = list[Places]()
    for number, axis in enumerate(placed):
        without = sum(total.rows for indexes, total in totals.items() if indexes[number] is None)
        axes.append(axis.with_empty(without))
    rows = sum(total.rows for total in totals.values())
    kept = dict[tuple[int, ...], Total]()
    for indexes, total in totals.items():
        found = tuple(_place_of(index, axis, places) for index, axis, places in zip(indexes, placed, axes, strict=True))
        if None not in found:
            kept[tuple(index for index in found if index is not None)] = total
    return Aggregate(tuple(axes), kept, rows, sample)


def _place_of(index: int | None, axis: PlacedAxis, places: Places) -> int | None:
    if index is not None:
        return index
    return len(places.places) - 1 if axis.empty else None
