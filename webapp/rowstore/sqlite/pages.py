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
from webapp.rowstore.sqlite.compile import IN_ROW, Cursor, Part, Plan, make_parts
from webapp.rowstore.sqlite.planning import Execute, make_plan
from webapp.rowstore.sqlite.printing import print_shown
from webapp.rowstore.sqlite.schema import ROW_ID, column_name, table_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.store import COUNT_LIMIT, Count, Page, PageStart, Row, RowView

MAX_SELECTED = 1_000  # columns per statement; SQLite allows 2,000, including those of the order
MAX_IDS = 1_000  # rows per statement
MAX_KEY = 200  # characters of a sort key in a cursor; a longer one is read from the row again
FIRST_CHUNK = 1_000  # rows of a scan
_MAX_GROWTH = 4  # of a chunk against the one before
_CHUNKS = 6  # in the time available

FetchedRow = tuple[int, tuple[str, ...], tuple[Any, ...]]  # id, printed cells, sort keys


def page(execute: Execute, table_id: int, query: TableQuery, start: PageStart, size: int, scan_seconds: float) -> Page:
    plan = make_plan(execute, table_id, query)
    is_at_row, forward = start.at is not None, not start.before
    if text := start.after or start.before:
        cursor: Cursor | None = decode_cursor(query, text)
    else:
        cursor = None if start.at is None else _cursor_of(execute, table_id, query, start.at)
    if plan.scan_end is not None:
        row_id = 0 if cursor is None else cursor.row_id - is_at_row
        chunks = ScanChunks(plan.row_id, row_id, plan.scan_end, forward, scan_seconds)
        return _scanned_page(query, chunks, _fetch(execute, plan, chunks, size + 1), size, is_first=cursor is None)
    fetched = _fetch(execute, plan, make_parts(plan, cursor, forward=forward, inclusive=is_at_row), size + 1)
    more, fetched = len(fetched) > size, fetched[:size]
    if not forward:
        fetched.reverse()
    cursors = [encode_cursor(query, row_id, keys) for row_id, _, keys in fetched[:1] + fetched[-1:]]
    first, last = cursors or (None, None)
    return Page(
        _decode_rows(fetched),
        before=first if (is_at_row or start.after if forward else more) else None,
        after=last if (more if forward else start.before) else None,
    )


def count(execute: Execute, table_id: int, query: TableQuery) -> Count:
    """Counts to one beyond the limit at most."""
    inner = make_plan(execute, table_id, query, whole=True).select("1", limit=COUNT_LIMIT + 1)
    number = execute(Sql(f"SELECT count(*) FROM ({inner.text})", inner.values))[0][0]
    return Count(min(number, COUNT_LIMIT), number > COUNT_LIMIT)


def row(execute: Execute, table_id: int, query: TableQuery, row_id: int) -> RowView | None:
    printed = print_cells(execute, table_id, [row_id], [print_shown(field) for field in query.fields])
    if row_id not in printed:
        return None
    cursor = _cursor_of(execute, table_id, query, row_id) if query.sorts else Cursor(row_id, ())
    plan = make_plan(execute, table_id, query)

    def neighbour(forward: bool) -> int | None:
        fetched = _fetch(execute, plan, make_parts(plan, cursor, forward=forward), 1, ids_only=True)
        return fetched[0][0] if fetched else None

    return RowView(row_id, tuple(map(decode, printed[row_id])), neighbour(False), neighbour(True))


def print_cells(
    execute: Execute, table_id: int, ids: Sequence[int], printed: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """The SQL expressions `printed` of these rows, however many; as stored, not decoded."""
    cells: dict[int, tuple[str, ...]] = {}
    for first in range(0, len(ids), MAX_IDS):
        some_ids = tuple(ids[first : first + MAX_IDS])
        for start in range(0, max(len(printed), 1), MAX_SELECTED):
            names = ", ".join([ROW_ID, *printed[start : start + MAX_SELECTED]])
            where = f"{ROW_ID} IN ({', '.join('?' * len(some_ids))})"
            for result in execute(Sql(f"SELECT {names} FROM {table_name(table_id)} WHERE {where}", some_ids)):
                cells[result[0]] = cells.get(result[0], ()) + tuple(result[1:])
    return cells


def _fetch(
    execute: Execute, plan: Plan, parts: Iterable[Part], size: int, *, ids_only: bool = False
) -> list[FetchedRow]:
    """Read part after part until there are enough rows; `ids_only`: without their cells."""
    visible = () if ids_only else plan.query.visible
    printed = [print_shown(field) for field in visible]
    is_wide = len(visible) > MAX_SELECTED
    keys = [column_name(sort.field) for sort in plan.query.sorts]
    names = [plan.row_id, *keys, *(() if is_wide else printed)]
    fetched: list[Any] = []
    for part in parts:
        fetched += execute(plan.select(", ".join(names), part.where, part.order, size - len(fetched)))
        if len(fetched) == size:
            break
    split = 1 + len(keys)
    if not is_wide:
        return [(result[0], tuple(result[split:]), tuple(result[1:split])) for result in fetched]
    cells = print_cells(execute, plan.table_id, [result[0] for result in fetched], printed)
    return [(result[0], cells[result[0]], tuple(result[1:])) for result in fetched]


def _decode_rows(fetched: Sequence[FetchedRow]) -> list[Row]:
    if not needs_encoding("".join(chain.from_iterable(cells for _, cells, _ in fetched))):
        return [(row_id, cells) for row_id, cells, _ in fetched]
    return [(row_id, tuple(map(decode, cells))) for row_id, cells, _ in fetched]


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
    query: TableQuery, chunks: ScanChunks, fetched: list[FetchedRow], size: int, *, is_first: bool
) -> Page:
    """A page collected by a scan. Any id serves as a cursor here, so even an empty page has both ends."""
    more, ids = len(fetched) > size, [result[0] for result in fetched[:size]]
    nearest = ids[0] if ids else chunks.start + (1 if chunks.forward else -1)
    stopped_at = chunks.stopped_at
    furthest = stopped_at if stopped_at is not None else ids[-1] if more else None
    back = None if is_first else encode_cursor(query, nearest, ())
    onward = None if furthest is None else encode_cursor(query, furthest, ())
    rows = _decode_rows(fetched[:size])
    if chunks.forward:
        return Page(rows, before=back, after=onward, stopped_at=None if stopped_at is None else ("after", stopped_at))
    return Page(
        rows[::-1], before=onward, after=back, stopped_at=None if stopped_at is None else ("before", stopped_at)
    )


# -- cursors: the order, a row's id and its sort keys, as opaque text --------------------------------------------------


def encode_cursor(query: TableQuery, row_id: int, keys: Sequence[Any]) -> str:
    short_keys = [IN_ROW if isinstance(key, str) and len(key) > MAX_KEY else key for key in keys]
    data = json.dumps([_order(query), row_id, *short_keys], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode_cursor(query: TableQuery, text: str) -> Cursor:
    """Raises QueryError for anything that `encode_cursor` did not create for this very order."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        order, row_id, *keys = json.loads(urlsafe_b64decode(padded).decode())
        is_valid = order == _order(query) and _is_storable(row_id, int)
        is_valid = is_valid and all(
            key is None or key is IN_ROW or _is_storable(key, sort.field.kind.stored)
            for key, sort in zip(keys, query.sorts, strict=True)
        )
    except (ValueError, TypeError, RecursionError):
        is_valid = False
    if not is_valid:
        raise QueryError("This place in the table is no longer known. Start again from the first row.", "after")
    return Cursor(row_id, tuple(keys))


def _order(query: TableQuery) -> str:
    return ",".join(sort.argument for sort in query.sorts)


def _is_storable(value: Any, type_: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, (float, int) if type_ is float else type_):
        return False
    if isinstance(value, str):
        value.encode()  # lone surrogates raise ValueError
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _cursor_of(execute: Execute, table_id: int, query: TableQuery, row_id: int) -> Cursor | None:
    if not -(2**63) <= row_id < 2**63:
        return None
    keys = ", ".join([ROW_ID, *(column_name(sort.field) for sort in query.sorts)])
    rows = execute(Sql(f"SELECT {keys} FROM {table_name(table_id)} WHERE {ROW_ID} = ?", (row_id,)))
    return Cursor(row_id, tuple(rows[0][1:])) if rows else None
