"""Exports what a query shows as CSV or NDJSON, in blocks of bytes, at the database's speed and in constant memory.

The database formats the lines, and in file order joins them as well; Python only passes them on. That is faster
than `csv.writer` over a cursor, and a thread waiting for SQLite releases the interpreter lock: the next block is
prepared while one is sent.

In file order each block is a separate query that starts after the last row: a slow reader holds nothing open, and
sees later changes to rows not sent yet. A sorted export is one snapshot, so it is written to a file first: an open
snapshot keeps the database's log from being truncated, and some readers take hours.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from webapp.rowstore.nul_escape import decode_block
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.compile import Cursor, Part, Plan, make_parts
from webapp.rowstore.sqlite.planning import Execute, make_plan
from webapp.rowstore.sqlite.row_serializers import csv_head, csv_line, json_line
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.store import Blocks, ExportFormat

BLOCK = 128 * 1024  # bytes
# Rows the database joins: each may be large, and all of them are in memory. More where the first ones were small.
FIRST_JOINED, MAX_JOINED = 64, 256
_NULS = {"csv": b"\0", "ndjson": b"\\u0000"}


def export(
    connection: sqlite3.Connection,
    execute: Execute,
    table_id: int,
    query: TableQuery,
    format: ExportFormat,
    *,
    safe: bool,
) -> Blocks:
    """The rows of the query in its order, its visible columns in theirs."""
    head, line = (csv_head(query, safe), csv_line(query, safe)) if format == "csv" else (b"", json_line(query))
    if head:
        yield head
    # All rows are wanted: sorting them takes a quarter of the time of fetching each through an index.
    plan = replace(make_plan(execute, table_id, query, whole=True), query=query, may_use_sort_index=False)
    if query.sorts:
        blocks = _buffered(connection, _sorted_blocks(connection, plan, line))
    else:
        blocks = _unsorted_blocks(connection, plan, line)
    for block in blocks:
        yield decode_block(block, _NULS[format])


def _unsorted_blocks(connection: sqlite3.Connection, plan: Plan, line: Sql) -> Iterator[bytes]:
    last: int | None = 0
    while last is not None:
        # Restarting in the middle of the full-text index is slow, so there each block is a single query.
        last, block = (_read_block if plan.match else _join_block)(connection, plan, line, last)
        if block:
            yield block


def _read_block(connection: sqlite3.Connection, plan: Plan, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The lines of a block after the row `last`, and their last row; None if there are no more."""
    with closing(connection.execute(*_statement(plan, line, next(make_parts(plan, Cursor(last, ())))))) as cursor:
        return _fetch_block(cursor)


def _join_block(connection: sqlite3.Connection, plan: Plan, line: Sql, last: int) -> tuple[int | None, bytes]:
    """The same, by queries for a few lines each."""
    block, count = bytearray(), FIRST_JOINED
    while len(block) < BLOCK:
        statement, values = _statement(plan, line, next(make_parts(plan, Cursor(last, ()))))
        joining = f"SELECT max(id), count(*), CAST(group_concat(line, '') AS BLOB) FROM ({statement} LIMIT ?)"
        last_joined, joined, lines = connection.execute(joining, (*values, count)).fetchone()
        block += lines or b""
        if joined < count:
            return None, bytes(block)
        last, count = last_joined, max(1, min(MAX_JOINED, BLOCK * count // len(lines)))
    return last, bytes(block)


def _sorted_blocks(connection: sqlite3.Connection, plan: Plan, line: Sql) -> Iterator[bytes]:
    connection.execute("PRAGMA temp_store = FILE")  # the sorted data may exceed memory
    connection.execute("BEGIN")
    try:
        for part in make_parts(plan, None):
            with closing(connection.execute(*_statement(plan, line, part))) as cursor:
                last: int | None = 0
                while last is not None:
                    last, block = _fetch_block(cursor)
                    if block:
                        yield block
    finally:
        connection.execute("ROLLBACK")


def _buffered(connection: sqlite3.Connection, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, from an unnamed file with all lines: the database's own folder has room for its contents."""
    folder = Path(connection.execute("PRAGMA database_list").fetchone()[2]).parent
    with TemporaryFile(prefix="rowcast-", dir=folder) as file:
        sizes = [file.write(block) for block in blocks]
        file.seek(0)
        yield from map(file.read, sizes)


def _statement(plan: Plan, line: Sql, part: Part) -> tuple[str, tuple[Any, ...]]:
    statement = plan.select(f"{plan.row_id} AS id, CAST({line.text} AS BLOB) AS line", part.where, part.order)
    return statement.text, (*line.values, *statement.values)


def _fetch_block(cursor: sqlite3.Cursor) -> tuple[int | None, bytes]:
    """Lines of about one block, with the id of the last row; None if there are no more."""
    lines, size = [], 0
    for row_id, line in cursor:
        lines.append(line)
        size += len(line)
        if size >= BLOCK:
            return row_id, b"".join(lines)
    return None, b"".join(lines)
