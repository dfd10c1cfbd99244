"""The contents of a column: how full, how many different values, how distributed.

Everything refers to the rows a query shows. Each figure has a time limit; what takes longer is estimated from a sample
of rows spread evenly over the table, so that a panel opens within two seconds whatever the table's size.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.histogram import Range, of_days, of_numbers
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.compile import Rows
from webapp.rowstore.sqlite.planning import Read, highest_id, plan, sample
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
TOP = 10
MAX_VALUE = 200  # characters of a value that are shown, and the most that are linked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Basics:
    """What one scan of all rows yields. `lowest` and `highest` as stored."""

    rows: int
    filled: int
    lowest: Any
    highest: Any
    average: float | None
    total: float


@dataclass(frozen=True, slots=True)
class Profiler:
    """Profiles one column. Statements in a block of `time_limit(seconds)` raise `QueryTimeout` beyond it."""

    read: Read
    time_limit: Callable[[float], AbstractContextManager[None]]
    table_id: int
    query: TableQuery
    column: Field

    def profile(self, seconds: float) -> Profile:
        end = time.monotonic() + seconds
        with self.time_limit(seconds):
            known = self._basics()

        def ask(figure: Callable[[bool], T], hopeless: bool = False) -> tuple[T, bool]:
            """The figure, and whether it is an estimate."""
            if not hopeless:
                with suppress(QueryTimeout), self.time_limit(max(end - time.monotonic(), 0.01)):
                    return figure(False), False
            with self.time_limit(seconds):
                return figure(True), True

        differ = known.rows > 4 * SAMPLE and ask(self._count_distinct, hopeless=True)[0] > MOSTLY_DISTINCT
        if self.column.type in ("text", "boolean"):
            (top, distinct), sampled = ask(lambda few: self._top_values(known, few), differ)
            return self._result(known, top=top, distinct=distinct, sampled=sampled, counted=not sampled)
        buckets, sampled = ask(lambda few: self._histogram(known, few))
        distinct, estimated = ask(self._count_distinct, differ)
        return self._result(known, buckets=buckets, distinct=distinct, sampled=sampled, counted=not estimated)

    def _basics(self) -> Basics:
        name = column_name(self.column)
        numbers = f"avg({name}), total({name})" if self.column.type in ("integer", "decimal") else "NULL, 0.0"
        ends = f"min({name}), max({name})" if self.column.type not in ("text", "boolean") else "NULL, NULL"
        rows = plan(self.read, self.table_id, self.query, whole=True)
        return Basics(*self.read(rows.select(f"count(*), count({name}), {ends}, {numbers}"))[0])

    def _count_distinct(self, sampled: bool) -> int:
        return int(self.read(self._select(f"count(DISTINCT {column_name(self.column)})", sampled))[0][0])

    def _histogram(self, known: Basics, sampled: bool) -> list[Bucket]:
        """Counts the rows below each edge in one scan; the differences are the bars."""
        if not known.filled:
            return []
        name, ranges = column_name(self.column), self._ranges(known)
        below = [f"count(*) FILTER (WHERE {name} < ?)" for _ in ranges[:-1]]
        statement = self._select(", ".join([*below, f"count({name})"]), sampled)
        edges = tuple(each.below for each in ranges[:-1])
        counts = list(self.read(Sql(statement.text, (*edges, *statement.values)))[0])
        scale = known.filled / (counts[-1] or 1)
        bars = [round((count - before) * scale) for before, count in zip([0, *counts], counts, strict=False)]
        return [self._bucket(each, count) for each, count in zip(ranges, bars, strict=True)]

    def _top_values(self, known: Basics, sampled: bool) -> tuple[list[TopValue], int]:
        """The most frequent values, and the number of distinct ones."""
        name = column_name(self.column)
        grouped = self._select(f"{name} AS v, count(*) AS n", sampled)
        groups = f"groups AS MATERIALIZED ({grouped.text} GROUP BY {name})"
        totals = "(SELECT count(v) FROM groups), (SELECT sum(n) FROM groups WHERE v IS NOT NULL)"
        cut = f"substr(v, 1, {2 * MAX_VALUE + 2})" if self.column.type == "text" else "v"
        top = f"WITH {groups} SELECT {cut}, n, {totals} FROM groups WHERE v IS NOT NULL ORDER BY n DESC, v LIMIT {TOP}"
        found = self.read(Sql(top, grouped.values))
        if not found:
            return [], 0
        scale = known.filled / found[0][3]
        return [self._top_value(value, round(count * scale)) for value, count, *_ in found], int(found[0][2])

    def _select(self, what: str, sampled: bool) -> Sql:
        """`what` of all rows of the query, or of those in the sample."""
        if not sampled:
            return plan(self.read, self.table_id, self.query, whole=True).select(what)
        size = highest_id(self.read, self.table_id)
        return sample(self.table_id, what, Rows(self.query, self.table_id).condition, size, SAMPLE)

    def _ranges(self, known: Basics) -> list[Range]:
        if self.column.type in ("date", "datetime"):
            return of_days(known.lowest, known.highest)
        return of_numbers(known.lowest, known.highest, int(self.column.format.get("scale", 0)))

    def _bucket(self, each: Range, count: int) -> Bucket:
        column = self.column
        if column.type in ("date", "datetime"):
            low, high = _day(column, each.low), _day(column, each.high)
            return Bucket(low, high, count, self.query.with_filter(column.number, "between", low, high))
        low, high = (column.kind.print(edge, column.format) for edge in (each.low, each.high))
        if column.type == "integer":
            return Bucket(low, high, count, self.query.with_filter(column.number, "between", low, high))
        narrowed = self.query.with_filter(column.number, "ge", low)
        return Bucket(low, high, count, narrowed.with_filter(column.number, "lt", high))

    def _top_value(self, value: Any, count: int) -> TopValue:
        text = decode(self.column.kind.print(value, self.column.shown))
        if len(text) > MAX_VALUE:
            return TopValue(text[:MAX_VALUE] + "…", count, None)
        return TopValue(text, count, self.query.with_filter(self.column.number, "eq", text))

    def _result(
        self,
        known: Basics,
        *,
        distinct: int,
        sampled: bool,
        counted: bool,
        buckets: list[Bucket] | None = None,
        top: list[TopValue] | None = None,
    ) -> Profile:
        kind, format = self.column.kind, self.column.format
        ends = [None if end is None else kind.print(end, format) for end in (known.lowest, known.highest)]
        return Profile(
            known.rows,
            known.filled,
            distinct,
            not counted,
            minimum=ends[0],
            maximum=ends[1],
            average=_number(self.column, known.average, 2),
            sum=_number(self.column, known.total, 0) if known.average is not None else None,
            buckets=buckets or [],
            top=top or [],
            note=f"Estimated from {SAMPLE:,} rows spread over the table." if sampled else "",
        )


def _day(column: Field, iso: str) -> str:
    """A date in the column's own format."""
    return TYPES["date"].print(iso, {"layout": date_part(column.format.get("layout", "YYYY-MM-DD"))})


def _number(column: Field, value: float | None, finer: int) -> str | None:
    """With the column's decimals and some more; beyond a double's precision only the leading digits."""
    if value is None:
        return None
    text = f"{value:.{int(column.format.get('scale', 0)) + finer}f}" if abs(value) < 2**53 else f"{value:.6g}"
    return text.replace(".", ",") if "mark" in column.format else text
