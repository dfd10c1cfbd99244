"""The contents of a column: how full, how many different values, how distributed.

Everything refers to the rows a query shows. Each figure has a time limit; what takes longer is estimated from a sample
of rows spread evenly over the table, so that a panel opens within two seconds whatever the table's size.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.histogram import Range
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.values import bind_cell
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import Dialect, is_exception
from webapp.rowstore.sql.figures import figures_sql, read_figures
from webapp.rowstore.sql.ranges import column_ranges, narrow_to_range, print_range
from webapp.rowstore.sql.sampling import MOSTLY_DISTINCT, SAMPLE, select_rows
from webapp.rowstore.sql.schema import column_name, companion_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Bucket, Profile, TopValue

MAX_TOP_VALUES = 10
MAX_VALUE = 200  # characters of a value that are shown, and the most that are linked
# Characters of a text that are compared, as stored: every value that is linked is compared in whole. Of a longer one,
# the beginning, the end and the length are: collecting whole documents to count equal ones would fill the memory.
_COMPARED = 2 * MAX_VALUE + 2
_UNEVEN = ("text", "boolean")  # have frequent values, not a histogram

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Profiler:
    """Profiles one column. Statements in a block of `connection.time_limit(seconds)` raise `QueryTimeout` beyond it."""

    connection: Connection
    table: TableRef
    query: TableQuery
    column: Field

    def profile(self, seconds: float) -> Profile:
        deadline = time.monotonic() + seconds
        with self.connection.time_limit(seconds):
            profile, lowest, highest = self._scan()

        def measure(figure: Callable[[bool], T], only_sample: bool = False) -> tuple[T, bool]:
            """The figure, and whether it is an estimate."""
            if not only_sample:
                with suppress(QueryTimeout), self.connection.time_limit(max(deadline - time.monotonic(), 0.01)):
                    return figure(False), False
            with self.connection.time_limit(seconds):
                return figure(True), True

        if profile.exceptions:
            values, _ = measure(lambda sampled: self._exception_values(profile.exceptions, sampled))
            profile = replace(profile, exception_values=values)
        is_large = profile.rows > 4 * SAMPLE
        is_distinct = is_large and measure(self._count_distinct, only_sample=True)[0] > MOSTLY_DISTINCT
        if self.column.type in _UNEVEN:
            (top, distinct), sampled = measure(lambda sampled: self._top_values(profile.valued, sampled), is_distinct)
            profile = replace(profile, top=top, distinct=distinct, distinct_is_capped=sampled)
        else:
            ranges = column_ranges(self.column, lowest, highest) if profile.valued else []
            buckets, sampled = measure(lambda sampled: self._histogram(ranges, profile.valued, sampled))
            distinct, is_capped = measure(self._count_distinct, is_distinct)
            profile = replace(profile, buckets=buckets, distinct=distinct, distinct_is_capped=is_capped)
        return replace(profile, note=f"Estimated from {SAMPLE:,} rows spread over the table.") if sampled else profile

    def _scan(self) -> tuple[Profile, Any, Any]:
        """What one scan of all rows yields, and the lowest and highest value as stored."""
        statement = self._select(f"count(*), {figures_sql(self.connection.dialect, self.column)}", sampled=False)
        rows, *values = self.connection.execute(statement)[0]
        found = read_figures(self.column, rows, values)
        profile = Profile(
            rows,
            found.filled,
            found.exceptions,
            minimum=found.minimum,
            maximum=found.maximum,
            average=found.average,
            sum=found.sum,
        )
        _, _, lowest, highest, *_ = values
        return profile, lowest, highest

    def _count_distinct(self, sampled: bool) -> int:
        return int(self.connection.execute(self._select(f"count(DISTINCT {self._compared})", sampled))[0][0])

    @property
    def _compared(self) -> str:
        """SQL for what tells values apart."""
        name = column_name(self.column)
        return compared_text(self.connection.dialect, name) if self.column.type == "text" else name

    def _exception_values(self, exceptions: int, sampled: bool) -> list[TopValue]:
        """The most frequent texts of cells without a value."""
        companion = companion_name(self.column) or "NULL"
        what = f"{compared_text(self.connection.dialect, companion)} AS v, count(*) AS n, sum(count(*)) OVER ()"
        found = self._select(what, sampled, Sql(is_exception(self.column)))
        rows = self.connection.execute(
            Sql(f"{found.text} GROUP BY v ORDER BY n DESC, v LIMIT {MAX_TOP_VALUES}", found.values)
        )
        return [self._exception_value(decode(text), round(count * exceptions / total)) for text, count, total in rows]

    def _exception_value(self, text: str, count: int) -> TopValue:
        if len(text) > MAX_VALUE:
            return TopValue(text[:MAX_VALUE] + "…", count, None)
        query, number = self.query, self.column.number
        if bind_cell(self.column, text).low is not None:  # typed by a person it would mean a value as well
            query = query.with_filter(number, "novalue")
        return TopValue(text, count, query.with_filter(number, "eq", text))

    def _histogram(self, ranges: list[Range], filled: int, sampled: bool) -> list[Bucket]:
        """Counts the rows below each edge in one scan; the differences are the bars."""
        if not ranges:
            return []
        name = column_name(self.column)
        below = [f"count(*) FILTER (WHERE {name} < ?)" for _ in ranges[:-1]]
        statement = self._select(", ".join([*below, f"count({name})"]), sampled)
        edges = tuple(range_.next_low for range_ in ranges[:-1])
        counts = list(self.connection.execute(Sql(statement.text, (*edges, *statement.values)))[0])
        scale = filled / (counts[-1] or 1)
        bars = [round((count - before) * scale) for before, count in zip([0, *counts], counts, strict=False)]
        return [self._bucket(range_, count) for range_, count in zip(ranges, bars, strict=True)]

    def _top_values(self, filled: int, sampled: bool) -> tuple[list[TopValue], int]:
        """The most frequent values, and the number of distinct ones."""
        grouped = self._select(f"{self._compared} AS v, count(*) AS n", sampled)
        groups = f"groups AS MATERIALIZED ({grouped.text} GROUP BY v)"
        totals = "(SELECT count(v) FROM groups), (SELECT sum(n) FROM groups WHERE v IS NOT NULL)"
        order = f"ORDER BY n DESC, v LIMIT {MAX_TOP_VALUES}"
        top = f"WITH {groups} SELECT v, n, {totals} FROM groups WHERE v IS NOT NULL {order}"
        rows = self.connection.execute(Sql(top, grouped.values))
        if not rows:
            return [], 0
        scale = filled / rows[0][3]
        return [self._top_value(value, round(count * scale)) for value, count, *_ in rows], int(rows[0][2])

    def _select(self, what: str, sampled: bool, where: Sql | None = None) -> Sql:
        """`what` of all rows of the query, or of those in the sample; only of those for which `where` is true."""
        return select_rows(self.connection, self.table, self.query, what, where, SAMPLE if sampled else None)

    def _bucket(self, range_: Range, count: int) -> Bucket:
        return Bucket(*print_range(self.column, range_), count, narrow_to_range(self.query, self.column, range_))

    def _top_value(self, value: Any, count: int) -> TopValue:
        text = decode(self.column.print_value(value))
        if len(text) > MAX_VALUE:
            return TopValue(text[:MAX_VALUE] + "…", count, None)
        return TopValue(text, count, self.query.with_filter(self.column.number, "eq", text))


def compared_text(dialect: Dialect, name: str) -> str:
    """SQL for what tells the texts in this column apart."""
    parts = f"substr({name}, 1, {_COMPARED}) || {dialect.last_characters(name, _COMPARED)} || length({name})"
    return f"CASE WHEN length({name}) <= {_COMPARED} THEN {name} ELSE {parts} END"
