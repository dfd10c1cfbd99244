"""The contents of a column: how full, how many different values, how distributed.

Everything refers to the rows a query shows. Each figure has a time limit; what takes longer is estimated from a sample
of rows spread evenly over the table, so that a panel opens within two seconds whatever the table's size.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.histogram import Range, date_ranges, number_ranges
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.compile import Plan
from webapp.rowstore.sqlite.planning import Execute, highest_id, make_plan, sample_sql
from webapp.rowstore.sqlite.schema import column_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.store import Bucket, Profile, TopValue
from webapp.rowstore.table_ref import Field
from webapp.types import TYPES
from webapp.types.layouts import date_part

SAMPLE = 50_000  # rows
# With more distinct values in a sample than this, nearly all differ: sorting them all yields nothing new, and cannot be
# interrupted.
MOSTLY_DISTINCT = SAMPLE // 4
MAX_TOP_VALUES = 10
MAX_VALUE = 200  # characters of a value that are shown, and the most that are linked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Profiler:
    """Profiles one column. Statements in a block of `time_limit(seconds)` raise `QueryTimeout` beyond it."""

    execute: Execute
    time_limit: Callable[[float], AbstractContextManager[None]]
    table_id: int
    query: TableQuery
    column: Field

    def profile(self, seconds: float) -> Profile:
        deadline = time.monotonic() + seconds
        with self.time_limit(seconds):
            profile, lowest, highest = self._scan()

        def measure(figure: Callable[[bool], T], only_sample: bool = False) -> tuple[T, bool]:
            """The figure, and whether it is an estimate."""
            if not only_sample:
                with suppress(QueryTimeout), self.time_limit(max(deadline - time.monotonic(), 0.01)):
                    return figure(False), False
            with self.time_limit(seconds):
                return figure(True), True

        is_large = profile.rows > 4 * SAMPLE
        is_distinct = is_large and measure(self._count_distinct, only_sample=True)[0] > MOSTLY_DISTINCT
        if self.column.type in ("text", "boolean"):
            (top, distinct), sampled = measure(lambda sampled: self._top_values(profile.filled, sampled), is_distinct)
            profile = replace(profile, top=top, distinct=distinct, distinct_is_capped=sampled)
        else:
            ranges = self._ranges(lowest, highest) if profile.filled else []
            buckets, sampled = measure(lambda sampled: self._histogram(ranges, profile.filled, sampled))
            distinct, is_capped = measure(self._count_distinct, is_distinct)
            profile = replace(profile, buckets=buckets, distinct=distinct, distinct_is_capped=is_capped)
        return replace(profile, note=f"Estimated from {SAMPLE:,} rows spread over the table.") if sampled else profile

    def _scan(self) -> tuple[Profile, Any, Any]:
        """What one scan of all rows yields, and the lowest and highest value as stored."""
        column, name = self.column, column_name(self.column)
        numbers = f"avg({name}), total({name})" if column.type in ("integer", "decimal") else "NULL, 0.0"
        ends = f"min({name}), max({name})" if column.type not in ("text", "boolean") else "NULL, NULL"
        statement = self._select(f"count(*), count({name}), {ends}, {numbers}", sampled=False)
        rows, filled, lowest, highest, average, total = self.execute(statement)[0]
        minimum, maximum = (None if end is None else column.kind.print(end, column.format) for end in (lowest, highest))
        profile = Profile(rows, filled, minimum=minimum, maximum=maximum)
        if average is not None:
            profile = replace(profile, average=_number(column, average, 2), sum=_number(column, total, 0))
        return profile, lowest, highest

    def _count_distinct(self, sampled: bool) -> int:
        return int(self.execute(self._select(f"count(DISTINCT {column_name(self.column)})", sampled))[0][0])

    def _histogram(self, ranges: list[Range], filled: int, sampled: bool) -> list[Bucket]:
        """Counts the rows below each edge in one scan; the differences are the bars."""
        if not ranges:
            return []
        name = column_name(self.column)
        below = [f"count(*) FILTER (WHERE {name} < ?)" for _ in ranges[:-1]]
        statement = self._select(", ".join([*below, f"count({name})"]), sampled)
        edges = tuple(range_.next_low for range_ in ranges[:-1])
        counts = list(self.execute(Sql(statement.text, (*edges, *statement.values)))[0])
        scale = filled / (counts[-1] or 1)
        bars = [round((count - before) * scale) for before, count in zip([0, *counts], counts, strict=False)]
        return [self._bucket(range_, count) for range_, count in zip(ranges, bars, strict=True)]

    def _top_values(self, filled: int, sampled: bool) -> tuple[list[TopValue], int]:
        """The most frequent values, and the number of distinct ones."""
        name = column_name(self.column)
        grouped = self._select(f"{name} AS v, count(*) AS n", sampled)
        groups = f"groups AS MATERIALIZED ({grouped.text} GROUP BY {name})"
        totals = "(SELECT count(v) FROM groups), (SELECT sum(n) FROM groups WHERE v IS NOT NULL)"
        cut = f"substr(v, 1, {2 * MAX_VALUE + 2})" if self.column.type == "text" else "v"
        order = f"ORDER BY n DESC, v LIMIT {MAX_TOP_VALUES}"
        top = f"WITH {groups} SELECT {cut}, n, {totals} FROM groups WHERE v IS NOT NULL {order}"
        rows = self.execute(Sql(top, grouped.values))
        if not rows:
            return [], 0
        scale = filled / rows[0][3]
        return [self._top_value(value, round(count * scale)) for value, count, *_ in rows], int(rows[0][2])

    def _select(self, what: str, sampled: bool) -> Sql:
        """`what` of all rows of the query, or of those in the sample."""
        if not sampled:
            return make_plan(self.execute, self.table_id, self.query, whole=True).select(what)
        size = highest_id(self.execute, self.table_id)
        return sample_sql(self.table_id, what, Plan(self.query, self.table_id).condition, size, SAMPLE)

    def _ranges(self, lowest: Any, highest: Any) -> list[Range]:
        if self.column.type in ("date", "datetime"):
            return date_ranges(lowest, highest)
        return number_ranges(lowest, highest, int(self.column.format.get("scale", 0)))

    def _bucket(self, range_: Range, count: int) -> Bucket:
        column = self.column
        kind, format = column.kind, column.format
        if column.type == "datetime":  # whole days, in the column's own format
            kind, format = TYPES["date"], {"layout": date_part(format["layout"])}
        low, high = (kind.print(edge, format) for edge in (range_.low, range_.high))
        if column.type != "decimal":
            return Bucket(low, high, count, self.query.with_filter(column.number, "between", low, high))
        narrowed = self.query.with_filter(column.number, "ge", low)
        return Bucket(low, high, count, narrowed.with_filter(column.number, "lt", high))

    def _top_value(self, value: Any, count: int) -> TopValue:
        text = decode(self.column.kind.print(value, self.column.shown))
        if len(text) > MAX_VALUE:
            return TopValue(text[:MAX_VALUE] + "…", count, None)
        return TopValue(text, count, self.query.with_filter(self.column.number, "eq", text))


def _number(column: Field, value: float, more_decimals: int) -> str:
    """With the column's decimals and some more; beyond a double's precision only the leading digits."""
    text = f"{value:.{int(column.format.get('scale', 0)) + more_decimals}f}" if abs(value) < 2**53 else f"{value:.6g}"
    return text.replace(".", ",") if "mark" in column.format else text
