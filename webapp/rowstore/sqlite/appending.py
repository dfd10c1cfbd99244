"""Appending the rows of a file to a table, or to the draft of one, in many short transactions."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence

from webapp.rowstore.errors import CellValueError
from webapp.rowstore.loader import Appender
from webapp.rowstore.sql.cursors import RowCursor
from webapp.rowstore.sql.file_rows import FileRows, Parser, Row, value_parser
from webapp.rowstore.sql.schema import column_name
from webapp.rowstore.sql.storing import insert_sql
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.table_ref import Field, TableRef

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
        self, connection: SqliteConnection, table: TableRef, positions: Sequence[int], cursor: RowCursor
    ) -> None:
        self._connection, self._table, self._cursor = connection, table, cursor
        self._rows = FileRows(table, positions, self._parser)
        self._insert = insert_sql(connection.dialect, table, connection.dialect.bind, cursor.name)
        self._size = FIRST_BATCH
        limit_log(connection.driver)
        self.done = cursor.begin()

    def append(self, rows: Sequence[Sequence[str]]) -> Iterator[int]:
        arranged = self._rows.arrange(rows)
        start = 0
        while start < len(arranged):
            if start:
                time.sleep(PAUSE_SECONDS)
            batch = arranged[start : start + self._size]
            held = self._write(batch)
            start += len(batch)
            self._size = next_size(len(batch), held)
            yield self.done

    def finish(self) -> None:
        """Leave a short log behind; readers with an open snapshot merely delay that."""
        self._connection.driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _write(self, batch: Sequence[Row]) -> float:
        """One transaction; return the seconds it held the lock."""
        done = self.done + len(batch)
        with self._connection.transaction():
            started = time.perf_counter()
            self._cursor.move(self.done, done)
            self._insert_all((number, *row) for number, row in enumerate(batch, self.done + 1))
        self.done = done
        return time.perf_counter() - started

    def _insert_all(self, numbered: Iterable[Row]) -> None:
        try:
            self._connection.change_all(self._insert, numbered)
        except sqlite3.IntegrityError as error:  # the table is STRICT; SQLite's message ends with the column's name
            titles = {column_name(field): field.title for field in self._table.fields}
            if title := titles.get(str(error).rpartition(".")[2]):
                raise CellValueError(title) from error
            raise

    def _parser(self, field: Field) -> Parser | None:
        """None if the database converts the text itself, which is faster."""
        return value_parser(field) if self._connection.dialect.bind(field) is None else None
