"""Rows of a query, one page at a time, formatted by the database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.sqlite.chunked_scan import Strips
from webapp.rowstore.sqlite.compile import Part, Rows, count_sql, parts
from webapp.rowstore.sqlite.connection import Database, Read, run
from webapp.rowstore.sqlite.cursor import Cursor, decode, encode
from webapp.rowstore.sqlite.planning import rows_of
from webapp.rowstore.sqlite.schema import ROW_ID, Field, StoredTable, table_name
from webapp.rowstore.sqlite.statement import Sql

PAGE_SIZE = 100
COUNT_LIMIT = 10_000
BUDGET = 5.0  # seconds
SCAN_SECONDS = 0.2  # seconds
_MOST_RESULTS = 1_000  # columns per statement; SQLite allows 2,000, including those of the order

T = TypeVar("T")
Row = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, each with its id and one printed cell per visible column; and where the neighbouring pages start.

    `before` and `after` are cursors for the next call, or None at the end of the table. `left_at` is set if time ran
    out before the page was full: the direction and the last row examined, beyond which there may be more.
    """

    rows: list[Row]
    before: str | None
    after: str | None
    left_at: tuple[Literal["before", "after"], int] | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a query shows; `more`: at least this many, where counting stopped."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class RowView:
    """One row: the printed cell of every column, in the order of `query.fields`, and its neighbours in the query."""

    id: int
    cells: tuple[str, ...]
    previous: int | None
    next: int | None


# -- for the web: off the event loop, within a budget of seconds ------------------------------------------------------


async def fetch_rows(
    database: Database,
    table: StoredTable,
    query: TableQuery,
    *,
    after: str | None = None,
    before: str | None = None,
    at: int | None = None,
    last: bool = False,
    size: int = PAGE_SIZE,
    seconds: float = BUDGET,
    scan_seconds: float | None = SCAN_SECONDS,
) -> Page:
    """Return the first page, the one after `after` or before `before`, the one starting `at` a row's id, or the last
    one.

    Raises QueryError for an invalid cursor, and QueryTimeout beyond `seconds`. Where rows have to be examined one by
    one, that ends after `scan_seconds` seconds with whatever has been found.
    """
    return await run(
        database,
        seconds,
        lambda read: page(
            read, table, query, after=after, before=before, at=at, last=last, size=size, scan_seconds=scan_seconds
        ),
    )


async def count_rows(
    database: Database, table: StoredTable, query: TableQuery, limit: int = COUNT_LIMIT, seconds: float = BUDGET
) -> Count:
    """How many rows the query shows, counted up to `limit`. Without search and filters use `row_count` instead."""
    return await run(database, seconds, lambda read: count(read, table, query, limit))


async def fetch_row(
    database: Database, table: StoredTable, query: TableQuery, row_id: int, seconds: float = BUDGET
) -> RowView | None:
    """One row and its neighbours in the query, which need not include it; None if there is no such row."""
    return await run(database, seconds, lambda read: row(read, table, query, row_id))


async def row_position(
    database: Database, table: StoredTable, query: TableQuery, row_id: int, seconds: float = BUDGET
) -> int | None:
    """The position of a row among those shown, from 1; None if there is no such row."""
    return await run(database, seconds, lambda read: position(read, table, query, row_id))


# -- the same on any connection --------------------------------------------------------------------------------------


def page(
    read: Read,
    table: StoredTable,
    query: TableQuery,
    *,
    after: str | None = None,
    before: str | None = None,
    at: int | None = None,
    last: bool = False,
    size: int = PAGE_SIZE,
    scan_seconds: float | None = None,
) -> Page:
    rows = rows_of(read, table, query)
    text = after or before
    cursor = decode(query, text) if text else _cursor_of(read, table, query, at) if at is not None else None
    forward = not before and not last
    if scan_seconds is not None and rows.scanned is not None:
        strips = _strips(rows, rows.scanned, cursor, scan_seconds, forward=forward, inclusive=at is not None)
        return _seen(query, strips, _fetch(read, rows, strips, size + 1), size, is_first=cursor is None)
    found = _fetch(read, rows, parts(rows, cursor, forward=forward, inclusive=at is not None), size + 1)
    more, found = len(found) > size, found[:size]
    if not forward:
        found.reverse()
    ends = [_encoded(query, found[index]) for index in (0, -1)] if found else [None, None]
    comes_from_before = at is not None or bool(after)
    return Page(
        [result[:2] for result in found],
        before=ends[0] if (comes_from_before if forward else more) else None,
        after=ends[1] if (more if forward else bool(before)) else None,
    )


def _strips(rows: Rows, size: int, cursor: Cursor | None, seconds: float, *, forward: bool, inclusive: bool) -> Strips:
    edge = 0 if forward else size + 1
    start = edge if cursor is None else cursor.row_id - inclusive
    return Strips(rows.row_id, start, size, forward, seconds)


def _seen(query: TableQuery, strips: Strips, found: "list[Result]", size: int, *, is_first: bool) -> Page:
    """A page collected strip by strip. Any id serves as a cursor here, so even an empty page has both ends."""
    more, ids = len(found) > size, [result[0] for result in found[:size]]
    nearest = ids[0] if ids else strips.start + (1 if strips.forward else -1)
    left = strips.left_at
    furthest = left if left is not None else ids[-1] if more else None
    back = None if is_first else encode(query, nearest, ())
    on = None if furthest is None else encode(query, furthest, ())
    shown = [result[:2] for result in found[:size]]
    if strips.forward:
        return Page(shown, before=back, after=on, left_at=None if left is None else ("after", left))
    return Page(shown[::-1], before=on, after=back, left_at=None if left is None else ("before", left))


def count(read: Read, table: StoredTable, query: TableQuery, limit: int = COUNT_LIMIT) -> Count:
    number = read(count_sql(rows_of(read, table, query, whole=True), limit))[0][0]
    return Count(min(number, limit), number > limit)


def row(read: Read, table: StoredTable, query: TableQuery, row_id: int) -> RowView | None:
    cells = _printed(read, table_name(table.id), [row_id], query.fields).get(row_id)
    if cells is None:
        return None
    cursor = _cursor_of(read, table, query, row_id) if query.sorts else Cursor(row_id, ())
    rows = rows_of(read, table, query)
    previous = _fetch(read, rows, parts(rows, cursor, forward=False), 1, bare=True)
    following = _fetch(read, rows, parts(rows, cursor, forward=True), 1, bare=True)
    return RowView(row_id, cells, previous[0][0] if previous else None, following[0][0] if following else None)


def position(read: Read, table: StoredTable, query: TableQuery, row_id: int) -> int | None:
    cursor = _cursor_of(read, table, query, row_id)
    if cursor is None:
        return None
    rows = Rows(query, table.id)
    before = [rows.select("count(*)", part.where) for part in parts(rows, cursor, forward=False)]
    return 1 + sum(int(read(statement)[0][0]) for statement in before)


Result = tuple[int, tuple[str, ...], tuple[Any, ...]]


def _fetch(read: Read, rows: Rows, ways: Iterable[Part], size: int, *, bare: bool = False) -> list[Result]:
    """Read part after part until there are enough rows: id, printed cells, sort keys."""
    visible = () if bare else rows.query.visible
    wide = len(visible) > _MOST_RESULTS
    keys = [sort.field.name for sort in rows.query.sorts]
    names = [rows.row_id, *keys, *(() if wide else (field.printed for field in visible))]
    found: list[Any] = []
    for part in ways:
        found += read(rows.select(", ".join(names), part.where, part.order, size - len(found)))
        if len(found) == size:
            break
    split = 1 + len(keys)
    if not wide:
        return [(result[0], tuple(result[split:]), tuple(result[1:split])) for result in found]
    cells = _printed(read, table_name(rows.table_id), [result[0] for result in found], visible)
    return [(result[0], cells[result[0]], tuple(result[1:])) for result in found]


def _printed(read: Read, name: str, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
    """The cells of these rows, however many columns there are."""
    cells: dict[int, tuple[str, ...]] = {}
    for start in range(0, len(fields), _MOST_RESULTS):
        names = ", ".join([ROW_ID, *(field.printed for field in fields[start : start + _MOST_RESULTS])])
        marks = ", ".join("?" * len(ids))
        for result in read(Sql(f"SELECT {names} FROM {name} WHERE {ROW_ID} IN ({marks})", tuple(ids))):
            cells[result[0]] = cells.get(result[0], ()) + tuple(result[1:])
    return cells


def _cursor_of(read: Read, table: StoredTable, query: TableQuery, row_id: int) -> Cursor | None:
    if not -(2**63) <= row_id < 2**63:
        return None
    keys = ", ".join([ROW_ID, *(sort.field.name for sort in query.sorts)])
    found = read(Sql(f"SELECT {keys} FROM {table_name(table.id)} WHERE {ROW_ID} = ?", (row_id,)))
    return Cursor(row_id, tuple(found[0][1:])) if found else None


def _encoded(query: TableQuery, result: Result) -> str:
    return encode(query, result[0], result[2])
