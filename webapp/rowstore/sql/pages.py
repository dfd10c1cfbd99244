"""Rows of a query, one page at a time, formatted by the database.

A page may be found by a scan, in chunks for as long as somebody waits: where no index leads to the matches, finding
rare ones among a million rows takes a second. An answer that says how far the scan got, and where to continue, comes
sooner and loses no row: the next one starts right there. A page of long cells ends early for the same reason, after as
many bytes as people can be sent at once.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, Literal

from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.page_budget import PAGE_BYTES, cell_limit, count_that_fit, row_cell_limit, weigh_at_most
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import COUNT_LIMIT
from webapp.rowstore.sql.cells import MAX_SELECTED, decode_cells, decode_rows, print_cells, print_scoped, read_sizes
from webapp.rowstore.sql.compile import Cursor, Part, Plan, make_parts
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.page_cursors import cursor_of, decode_cursor, encode_cursor, short_key
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.tables import ensure_own
from webapp.rowstore.table_ref import TableRef
from webapp.rowstore.values import Count, Page, PageStart, Row, RowView

FALLBACK_SECONDS = 1.0  # before the other path that a plan has is taken
FIRST_CHUNK = 1_000  # rows of a scan
_MAX_GROWTH = 4  # of a chunk against the one before
_CHUNKS = 6  # in the time available

Limited = Callable[[], AbstractContextManager[None]]  # statements in the block have a time limit
FetchedRow = tuple[int, tuple[str, ...], tuple[Any, ...]]  # id, printed cells, sort keys


def page(
    connection: Connection,
    table: TableRef,
    query: TableQuery,
    start: PageStart,
    size: int,
    scan_seconds: float,
) -> Page:
    plan = connection.make_plan(table, query)
    if plan.fallback is not None:
        try:
            with connection.time_limit(FALLBACK_SECONDS):
                return _page(connection, plan, start, size, scan_seconds)
        except QueryTimeout:
            plan = plan.fallback
    return _page(connection, plan, start, size, scan_seconds)


def _page(connection: Connection, plan: Plan, start: PageStart, size: int, scan_seconds: float) -> Page:
    query, table = plan.query, plan.table
    is_at_row, forward = start.at is not None, not (start.before or start.from_end)
    if text := start.after or start.before:
        cursor: Cursor | None = decode_cursor(query, text)
    else:
        cursor = None if start.at is None else cursor_of(connection, table, query, start.at)
    if plan.scan_end is not None:
        edge = 0 if forward else plan.scan_end + 1
        row_id = edge if cursor is None else cursor.row_id - is_at_row
        chunks = ScanChunks(plan.row_id, row_id, plan.scan_end, forward, scan_seconds)
        fetched, more = _fetch_page(connection, plan, chunks, size)
        return _scanned_page(query, chunks, fetched, more, is_first=cursor is None)
    parts = make_parts(plan, cursor, forward=forward, inclusive=is_at_row)
    fetched, more = _fetch_page(connection, plan, parts, size)
    if not forward:
        fetched.reverse()
    cursors = [encode_cursor(query, row_id, keys) for row_id, _, keys in fetched[:1] + fetched[-1:]]
    first, last = cursors or (None, None)
    return Page(
        _decode_rows(query, fetched),
        before=first if (is_at_row or start.after if forward else more) else None,
        after=last if (more if forward else start.before) else None,
        cell_limit=cell_limit(len(query.visible)),
        fields=query.visible,
    )


def count(connection: Connection, table: TableRef, query: TableQuery) -> Count:
    """Counts to one beyond the limit at most."""
    inner = connection.make_plan(table, query, whole=True).select("1", limit=COUNT_LIMIT + 1)
    number = connection.execute(Sql(f"SELECT count(*) FROM ({inner.text}) AS found", inner.values))[0][0]
    return Count(min(number, COUNT_LIMIT), number > COUNT_LIMIT)


def row(
    connection: Connection,
    limited: Limited,
    table: TableRef,
    query: TableQuery,
    row_id: int,
    scan_seconds: float,
) -> RowView | None:
    ensure_own(table, query)
    limit = row_cell_limit(len(query.fields))
    printed = print_scoped(
        connection, table, [row_id], [connection.dialect.print_beginning(field, limit) for field in query.fields]
    )
    if row_id not in printed:
        return None
    cursor = cursor_of(connection, table, query, row_id) if query.sorts else Cursor(row_id, ())
    plan = connection.make_plan(table, query)

    def neighbour(forward: bool) -> tuple[int | None, bool]:
        if plan.scan_end is None:
            return _sorted_neighbour(connection, limited, plan, make_parts(plan, cursor, forward=forward))
        chunks = ScanChunks(plan.row_id, row_id, plan.scan_end, forward, scan_seconds)
        found = _first(connection, plan, chunks)
        return found, found is None and chunks.stopped_at is not None

    (previous, previous_is_unknown), (following, next_is_unknown) = neighbour(False), neighbour(True)
    cells = printed[row_id]
    cut = [field for field, cell in zip(query.fields, cells, strict=True) if len(cell) > limit]
    sizes = read_sizes(connection, table.id, row_id, cut) if cut else {}
    sides: tuple[tuple[Literal["previous", "next"], bool], ...] = (
        ("previous", previous_is_unknown),
        ("next", next_is_unknown),
    )
    unknown = tuple(side for side, is_unknown in sides if is_unknown)
    return RowView(row_id, decode_cells(cells, limit), previous, following, sizes, unknown)


def _sorted_neighbour(
    connection: Connection, limited: Limited, plan: Plan, parts: Iterable[Part]
) -> tuple[int | None, bool]:
    """The nearest row, and whether there was no time to find it."""
    try:
        with limited():
            return _first(connection, plan, parts), False
    except QueryTimeout:
        return None, True


def _first(connection: Connection, plan: Plan, parts: Iterable[Part]) -> int | None:
    with closing(_select(connection, plan, parts, [], 1)) as batches:
        return next((batch[0][0] for batch in batches), None)


def _fetch_page(connection: Connection, plan: Plan, parts: Iterable[Part], size: int) -> tuple[list[FetchedRow], bool]:
    """Read part after part until there are enough rows, or more bytes than a page holds; and whether there are more."""
    fetched: list[FetchedRow] = []
    at_most = 0
    with closing(_read_rows(connection, plan, parts, size + 1)) as batches:
        for batch in batches:
            fetched += batch
            at_most += weigh_at_most([cells for _, cells, _ in batch])
            if at_most > PAGE_BYTES:
                fit = count_that_fit([cells for _, cells, _ in fetched], PAGE_BYTES)
                if fit < len(fetched):
                    return fetched[: min(fit, size)], True
    return fetched[:size], len(fetched) > size


def _read_rows(
    connection: Connection, plan: Plan, parts: Iterable[Part], size: int
) -> Generator[list[FetchedRow], None, None]:
    """At most `size` rows in batches, each read only when it is asked for."""
    visible, split = plan.query.visible, 1 + len(plan.query.sorts)
    limit = cell_limit(len(visible))
    printed = [connection.dialect.print_beginning(field, limit) for field in visible]
    is_wide = len(visible) > MAX_SELECTED
    for batch in _select(connection, plan, parts, [] if is_wide else printed, size):
        if is_wide:
            cells = print_cells(connection, plan.table_id, [result[0] for result in batch], printed)
            yield [(result[0], cells[result[0]], result[1:]) for result in batch]
        else:
            yield [(result[0], result[split:], result[1:split]) for result in batch]


def _select(
    connection: Connection, plan: Plan, parts: Iterable[Part], printed: Sequence[str], size: int
) -> Generator[list[Any], None, None]:
    """Batches of rows: the id of each, the beginning of each of its sort keys, and the expressions `printed`."""
    names = ", ".join([plan.row_id, *(short_key(sort.field) for sort in plan.query.sorts), *printed])
    for part in parts:
        for batch in connection.iterate(plan.select(names, part.where, part.order, size), is_short=True):
            yield batch
            size -= len(batch)
        if not size:
            break


def _decode_rows(query: TableQuery, fetched: Sequence[FetchedRow]) -> list[Row]:
    return decode_rows([(row_id, cells) for row_id, cells, _ in fetched], cell_limit(len(query.visible)))


# -- scans -------------------------------------------------------------------------------------------------------------


@dataclass
class ScanChunks:
    """The rows after `start` (or before it), as parts of an unsorted table whose highest id is `end`.

    They stop once `seconds` are over, but never before the first; `stopped_at` is then the last row examined.
    """

    row_id: str  # SQL
    start: int
    end: int
    forward: bool
    seconds: float
    stopped_at: int | None = None

    def __iter__(self) -> Iterator[Part]:
        deadline, height = time.monotonic() + self.seconds, FIRST_CHUNK
        at, last = (max(self.start, 0), self.end) if self.forward else (min(self.start, self.end + 1), 1)
        after, until, direction = (">", "<=", "ASC") if self.forward else ("<", ">=", "DESC")
        where, order = f"{self.row_id} {after} ? AND {self.row_id} {until} ?", f"{self.row_id} {direction}"
        while at < last if self.forward else at > last:
            began = time.monotonic()
            at, before = (min(at + height, last), at) if self.forward else (max(at - height, last), at)
            yield Part(Sql(where, (before, at)), order)
            now = time.monotonic()
            if now > deadline and at != last:
                self.stopped_at = at
                return
            growth = min(_MAX_GROWTH, self.seconds / _CHUNKS / max(now - began, 1e-6))
            height = max(FIRST_CHUNK, int(height * growth))


def _scanned_page(
    query: TableQuery, chunks: ScanChunks, fetched: list[FetchedRow], more: bool, *, is_first: bool
) -> Page:
    """A page collected by a scan. Any id serves as a cursor here, so even an empty page has both ends."""
    ids = [result[0] for result in fetched]
    nearest = ids[0] if ids else chunks.start + (1 if chunks.forward else -1)
    stopped_at = chunks.stopped_at
    furthest = stopped_at if stopped_at is not None else ids[-1] if more else None
    back = None if is_first else encode_cursor(query, nearest, ())
    onward = None if furthest is None else encode_cursor(query, furthest, ())
    rows, limit = _decode_rows(query, fetched), cell_limit(len(query.visible))
    if chunks.forward:
        return Page(rows, back, onward, None if stopped_at is None else ("after", stopped_at), limit, query.visible)
    return Page(rows[::-1], onward, back, None if stopped_at is None else ("before", stopped_at), limit, query.visible)
