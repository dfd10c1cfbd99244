"""Appending the rows of a file to a table, or to the draft of one, in many short transactions."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from webapp.rowstore.errors import CellValueError
from webapp.rowstore.loader import Appender
from webapp.rowstore.nul_escape import encode, needs_encoding
from webapp.rowstore.sql.inserting import ColumnReader, insert_sql, parse_value
from webapp.rowstore.sql.schema import column_name, companion_name
from webapp.rowstore.sqlite.cursors import RowCursor
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.transaction import transaction
from webapp.rowstore.table_ref import Field, TableRef

Row = Sequence[Any]

HOLD_SECONDS = 0.012  # a batch aims to hold the write lock
FIRST_BATCH = 200  # rows: the first ones should be visible at once
MIN_BATCH, MAX_BATCH = 100, 20_000
PAUSE_SECONDS = 0.003  # between batches, so that others get the lock
# Pages after which the log is copied into the database: sooner than anybody else's commit would (db/sqlite_driver.py).
CHECKPOINT_PAGES = 2_000
MAX_LOG = 64 * 1024 * 1024  # bytes the log file keeps after a checkpoint


def limit_log(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {MAX_LOG}")


def next_size(rows: int, held: float) -> int:
    """Rows of the next batch, after one of `rows` rows held the lock for `held` seconds."""
    return max(MIN_BATCH, min(MAX_BATCH, int(rows * min(4.0, HOLD_SECONDS / max(held, 0.0005)))))


class SqliteAppender(Appender):
    """Appends in batches whose size adapts to the time they hold the write lock. Row ids are the rows' numbers in the
    file, 1 for the first.
    """

    def __init__(
        self, connection: sqlite3.Connection, table: TableRef, positions: Sequence[int], cursor: RowCursor
    ) -> None:
        self._connection, self._table, self._cursor = connection, table, cursor
        self._positions = list(positions)
        self._parsers = [_parser(field) for field in table.fields]
        self._readers = [ColumnReader(field) if companion_name(field) else None for field in table.fields]
        self._takes_texts = not any(self._parsers) and not any(self._readers)
        self._insert = insert_sql(DIALECT, table, DIALECT.bind, cursor.name)
        self._size = FIRST_BATCH
        limit_log(connection)
        self.done = cursor.begin()

    def append(self, rows: Sequence[Sequence[str]]) -> Iterator[int]:
        rows = self._arrange(_encode(rows))
        start = 0
        while start < len(rows):
            if start:
                time.sleep(PAUSE_SECONDS)
            batch = rows[start : start + self._size]
            held = self._write(batch)
            start += len(batch)
            self._size = next_size(len(batch), held)
            yield self.done

    def finish(self) -> None:
        """Leave a short log behind; readers with an open snapshot merely delay that."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _arrange(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The table's columns in order, parsed where SQL cannot; where texts are kept, the values and the texts.

        Works on whole columns: transposing happens in C, and a repeated value is parsed once per batch.
        """
        if not rows or (self._positions == list(range(len(rows[0]))) and self._takes_texts):
            return rows
        cells = list(zip(*rows, strict=True))
        arranged: list[Iterable[Any]] = []
        columns = zip(self._positions, self._parsers, self._readers, self._table.fields, strict=True)
        for place, parse, read, field in columns:
            if read is None:
                arranged.append(_parse(cells[place], parse, field))
            else:
                arranged += [read(cells[place]), cells[place]]
        return list(zip(*arranged, strict=True))

    def _write(self, batch: Sequence[Row]) -> float:
        """One transaction; return the seconds it held the lock."""
        done = self.done + len(batch)
        with transaction(self._connection):
            started = time.perf_counter()
            self._cursor.move(self.done, done)
            self._insert_all((number, *row) for number, row in enumerate(batch, self.done + 1))
        self.done = done
        return time.perf_counter() - started

    def _insert_all(self, numbered: Iterable[Row]) -> None:
        try:
            self._connection.executemany(self._insert, numbered)
        except sqlite3.IntegrityError as error:  # the table is STRICT; SQLite's message ends with the column's name
            titles = {column_name(field): field.title for field in self._table.fields}
            if title := titles.get(str(error).rpartition(".")[2]):
                raise CellValueError(title) from error
            raise


def _encode(rows: Sequence[Sequence[str]]) -> Sequence[Row]:
    """Looking for the characters in all cells at once takes a quarter of the time that each alone would."""
    if not needs_encoding("".join(map("".join, rows))):
        return rows
    return [tuple(map(encode, row)) for row in rows]


def _parser(field: Field) -> Callable[[str], Any] | None:
    """None if the database converts the text itself, which is faster, or if texts are kept."""
    if companion_name(field) or DIALECT.bind(field) is not None:
        return None
    return lambda text: parse_value(field, text)


def _parse(cells: Sequence[str], parse: Callable[[str], Any] | None, field: Field) -> Iterable[Any]:
    if parse is None:
        return cells
    try:
        values = {cell: parse(cell) for cell in set(cells)}
    except ValueError as error:
        raise CellValueError(field.title, str(error)) from error
    return map(values.__getitem__, cells)
