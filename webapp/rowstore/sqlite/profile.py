"""The contents of a column: how full, how many different values, how distributed. Exact, or with a note of the sample
size.

Everything refers to the rows a query shows. Each figure has a time limit; what takes longer is estimated from a sample
of rows spread evenly over the table, so that a panel opens within two seconds whatever the table's size.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.histogram import Range, of_days, of_numbers
from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.sqlite.compile import Rows
from webapp.rowstore.sqlite.connection import Database, Read, run, sample
from webapp.rowstore.sqlite.planning import rows_of
from webapp.rowstore.sqlite.schema import ROW_ID, Field, StoredTable, table_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.types import TYPES
from webapp.types.layouts import day_part

BUDGET = 2.0  # seconds for the exact result; a sample takes little more
SAMPLE = 50_000  # rows
# With more distinct values in a sample than this, nearly all differ: sorting them all yields nothing new, and cannot be
# interrupted.
MOSTLY = SAMPLE // 4
TOP = 10
LONGEST_VALUE = 200  # characters of a value that are shown, and the most that are linked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bar: `low` and `high` as printed, and the query that shows exactly its rows."""

    low: str
    high: str
    count: int
    query: TableQuery


@dataclass(frozen=True, slots=True)
class Value:
    """A frequent value as printed, and the query that shows exactly its rows; None if it is too long for a link."""

    text: str
    count: int
    query: TableQuery | None


@dataclass(frozen=True, slots=True)
class Profile:
    """`note` says which counts are estimates; empty if all are exact. Numbers and dates have buckets, other types
    values.
    """

    rows: int
    filled: int
    distinct: int = 0
    distinct_is_capped: bool = False
    minimum: str | None = None
    maximum: str | None = None
    average: str | None = None
    sum: str | None = None
    buckets: list[Bucket] = field(default_factory=list)
    top: list[Value] = field(default_factory=list)
    note: str = ""

    @property
    def empty(self) -> int:
        return self.rows - self.filled

    @property
    def top_is_all(self) -> bool:
        return not self.distinct_is_capped and self.distinct <= len(self.top)


@dataclass(frozen=True, slots=True)
class Basics:
    """What one scan of all rows yields. `lowest` and `highest` as stored."""

    rows: int
    filled: int
    lowest: Any
    highest: Any
    average: float | None
    total: float


async def fetch_profile(
    database: Database, table: StoredTable, query: TableQuery, number: int, seconds: float = BUDGET
) -> Profile:
    """Raises QueryTimeout only if not even one scan of all rows finishes in time, and QueryError for an unknown
    column.
    """
    column, end = query.field(number), time.monotonic() + seconds
    query = query.sorted_by()
    known = await run(database, seconds, lambda read: basics(read, table, query, column))

    async def ask(what: Callable[[Read, bool], T], hopeless: bool = False) -> tuple[T, bool]:
        """The result, and whether it is an estimate."""
        if not hopeless:
            with suppress(QueryTimeout):
                return await run(database, max(end - time.monotonic(), 0.01), lambda read: what(read, False)), False
        return await run(database, seconds, lambda read: what(read, True)), True

    def distinct_of(read: Read, few: bool) -> int:
        return count_distinct(read, table, query, column, few)

    differ = known.rows > 4 * SAMPLE and await run(database, seconds, lambda read: distinct_of(read, True)) > MOSTLY
    if column.type in ("text", "boolean"):
        (top, distinct), sampled = await ask(lambda read, few: values(read, table, query, column, known, few), differ)
        return _profile(column, known, top=top, distinct=distinct, sampled=sampled, counted=not sampled)
    spread, sampled = await ask(lambda read, few: histogram(read, table, query, column, known, few))
    distinct, estimated = await ask(distinct_of, differ)
    return _profile(column, known, buckets=spread, distinct=distinct, sampled=sampled, counted=not estimated)


def profile(read: Read, table: StoredTable, query: TableQuery, number: int, *, sampled: bool = False) -> Profile:
    """The same on any connection: all exact, or everything but the basics from a sample."""
    column, query = query.field(number), query.sorted_by()
    known = basics(read, table, query, column)
    if column.type in ("text", "boolean"):
        top, distinct = values(read, table, query, column, known, sampled)
        return _profile(column, known, top=top, distinct=distinct, sampled=sampled, counted=not sampled)
    spread = histogram(read, table, query, column, known, sampled)
    distinct = count_distinct(read, table, query, column, sampled)
    return _profile(column, known, buckets=spread, distinct=distinct, sampled=sampled, counted=not sampled)


def basics(read: Read, table: StoredTable, query: TableQuery, column: Field) -> Basics:
    name = column.name
    numbers = f"avg({name}), total({name})" if column.type in ("integer", "decimal") else "NULL, 0.0"
    ends = f"min({name}), max({name})" if column.type not in ("text", "boolean") else "NULL, NULL"
    rows = rows_of(read, table, query, whole=True)
    return Basics(*read(rows.select(f"count(*), count({name}), {ends}, {numbers}"))[0])


def count_distinct(read: Read, table: StoredTable, query: TableQuery, column: Field, sampled: bool) -> int:
    return int(read(_statement(read, table, query, f"count(DISTINCT {column.name})", sampled))[0][0])


def histogram(
    read: Read, table: StoredTable, query: TableQuery, column: Field, known: Basics, sampled: bool
) -> list[Bucket]:
    """Counts the rows below each edge in one scan; the differences are the bars."""
    if not known.filled:
        return []
    ranges = _ranges(column, known)
    below = [f"count(*) FILTER (WHERE {column.name} < ?)" for _ in ranges[:-1]]
    statement = _statement(read, table, query, ", ".join([*below, f"count({column.name})"]), sampled)
    counts = list(read(Sql(statement.text, (*(each.below for each in ranges[:-1]), *statement.values)))[0])
    scale = known.filled / (counts[-1] or 1)
    bars = [round((count - before) * scale) for before, count in zip([0, *counts], counts, strict=False)]
    return [_bucket(query, column, each, count, each is ranges[-1]) for each, count in zip(ranges, bars, strict=True)]


def values(
    read: Read, table: StoredTable, query: TableQuery, column: Field, known: Basics, sampled: bool
) -> tuple[list[Value], int]:
    """The most frequent values, and the number of distinct ones."""
    name = column.name
    grouped = _statement(read, table, query, f"{name} AS v, count(*) AS n", sampled)
    groups = f"groups AS MATERIALIZED ({grouped.text} GROUP BY {name})"
    totals = "(SELECT count(v) FROM groups), (SELECT sum(n) FROM groups WHERE v IS NOT NULL)"
    cut = f"substr(v, 1, {LONGEST_VALUE + 1})" if column.type == "text" else "v"
    most = f"WITH {groups} SELECT {cut}, n, {totals} FROM groups WHERE v IS NOT NULL ORDER BY n DESC, v LIMIT {TOP}"
    found = read(Sql(most, grouped.values))
    if not found:
        return [], 0
    scale = known.filled / found[0][3]
    return [_value(query, column, value, round(count * scale)) for value, count, *_ in found], int(found[0][2])


def _statement(read: Read, table: StoredTable, query: TableQuery, what: str, sampled: bool) -> Sql:
    """`what` of all rows of the query, or of those in the sample."""
    if not sampled:
        return rows_of(read, table, query, whole=True).select(what)
    name = table_name(table.id)
    size = read(Sql(f"SELECT max({ROW_ID}) FROM {name}"))[0][0] or 0
    return sample(name, what, Rows(query, table.id).condition, size, SAMPLE)


def _ranges(column: Field, known: Basics) -> list[Range]:
    if column.type in ("date", "datetime"):
        return of_days(known.lowest, known.highest)
    return of_numbers(known.lowest, known.highest, int(column.format.get("scale", 0)))


def _bucket(query: TableQuery, column: Field, each: Range, count: int, is_last: bool) -> Bucket:
    if column.type in ("date", "datetime"):
        low, high = _day(column, each.low), _day(column, each.high)
        return Bucket(low, high, count, query.with_filter(column.number, "between", low, high))
    low, high = (column.kind.print(edge, column.format) for edge in (each.low, each.high))
    if column.type == "integer":
        return Bucket(low, high, count, query.with_filter(column.number, "between", low, high))
    narrowed = query.with_filter(column.number, "ge", low)
    return Bucket(low, high, count, narrowed.with_filter(column.number, "lt", high))


def _day(column: Field, iso: str) -> str:
    """A date in the column's own format."""
    return TYPES["date"].print(iso, {"layout": day_part(column.format.get("layout", "YYYY-MM-DD"))})


def _value(query: TableQuery, column: Field, value: Any, count: int) -> Value:
    text = column.kind.print(value, column.shown)
    if len(text) > LONGEST_VALUE:
        return Value(text[:LONGEST_VALUE] + "…", count, None)
    return Value(text, count, query.with_filter(column.number, "eq", text))


def _profile(
    column: Field,
    known: Basics,
    *,
    distinct: int,
    sampled: bool,
    counted: bool,
    buckets: list[Bucket] | None = None,
    top: list[Value] | None = None,
) -> Profile:
    ends = [None if end is None else column.kind.print(end, column.format) for end in (known.lowest, known.highest)]
    note = f"Estimated from {SAMPLE:,} rows spread over the table." if sampled else ""
    return Profile(
        known.rows,
        known.filled,
        distinct,
        not counted,
        minimum=ends[0],
        maximum=ends[1],
        average=_number(column, known.average, 2),
        sum=_number(column, known.total, 0) if known.average is not None else None,
        buckets=buckets or [],
        top=top or [],
        note=note,
    )


def _number(column: Field, value: float | None, finer: int) -> str | None:
    """With the column's decimals and some more; beyond a double's precision only the leading digits."""
    if value is None:
        return None
    text = f"{value:.{int(column.format.get('scale', 0)) + finer}f}" if abs(value) < 2**53 else f"{value:.6g}"
    return text.replace(".", ",") if "mark" in column.format else text
