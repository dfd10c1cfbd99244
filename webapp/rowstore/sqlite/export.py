"""Exports what a query shows as CSV or NDJSON, in blocks of bytes, at the database's speed and in constant memory.

The database formats the lines, and in file order joins them as well; Python only passes them on. That is faster
than `csv.writer` over a cursor, and a thread waiting for SQLite releases the interpreter lock: the next block is
prepared while one is sent.

In file order each block is a separate query that starts after the last row: a slow reader holds nothing open, and
sees later changes to rows not sent yet. A sorted export is one snapshot; for the web it is written to a
file first, because an open snapshot keeps the database's log from being truncated, and some readers take hours.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

from webapp.db.sqlite_driver import connect
from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.sqlite.compile import Part, Rows, parts
from webapp.rowstore.sqlite.connection import reader, stoppable
from webapp.rowstore.sqlite.cursor import Cursor
from webapp.rowstore.sqlite.planning import rows_of
from webapp.rowstore.sqlite.row_serializers import csv_head, csv_line, json_line
from webapp.rowstore.sqlite.schema import StoredTable
from webapp.rowstore.sqlite.statement import Sql

Format = Literal["csv", "ndjson"]
Blocks = Generator[bytes, None, None]

BLOCK = 128 * 1024  # bytes
# Rows the database joins: each may be large, and all of them are in memory. More where the first ones were small.
FIRST_JOINED, MOST_JOINED = 64, 256


async def stream(
    path: Path, table: StoredTable, query: TableQuery, format: Format = "csv", *, safe: bool = False
) -> AsyncGenerator[bytes, None]:
    """`export` for the web: on a separate connection, block by block in a thread, one block ahead of the client.

    If the consumer goes away, the connection is interrupted and closed.
    """
    connection = await asyncio.to_thread(connect, path, query_only=True)
    gone, opened = stoppable(connection), ExitStack()
    opened.callback(connection.close)
    blocks = opened.enter_context(closing(export(connection, table, query, format, safe=safe)))
    if query.sorts:
        blocks = opened.enter_context(closing(_whole(blocks, path.parent)))
    making = _start(blocks)
    try:
        # Cancelling the await does not stop the thread, and would hide when it ends.
        while (block := await asyncio.shield(making)) is not None:
            making = _start(blocks)
            yield block
    finally:
        gone.set()
        _when_done(making, opened)


def _whole(blocks: Blocks, folder: Path) -> Blocks:
    """The same from an unnamed file with all blocks: the database's own folder has room for its contents."""
    with TemporaryFile(prefix="rowcast-", dir=folder) as file:
        for block in blocks:
            file.write(block)
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def _start(blocks: Blocks) -> "asyncio.Future[bytes | None]":
    return asyncio.ensure_future(asyncio.to_thread(next, blocks, None))


def _when_done(making: "asyncio.Future[bytes | None]", opened: ExitStack) -> None:
    def interrupted(ended: "asyncio.Future[bytes | None]") -> None:
        if not ended.cancelled():
            ended.exception()  # retrieved, since nobody else will
        opened.close()

    if making.done():
        interrupted(making)
    else:
        making.add_done_callback(interrupted)


def export(
    connection: sqlite3.Connection, table: StoredTable, query: TableQuery, format: Format = "csv", *, safe: bool = False
) -> Blocks:
    """The rows of the query in its order, its visible columns in theirs."""
    head, line = (csv_head(query, safe), csv_line(query, safe)) if format == "csv" else (b"", json_line(query))
    if head:
        yield head
    read = reader(connection)
    # All rows are wanted: sorting them takes a quarter of the time of fetching each through an index.
    rows = replace(rows_of(read, table, query, whole=True), query=query, in_order=False)
    yield from (_sorted if query.sorts else _in_file_order)(connection, rows, line)


def _in_file_order(connection: sqlite3.Connection, rows: Rows, line: Sql) -> Iterator[bytes]:
    last: int | None = 0
    while last is not None:
        # Restarting in the middle of the full-text index is slow, so there each block is a single query.
        last, block = (_listed if rows.match else _joined)(connection, rows, line, last)
        if block:
            yield block


def _listed(connection: sqlite3.Connection, rows: Rows, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The lines of a block after the row `last`, and their last row; None if there are no more."""
    with closing(connection.execute(*_statement(rows, line, next(parts(rows, Cursor(last, ())))))) as cursor:
        return _block(cursor)


def _joined(connection: sqlite3.Connection, rows: Rows, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The same, by queries for a few lines each."""
    block, count = bytearray(), FIRST_JOINED
    while len(block) < BLOCK:
        statement, values = _statement(rows, line, next(parts(rows, Cursor(last, ()))))
        together = f"SELECT max(id), count(*), CAST(group_concat(line, '') AS BLOB) FROM ({statement} LIMIT ?)"
        found, found_rows, lines = connection.execute(together, (*values, count)).fetchone()
        block += lines or b""
        if found_rows < count:
            return None, bytes(block)
        last, count = found, max(1, min(MOST_JOINED, BLOCK * count // len(lines)))
    return last, bytes(block)


def _sorted(connection: sqlite3.Connection, rows: Rows, line: Sql) -> Iterator[bytes]:
    connection.execute("PRAGMA temp_store = FILE")  # the sorted data may exceed memory
    connection.execute("BEGIN")
    try:
        for part in parts(rows, None):
            with closing(connection.execute(*_statement(rows, line, part))) as cursor:
                more: int | None = 0
                while more is not None:
                    more, block = _block(cursor)
                    if block:
                        yield block
    finally:
        connection.execute("ROLLBACK")


def _statement(rows: Rows, line: Sql, part: Part) -> tuple[str, tuple[Any, ...]]:
    statement = rows.select(f"{rows.row_id} AS id, CAST({line.text} AS BLOB) AS line", part.where, part.order)
    return statement.text, (*line.values, *statement.values)


def _block(cursor: sqlite3.Cursor) -> tuple[int | None, bytes]:
    """Lines of about one block, with the id of the last row; None if there are no more."""
    lines, size = [], 0
    for row_id, line in cursor:
        lines.append(line)
        size += len(line)
        if size >= BLOCK:
            return row_id, b"".join(lines)
    return None, b"".join(lines)


# -- CSV -------------------------------------------------------------------------------------------------------------
