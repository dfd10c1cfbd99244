"""Bulk work on a connection of its own: appending the rows of a file, and building indexes.

Other people write meanwhile, so each transaction is short, and there are pauses: SQLite's busy handler is unfair to
waiting writers.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from webapp.db.sqlite_driver import connect
from webapp.rowstore.errors import CellValueError
from webapp.rowstore.nul_escape import encode, needs_encoding
from webapp.rowstore.sqlite.planning import existing_names
from webapp.rowstore.sqlite.printing import bind, sort_key
from webapp.rowstore.sqlite.schema import ROW_ID, column_name, index_name, table_name
from webapp.rowstore.sqlite.search_index import build_search_index
from webapp.rowstore.sqlite.store import SqliteRowReader
from webapp.rowstore.sqlite.transaction import transaction
from webapp.rowstore.store import Appender, ImportWithdrawn, Progress, RowLoader
from webapp.rowstore.table_ref import Field, TableRef

Row = Sequence[Any]

HOLD_SECONDS = 0.012  # a batch aims to hold the write lock
FIRST_BATCH = 200  # rows: the first ones should be visible at once
MIN_BATCH, MAX_BATCH = 100, 20_000
PAUSE_SECONDS = 0.003  # between batches, so that others get the lock
# Pages after which the log is copied into the database: sooner than anybody else's commit would (db/sqlite_driver.py).
CHECKPOINT_PAGES = 2_000
MAX_LOG = 64 * 1024 * 1024  # bytes the log file keeps after a checkpoint

_ROWS_DONE = "SELECT rows_done FROM imports WHERE id = ? AND state = 'loading'"
_MOVE_CURSOR = "UPDATE imports SET rows_done = ? WHERE id = ? AND state = 'loading'"
_COUNT_ROWS = (
    "UPDATE tables SET row_count = row_count + ?, next_row_id = max(next_row_id, ?), version = version + 1 WHERE id = ?"
)


class SqliteRowLoader(RowLoader):
    def __init__(self, address: str) -> None:
        self._connection = connect(Path(address))

    def __enter__(self) -> "SqliteRowLoader":
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def appender(self, table: TableRef, positions: Sequence[int], import_id: str) -> Appender:
        return SqliteAppender(self._connection, table, positions, import_id)

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        return build_search_index(self._connection, table, progress)

    def index_sort(self, table_id: int, field: Field) -> None:
        """Takes about a second per million rows, in which others cannot write: SQLite creates an index in a single
        transaction.
        """
        connection, index = self._connection, index_name(table_id, field)
        with transaction(connection):
            names = existing_names(SqliteRowReader(connection).execute, [index, table_name(table_id)])
            if names == {table_name(table_id)}:  # it may have been deleted before this
                connection.execute(f"CREATE INDEX {index} ON {table_name(table_id)} ({sort_key(field)})")
                # In the same transaction, so that all connections see the statistics together with the index.
                connection.execute("PRAGMA analysis_limit = 1000")
                connection.execute(f"ANALYZE {index}")

    def interrupt(self) -> None:
        self._connection.interrupt()


class SqliteAppender(Appender):
    """Appends in batches whose size adapts to the time they hold the write lock. Row ids are the rows' numbers in the
    file, 1 for the first.
    """

    def __init__(
        self, connection: sqlite3.Connection, table: TableRef, positions: Sequence[int], import_id: str
    ) -> None:
        self._connection, self._table, self._import_id = connection, table, import_id
        self._positions = list(positions)
        self._parsers = [_parser(field) for field in table.fields]
        self._insert = _insert_sql(table)
        self._size = FIRST_BATCH
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {MAX_LOG}")
        cursor = connection.execute(_ROWS_DONE, (import_id,)).fetchone()
        if cursor is None:
            raise ImportWithdrawn
        self.done = int(cursor[0])

    def append(self, rows: Sequence[Sequence[str]]) -> Iterator[int]:
        rows = self._arrange(_encode(rows))
        start = 0
        while start < len(rows):
            if start:
                time.sleep(PAUSE_SECONDS)
            batch = rows[start : start + self._size]
            held = self._write(batch)
            start += len(batch)
            self._size = max(MIN_BATCH, min(MAX_BATCH, int(len(batch) * min(4.0, HOLD_SECONDS / max(held, 0.0005)))))
            yield self.done

    def finish(self) -> None:
        """Leave a short log behind; readers with an open snapshot merely delay that."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _arrange(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The table's columns in order, parsed where SQL cannot.

        Works on whole columns: transposing happens in C, and a repeated value is parsed once per batch.
        """
        if not rows or (self._positions == list(range(len(rows[0]))) and not any(self._parsers)):
            return rows
        cells = list(zip(*rows, strict=True))
        columns = zip(self._positions, self._parsers, self._table.fields, strict=True)
        return list(zip(*(_parse(cells[place], parse, field) for place, parse, field in columns), strict=True))

    def _write(self, batch: Sequence[Row]) -> float:
        """One transaction; return the seconds it held the lock."""
        done = self.done + len(batch)
        with transaction(self._connection):
            started = time.perf_counter()
            if not self._connection.execute(_MOVE_CURSOR, (done, self._import_id)).rowcount:
                raise ImportWithdrawn
            self._insert_all((number, *row) for number, row in enumerate(batch, self.done + 1))
            self._connection.execute(_COUNT_ROWS, (len(batch), done + 1, self._table.id))
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


def _insert_sql(table: TableRef) -> str:
    names = [ROW_ID, *map(column_name, table.fields)]
    values = ["?", *(bind(field) or "?" for field in table.fields)]
    return f"INSERT INTO {table_name(table.id)} ({', '.join(names)}) VALUES ({', '.join(values)})"


def _encode(rows: Sequence[Sequence[str]]) -> Sequence[Row]:
    """Looking for the characters in all cells at once takes a quarter of the time that each alone would."""
    if not needs_encoding("".join(map("".join, rows))):
        return rows
    return [tuple(map(encode, row)) for row in rows]


def _parser(field: Field) -> Callable[[str], Any] | None:
    """None if the database converts the text itself, which is faster."""
    if bind(field) is not None:
        return None
    return lambda text: field.kind.parse(text, field.format)


def _parse(cells: Sequence[str], parse: Callable[[str], Any] | None, field: Field) -> Iterable[Any]:
    if parse is None:
        return cells
    try:
        values = {cell: parse(cell) for cell in set(cells)}
    except ValueError as error:
        raise CellValueError(field.title, str(error)) from error
    return map(values.__getitem__, cells)
