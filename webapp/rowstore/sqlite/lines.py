"""The lines of an export in blocks, which SQLite joins in file order.

In file order each block is a separate query that starts after the last row: a slow reader holds nothing open, and
sees later changes to rows not sent yet. A sorted export is one snapshot, so it is written to a file first: an open
snapshot keeps the database's log from being truncated, and some readers take hours.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from webapp.rowstore.sql.compile import Cursor, Part, Plan, make_parts
from webapp.rowstore.sql.export import BLOCK
from webapp.rowstore.sql.statement import Sql

# Rows that the database joins, and how many bytes at most: they are in memory several times.
FIRST_JOINED, MAX_JOINED, MAX_JOINED_BYTES = 64, 256, 4 * BLOCK


def read_lines(connection: sqlite3.Connection, plan: Plan, line: Sql) -> Iterator[bytes]:
    if plan.query.sorts:
        return _buffered(connection, _sorted_blocks(connection, plan, line))
    return _unsorted_blocks(connection, plan, line)


def _unsorted_blocks(connection: sqlite3.Connection, plan: Plan, line: Sql) -> Iterator[bytes]:
    last: int | None = 0
    # Restarting in the middle of the full-text index is slow, so there each block is a single query.
    joins = not plan.match
    joiner = _Joiner(connection, plan, line)
    while last is not None:
        if joins:
            last, block, joins = joiner.read_block(last)
        else:
            last, lines = _read_lines(connection, plan, line, last)
            block, joins = b"".join(lines), not plan.match and len(lines) >= FIRST_JOINED
        if block:
            yield block


def _read_lines(connection: sqlite3.Connection, plan: Plan, line: Sql, last: int) -> tuple[int | None, list[bytes]]:
    """The lines of a block after the row `last`, and their last row; None if there are no more."""
    with closing(connection.execute(*_statement(plan, line, next(make_parts(plan, Cursor(last, ())))))) as cursor:
        return _fetch_lines(cursor)


@dataclass
class _Joiner:
    """Reads blocks by queries that join `count` lines each: as many as make a block, going by those before them."""

    connection: sqlite3.Connection
    plan: Plan
    line: Sql
    count: int = FIRST_JOINED

    def read_block(self, last: int) -> tuple[int | None, bytes, bool]:
        """A block after the row `last`, and its last row; None if there are no more. False: the next rows are longer
        than those before, and have to be read one by one.
        """
        block = bytearray()
        while len(block) < BLOCK:
            try:
                last_joined, joined, lines = self._join(last)
            except sqlite3.DataError:
                self.count = FIRST_JOINED
                return last, bytes(block), False
            block += lines
            if joined < self.count:
                return None, bytes(block), True
            last, self.count = last_joined, max(1, min(MAX_JOINED, BLOCK * self.count // len(lines)))
        return last, bytes(block), True

    def _join(self, last: int) -> tuple[int, int, bytes]:
        """The last row, the number and the lines of the next rows.

        Raises `sqlite3.DataError` instead of using more than `MAX_JOINED_BYTES` for them: the limit makes the database
        stop, and costs nothing, while adding up sizes before would read everything twice.
        """
        statement, values = _statement(self.plan, self.line, next(make_parts(self.plan, Cursor(last, ()))))
        joining = f"SELECT max(id), count(*), CAST(group_concat(line, '') AS BLOB) FROM ({statement} LIMIT ?)"
        unlimited = self.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_JOINED_BYTES)
        try:
            last_joined, joined, lines = self.connection.execute(joining, (*values, self.count)).fetchone()
        finally:
            self.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, unlimited)
        return last_joined, joined, lines or b""


def _sorted_blocks(connection: sqlite3.Connection, plan: Plan, line: Sql) -> Iterator[bytes]:
    connection.execute("PRAGMA temp_store = FILE")  # the sorted data may exceed memory
    connection.execute("BEGIN")
    try:
        for part in make_parts(plan, None):
            with closing(connection.execute(*_statement(plan, line, part))) as cursor:
                last: int | None = 0
                while last is not None:
                    last, lines = _fetch_lines(cursor)
                    if lines:
                        yield b"".join(lines)
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


def _fetch_lines(cursor: sqlite3.Cursor) -> tuple[int | None, list[bytes]]:
    """Lines of about one block, with the id of the last row; None if there are no more."""
    lines, size = [], 0
    for row_id, line in cursor:
        lines.append(line)
        size += len(line)
        if size >= BLOCK:
            return row_id, lines
    return None, lines
