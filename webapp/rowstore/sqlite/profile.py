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
from webapp.rowstore.histogram import DateUnit, Range, date_ranges, duration_ranges, number_ranges, time_ranges
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.values import bind_cell
from webapp.rowstore.sqlite.compile import Plan
from webapp.rowstore.sqlite.figures import figures_sql, read_figures
from webapp.rowstore.sqlite.planning import Execute, highest_id, make_plan, sample_sql
from webapp.rowstore.sqlite.printing import is_exception, layout_of
from webapp.rowstore.sqlite.schema import column_name, companion_name
from webapp.rowstore.sqlite.statement import Sql, all_of
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Bucket, Profile, TopValue
from webapp.types import TYPES
from webapp.types.layouts import date_part, layout
from webapp.types.number_format import MAX_DIGITS

SAMPLE = 50_000  # rows
# With more distinct values in a sample than this, nearly all differ: sorting them all yields nothing new, and cannot be
# interrupted.
MOSTLY_DISTINCT = SAMPLE // 4
MAX_TOP_VALUES = 10
MAX_VALUE = 200  # characters of a value that are shown, and the most that are linked
# Characters of a text that are compared, as stored: every value that is linked is compared in whole. Of a longer one,
# the beginning, the end and the length are: collecting whole documents to count equal ones would fill the memory.
_COMPARED = 2 * MAX_VALUE + 2
_DECIMALS_OF_SECONDS = 6
_UNEVEN = ("text", "boolean")  # have frequent values, not a histogram

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

        if profile.exceptions:
            values, _ = measure(lambda sampled: self._exception_values(profile.exceptions, sampled))
            profile = replace(profile, exception_values=values)
        is_large = profile.rows > 4 * SAMPLE
        is_distinct = is_large and measure(self._count_distinct, only_sample=True)[0] > MOSTLY_DISTINCT
        if self.column.type in _UNEVEN:
            (top, distinct), sampled = measure(lambda sampled: self._top_values(profile.valued, sampled), is_distinct)
            profile = replace(profile, top=top, distinct=distinct, distinct_is_capped=sampled)
        else:
            ranges = self._ranges(lowest, highest) if profile.valued else []
            buckets, sampled = measure(lambda sampled: self._histogram(ranges, profile.valued, sampled))
            distinct, is_capped = measure(self._count_distinct, is_distinct)
            profile = replace(profile, buckets=buckets, distinct=distinct, distinct_is_capped=is_capped)
        return replace(profile, note=f"Estimated from {SAMPLE:,} rows spread over the table.") if sampled else profile

    def _scan(self) -> tuple[Profile, Any, Any]:
        """What one scan of all rows yields, and the lowest and highest value as stored."""
        statement = self._select(f"count(*), {figures_sql(self.column)}", sampled=False)
        rows, *values = self.execute(statement)[0]
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
        return int(self.execute(self._select(f"count(DISTINCT {self._compared})", sampled))[0][0])

    @property
    def _compared(self) -> str:
        """SQL for what tells values apart."""
        name = column_name(self.column)
        return compared_text(name) if self.column.type == "text" else name

    def _exception_values(self, exceptions: int, sampled: bool) -> list[TopValue]:
        """The most frequent texts of cells without a value."""
        companion = companion_name(self.column) or "NULL"
        what = f"{compared_text(companion)} AS v, count(*) AS n, sum(count(*)) OVER ()"
        found = self._select(what, sampled, Sql(is_exception(self.column)))
        rows = self.execute(Sql(f"{found.text} GROUP BY v ORDER BY n DESC, v LIMIT {MAX_TOP_VALUES}", found.values))
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
        counts = list(self.execute(Sql(statement.text, (*edges, *statement.values)))[0])
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
        rows = self.execute(Sql(top, grouped.values))
        if not rows:
            return [], 0
        scale = filled / rows[0][3]
        return [self._top_value(value, round(count * scale)) for value, count, *_ in rows], int(rows[0][2])

    def _select(self, what: str, sampled: bool, where: Sql | None = None) -> Sql:
        """`what` of all rows of the query, or of those in the sample; only of those for which `where` is true."""
        if not sampled:
            return make_plan(self.execute, self.table_id, self.query, whole=True).select(what, where)
        size = highest_id(self.execute, self.table_id)
        condition = Plan(self.query, self.table_id).condition
        return sample_sql(self.table_id, what, all_of([condition, where] if where else [condition]), size, SAMPLE)

    def _ranges(self, lowest: Any, highest: Any) -> list[Range]:
        if self.column.type in ("date", "datetime"):
            return date_ranges(lowest, highest, _unit_of(layout_of(self.column)))
        if self.column.type == "time":
            has_seconds = "ss" in layout_of(self.column) or (self.column.keeps_texts and lowest < highest)
            return time_ranges(lowest, highest, has_seconds=has_seconds)
        if self.column.type == "duration":
            return self._duration_ranges(lowest, highest)
        scale = int(self.column.format.get("scale", 0))
        if self.column.keeps_texts and self.column.type == "decimal" and lowest < highest:
            scale = MAX_DIGITS  # there may be more decimals than it prints
        return number_ranges(lowest, highest, scale)

    def _duration_ranges(self, lowest: float, highest: float) -> list[Range]:
        if self.column.keeps_texts and lowest < highest:  # there may be more decimals than it prints
            return duration_ranges(lowest, highest, _DECIMALS_OF_SECONDS)
        _, _, seconds = layout_of(self.column).partition(":mm")
        return duration_ranges(lowest, highest, max(0, len(seconds) - len(":ss.")), has_seconds=bool(seconds))

    def _bucket(self, range_: Range, count: int) -> Bucket:
        column = self.column
        if column.type == "datetime":  # whole days, in the column's own format
            layout = {"layout": date_part(column.format["layout"])}
            low, high = (TYPES["date"].print(edge, layout) for edge in (range_.low, range_.high))
        elif column.type == "time":
            low, high = (_time_text(column, edge) for edge in (range_.low, range_.high))
        else:
            low, high = map(column.print_value, (range_.low, range_.high))
        if column.type not in ("decimal", "duration"):
            return Bucket(low, high, count, self.query.with_filter(column.number, "between", low, high))
        narrowed = self.query.with_filter(column.number, "ge", low)
        return Bucket(low, high, count, narrowed.with_filter(column.number, "lt", high))

    def _top_value(self, value: Any, count: int) -> TopValue:
        text = decode(self.column.print_value(value))
        if len(text) > MAX_VALUE:
            return TopValue(text[:MAX_VALUE] + "…", count, None)
        return TopValue(text, count, self.query.with_filter(self.column.number, "eq", text))


def _unit_of(layout_text: str) -> DateUnit:
    """The shortest time that a layout tells apart."""
    parts = layout(layout_text).parts
    return "day" if "day" in parts or "weekday" in parts else "week" if "week" in parts else "month"


def _time_text(column: Field, time: str) -> str:
    """As the column writes it, if that says all."""
    text = column.print_value(time)
    return text if column.kind.read(text, column.format) == time else time


def compared_text(name: str) -> str:
    """SQL for what tells the texts in this column apart."""
    parts = f"substr({name}, 1, {_COMPARED}) || substr({name}, -{_COMPARED}) || length({name})"
    return f"iif(length({name}) <= {_COMPARED}, {name}, {parts})"
