"""Rows of a query, one page at a time, formatted by the database; and their cursors.

A page may be found by a scan, in chunks for as long as somebody waits: where no index leads to the matches, finding
rare ones among a million rows takes a second. An answer that says how far the scan got, and where to continue, comes
sooner and loses no row: the next one starts right there.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any

from webapp.rowstore.errors import QueryError
from webapp.rowstore.nul_escape import decode, needs_encoding
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.compile import IN_ROW, Cursor, Part, Rows, parts
from webapp.rowstore.sqlite.planning import Read, plan
from webapp.rowstore.sqlite.printing import print_shown
from webapp.rowstore.sqlite.schema import ROW_ID, column_name, table_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.store import Count, Page, Row, RowView

MAX_RESULTS = 1_000  # columns per statement; SQLite allows 2,000, including those of the order
MAX_IDS = 1_000  # rows per statement
MAX_KEY = 200  # characters of a sort key in a cursor; a longer one is read from the row again
FIRST_CHUNK = 1_000  # rows of a scan
_GROWTH = 4
_SHARE = 6  # a chunk aims to take this fraction of the time available

Found = tuple[int, tuple[str, ...], tuple[Any, ...]]  # id, printed cells, sort keys


def page(
    read: Read,
    table_id: int,
    query: TableQuery,
    *,
    after: str | None,
    before: str | None,
    at: int | None,
    size: int,
    scan_seconds: float | None,
) -> Page:
    rows = plan(read, table_id, query)
    text = after or before
    cursor = decode_cursor(query, text) if text else _cursor_of(read, table_id, query, at) if at is not None else None
    forward = not before
    if scan_seconds is not None and rows.scanned is not None:
        start = 0 if cursor is None else cursor.row_id - (at is not None)
        chunks = Chunks(rows.row_id, start, rows.scanned, forward, scan_seconds)
        return _scanned(query, chunks, _fetch(read, rows, chunks, size + 1), size, is_first=cursor is None)
    found = _fetch(read, rows, parts(rows, cursor, forward=forward, inclusive=at is not None), size + 1)
    more, found = len(found) > size, found[:size]
    if not forward:
        found.reverse()
    ends = [encode_cursor(query, found[index][0], found[index][2]) for index in (0, -1)] if found else [None, None]
    comes_from_before = at is not None or bool(after)
    return Page(
        _decoded(found),
        before=ends[0] if (comes_from_before if forward else more) else None,
        after=ends[1] if (more if forward else bool(before)) else None,
    )


def count(read: Read, table_id: int, query: TableQuery, limit: int) -> Count:
    """Counts to one beyond the limit at most."""
    inner = plan(read, table_id, query, whole=True).select("1", limit=limit + 1)
    number = read(Sql(f"SELECT count(*) FROM ({inner.text})", inner.values))[0][0]
    return Count(min(number, limit), number > limit)


def row(read: Read, table_id: int, query: TableQuery, row_id: int) -> RowView | None:
    printed = print_cells(read, table_id, [row_id], [print_shown(field) for field in query.fields])
    if row_id not in printed:
        return None
    cursor = _cursor_of(read, table_id, query, row_id) if query.sorts else Cursor(row_id, ())
    rows = plan(read, table_id, query)
    previous = _fetch(read, rows, parts(rows, cursor, forward=False), 1, bare=True)
    following = _fetch(read, rows, parts(rows, cursor, forward=True), 1, bare=True)
    cells = tuple(map(decode, printed[row_id]))
    return RowView(row_id, cells, previous[0][0] if previous else None, following[0][0] if following else None)


def print_cells(read: Read, table_id: int, ids: Sequence[int], printed: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """The SQL expressions `printed` of these rows, however many; as stored, not decoded."""
    cells: dict[int, tuple[str, ...]] = {}
    for first in range(0, len(ids), MAX_IDS):
        some = tuple(ids[first : first + MAX_IDS])
        for start in range(0, max(len(printed), 1), MAX_RESULTS):
            names = ", ".join([ROW_ID, *printed[start : start + MAX_RESULTS]])
            where = f"{ROW_ID} IN ({', '.join('?' * len(some))})"
            for result in read(Sql(f"SELECT {names} FROM {table_name(table_id)} WHERE {where}", some)):
                cells[result[0]] = cells.get(result[0], ()) + tuple(result[1:])
    return cells


def _fetch(read: Read, rows: Rows, ways: Iterable[Part], size: int, *, bare: bool = False) -> list[Found]:
    """Read part after part until there are enough rows; `bare`: without their cells."""
    visible = () if bare else rows.query.visible
    printed = [print_shown(field) for field in visible]
    wide = len(visible) > MAX_RESULTS
    keys = [column_name(sort.field) for sort in rows.query.sorts]
    names = [rows.row_id, *keys, *(() if wide else printed)]
    found: list[Any] = []
    for part in ways:
        found += read(rows.select(", ".join(names), part.where, part.order, size - len(found)))
        if len(found) == size:
            break
    split = 1 + len(keys)
    if not wide:
        return [(result[0], tuple(result[split:]), tuple(result[1:split])) for result in found]
    cells = print_cells(read, rows.table_id, [result[0] for result in found], printed)
    return [(result[0], cells[result[0]], tuple(result[1:])) for result in found]


def _decoded(found: Sequence[Found]) -> list[Row]:
    if not needs_encoding("".join(chain.from_iterable(cells for _, cells, _ in found))):
        return [(row_id, cells) for row_id, cells, _ in found]
    return [(row_id, tuple(map(decode, cells))) for row_id, cells, _ in found]


# -- scans -------------------------------------------------------------------------------------------------------------


@dataclass
class Chunks:
    """The rows after `start` (or before it), as parts of an unsorted table whose highest id is `size`.

    They end once `seconds` are over, but never before the first; `left_at` is then the last row examined.
    """

    row_id: str
    start: int
    size: int
    forward: bool
    seconds: float
    left_at: int | None = None

    def __iter__(self) -> Iterator[Part]:
        until, height = time.monotonic() + self.seconds, FIRST_CHUNK
        at, last = (max(self.start, 0), self.size) if self.forward else (min(self.start, self.size + 1), 1)
        while at < last if self.forward else at > last:
            began = time.monotonic()
            at, before = (min(at + height, last), at) if self.forward else (max(at - height, last), at)
            yield self._part(before, at)
            now = time.monotonic()
            if now > until and at != last:
                self.left_at = at
                return
            height = max(FIRST_CHUNK, int(height * min(_GROWTH, self.seconds / _SHARE / max(now - began, 1e-6))))

    def _part(self, beyond: int, until: int) -> Part:
        signs = (">", "<=", "ASC") if self.forward else ("<", ">=", "DESC")
        where = f"{self.row_id} {signs[0]} ? AND {self.row_id} {signs[1]} ?"
        return Part(Sql(where, (beyond, until)), f"{self.row_id} {signs[2]}")


def _scanned(query: TableQuery, chunks: Chunks, found: list[Found], size: int, *, is_first: bool) -> Page:
    """A page collected by a scan. Any id serves as a cursor here, so even an empty page has both ends."""
    more, ids = len(found) > size, [result[0] for result in found[:size]]
    nearest = ids[0] if ids else chunks.start + (1 if chunks.forward else -1)
    left = chunks.left_at
    furthest = left if left is not None else ids[-1] if more else None
    back = None if is_first else encode_cursor(query, nearest, ())
    on = None if furthest is None else encode_cursor(query, furthest, ())
    shown = _decoded(found[:size])
    if chunks.forward:
        return Page(shown, before=back, after=on, left_at=None if left is None else ("after", left))
    return Page(shown[::-1], before=on, after=back, left_at=None if left is None else ("before", left))


# -- cursors: the order, a row's id and its sort keys, as opaque text --------------------------------------------------


def encode_cursor(query: TableQuery, row_id: int, keys: Sequence[Any]) -> str:
    short = [IN_ROW if isinstance(key, str) and len(key) > MAX_KEY else key for key in keys]
    data = json.dumps([_order(query), row_id, *short], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode_cursor(query: TableQuery, text: str) -> Cursor:
    """Raises QueryError for anything that `encode_cursor` did not create for this very order."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        order, row_id, *keys = json.loads(urlsafe_b64decode(padded).decode())
        fits = order == _order(query) and _is_stored(row_id, int)
        fits = fits and all(
            key is None or key is IN_ROW or _is_stored(key, sort.field.kind.stored)
            for key, sort in zip(keys, query.sorts, strict=True)
        )
    except (ValueError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise QueryError("This place in the table is no longer known. Start again from the first row.", "after")
    return Cursor(row_id, tuple(keys))


def _order(query: TableQuery) -> str:
    return ",".join(sort.argument for sort in query.sorts)


def _is_stored(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, (float, int) if kind is float else kind):
        return False
    if isinstance(value, str):
        value.encode()  # lone surrogates raise ValueError
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _cursor_of(read: Read, table_id: int, query: TableQuery, row_id: int) -> Cursor | None:
    if not -(2**63) <= row_id < 2**63:
        return None
    keys = ", ".join([ROW_ID, *(column_name(sort.field) for sort in query.sorts)])
    found = read(Sql(f"SELECT {keys} FROM {table_name(table_id)} WHERE {ROW_ID} = ?", (row_id,)))
    return Cursor(row_id, tuple(found[0][1:])) if found else None
