"""Bulk work on a connection of its own: appending the rows of a file, and building indexes.

Other people write meanwhile, so each transaction is short, and there are pauses: SQLite's busy handler is unfair to
waiting writers.
"""

import math
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.db.sqlite_driver import connect
from webapp.rowstore.entries import Entry
from webapp.rowstore.errors import CellValueError
from webapp.rowstore.nul_escape import encode, needs_encoding
from webapp.rowstore.sqlite.converting import Converter
from webapp.rowstore.sqlite.inserting import ColumnReader, insert_sql, parse_value
from webapp.rowstore.sqlite.large_changes import LargeChangeRunner
from webapp.rowstore.sqlite.planning import existing_names, indexed_columns
from webapp.rowstore.sqlite.printing import bind, sort_key
from webapp.rowstore.sqlite.schema import column_name, companion_name, index_name, index_prefix, table_name
from webapp.rowstore.sqlite.search_index import build_search_index
from webapp.rowstore.sqlite.set_parts import write_plan
from webapp.rowstore.sqlite.store import SqliteRowReader
from webapp.rowstore.sqlite.transaction import transaction
from webapp.rowstore.store import (
    MAX_INDEXES,
    NEVER_USED,
    Appender,
    ConversionWithdrawn,
    ImportWithdrawn,
    Progress,
    RowLoader,
)
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison

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
_IS_WANTED = "SELECT 1 FROM type_changes WHERE id = ? AND state = 'running'"
_MOVE_CONVERSION = "UPDATE type_changes SET last_row = ?, rows_done = rows_done + ?, keeps_texts = ? WHERE id = ?"


class SqliteRowLoader(RowLoader):
    def __init__(self, address: str) -> None:
        self._connection = connect(Path(address))

    def __enter__(self) -> "SqliteRowLoader":
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def appender(self, table: TableRef, positions: Sequence[int], import_id: str) -> Appender:
        return SqliteAppender(self._connection, table, positions, import_id)

    def convert(
        self, table: TableRef, source: Field, target: Field, change_id: int, last_row: int, progress: Progress
    ) -> Comparison:
        connection, size, done = self._connection, FIRST_BATCH, 0
        self._limit_log()
        execute = SqliteRowReader(connection).execute
        converter = Converter(connection, execute, table.id, source, target)
        while True:
            with transaction(connection):
                started = time.perf_counter()
                _ensure_wanted(connection, change_id)
                if (batch := converter.convert(last_row, size)) is None:
                    break
                last_row, done = batch.last_row, done + batch.rows
                connection.execute(_MOVE_CONVERSION, (last_row, batch.rows, batch.target.keeps_texts, change_id))
            held = time.perf_counter() - started
            size = _next_size(batch.rows, held)
            progress(0, done)
            time.sleep(PAUSE_SECONDS)
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return SqliteRowReader(connection).compare(table, source, converter.target, 0, last_row)

    def write_plan(
        self, change_id: int, batches: Generator[Sequence[Entry], None, dict[str, Any]], progress: Progress
    ) -> None:
        self._limit_log()
        write_plan(self._connection, change_id, batches, progress)

    def apply_change(self, change_id: int, progress: Progress) -> None:
        self._limit_log()
        LargeChangeRunner(self._connection, change_id).apply(progress)
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def revert_change(self, change_id: int, progress: Progress) -> None:
        self._limit_log()
        LargeChangeRunner(self._connection, change_id).revert(progress)
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _limit_log(self) -> None:
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        self._connection.execute(f"PRAGMA journal_size_limit = {MAX_LOG}")

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        return build_search_index(self._connection, table, progress)

    def index_sort(
        self, table_id: int, field: Field, used: Mapping[int, float] = NEVER_USED, since: float = 0
    ) -> set[int]:
        """Takes about a second per million rows, in which others cannot write: SQLite creates an index in a single
        transaction.
        """
        connection = self._connection
        with transaction(connection):
            execute = SqliteRowReader(connection).execute
            indexed = indexed_columns(execute, table_id)
            if field.storage in indexed or not existing_names(execute, [table_name(table_id)]):
                return indexed  # the table may have been deleted before this
            surplus = _least_used(indexed, used, since)[: max(len(indexed) + 1 - MAX_INDEXES, 0)]
            if len(indexed) - len(surplus) >= MAX_INDEXES:
                return indexed
            for number in surplus:
                connection.execute(f"DROP INDEX {index_prefix(table_id)}{number}")
            index = index_name(table_id, field)
            connection.execute(f"CREATE INDEX {index} ON {table_name(table_id)} ({sort_key(field)})")
            # In the same transaction, so that all connections see the statistics together with the index.
            connection.execute("PRAGMA analysis_limit = 1000")
            connection.execute(f"ANALYZE {index}")
            return (indexed - set(surplus)) | {field.storage}

    def interrupt(self) -> None:
        self._connection.interrupt()


def _next_size(rows: int, held: float) -> int:
    """Rows of the next batch, after one of `rows` rows held the lock for `held` seconds."""
    return max(MIN_BATCH, min(MAX_BATCH, int(rows * min(4.0, HOLD_SECONDS / max(held, 0.0005)))))


def _ensure_wanted(connection: sqlite3.Connection, change_id: int) -> None:
    """Raises `ConversionWithdrawn`. A table that is deleted takes the records of its changes with it."""
    if connection.execute(_IS_WANTED, (change_id,)).fetchone() is None:
        raise ConversionWithdrawn


def _least_used(columns: Iterable[int], used: Mapping[int, float], since: float) -> list[int]:
    """The columns that were not used since then, or never, longest ago first."""
    idle = [number for number in columns if used.get(number, -math.inf) < since]
    return sorted(idle, key=lambda number: used.get(number, -math.inf))


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
        self._readers = [ColumnReader(field) if companion_name(field) else None for field in table.fields]
        self._takes_texts = not any(self._parsers) and not any(self._readers)
        self._insert = insert_sql(table, bind)
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
            self._size = _next_size(len(batch), held)
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


def _encode(rows: Sequence[Sequence[str]]) -> Sequence[Row]:
    """Looking for the characters in all cells at once takes a quarter of the time that each alone would."""
    if not needs_encoding("".join(map("".join, rows))):
        return rows
    return [tuple(map(encode, row)) for row in rows]


def _parser(field: Field) -> Callable[[str], Any] | None:
    """None if the database converts the text itself, which is faster, or if texts are kept."""
    if companion_name(field) or bind(field) is not None:
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
