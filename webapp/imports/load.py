"""Pass 2: inserts the rows of the file batch by batch, each batch in one transaction with the import's cursor.

`kill -9` at any moment loses at most one uncommitted batch; resuming means reading `rows_done` and skipping that many
rows of the file, whose order never changes. Parsing happens outside the transaction and batches are small, so that
other people's writes get their turn: SQLite's busy handler is unfair to waiting writers.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.db.errors import DatabaseBusy, UserError
from webapp.db.sqlite_driver import connect, problem
from webapp.formats import ReadOptions, open_source
from webapp.imports.requests import Folder, LoadColumn, LoadRequest
from webapp.rowstore.sqlite.schema import column_name, insert_sql
from webapp.types import TYPES

Row = Sequence[Any]
Progress = Callable[[int, int], None]

HOLD = 0.012  # seconds a batch aims to hold the write lock
FIRST_BATCH = 200  # rows: the first ones should be visible at once
MAX_BATCH = 20_000
# Rows parsed at a time, about one batch: while they are parsed, others can write.
READ_AHEAD = 2_000
PAUSE = 0.003  # seconds between batches that are already parsed, for the same reason
PATIENCE = 120.0  # seconds to wait for the write lock before giving up
# Pages after which the log is copied into the database: sooner than anybody else's commit would (data/sqlite_plain.py).
CHECKPOINT_PAGES = 2_000
LOG_LIMIT = 64 * 1024 * 1024  # bytes the log file keeps after a checkpoint

CURSOR = "UPDATE imports SET rows_done = ? WHERE id = ? AND state = 'loading'"
COUNT = "UPDATE tables SET row_count = ?, version = version + 1 WHERE id = ?"


class Withdrawn(Exception):
    """The import should no longer be loaded: it was cancelled or deleted, and its table is gone."""


def load(request: LoadRequest, progress: Progress) -> int:
    """Load the remaining rows; return how many are in the table then, or 0 if the import was withdrawn."""
    connection = connect(request.database)
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit={LOG_LIMIT}")
    try:
        writer = Writer(connection, request)
        _copy(request, writer, progress)
        return writer.done
    except Withdrawn:
        return 0
    finally:
        connection.close()


def _copy(request: LoadRequest, writer: "Writer", progress: Progress) -> None:
    source = open_source(Folder(request.folder).original, ReadOptions(**request.options))
    arrange = Arrangement(request.columns, source.width)
    skip = writer.done
    for batch in source.batches(READ_AHEAD):
        if skip >= len(batch.rows):
            skip -= len(batch.rows)
            continue
        rows = arrange(batch.rows[skip:] if skip else batch.rows)
        skip = 0
        for _ in writer.write_all(rows):
            progress(batch.bytes_read, writer.done)
    writer.finish()


class Arrangement:
    """Turns rows of cells into the parameters of the INSERT: the table's columns in order, parsed where SQL cannot.

    Works on whole columns: transposing happens in C, and a repeated value is parsed once per batch.
    """

    def __init__(self, columns: Sequence[LoadColumn], width: int) -> None:
        self._columns = [(column, _parser(column)) for column in columns]
        self._is_identity = [column.index for column in columns] == list(range(width)) and not any(
            parse for _, parse in self._columns
        )

    def __call__(self, rows: Sequence[Row]) -> Sequence[Row]:
        if self._is_identity:
            return rows
        cells = list(zip(*rows, strict=True))
        return list(
            zip(*(_parse(cells[column.index], parse, column.title) for column, parse in self._columns), strict=True)
        )


def _parser(column: LoadColumn) -> Callable[[str], Any] | None:
    """None if the database converts the text itself, which is faster."""
    kind = TYPES[column.type]
    if kind.sql_bind(column.format) is not None:
        return None
    return lambda text: kind.parse(text, column.format)


def _parse(cells: Sequence[str], parse: Callable[[str], Any] | None, title: str) -> Iterable[Any]:
    if parse is None:
        return cells
    try:
        values = {cell: parse(cell) for cell in set(cells)}
    except ValueError as error:
        raise UserError(f"A value of the column “{title}” does not fit its type: {error}") from error
    return map(values.__getitem__, cells)


@dataclass
class Writer:
    """Writes batches whose size adapts to the time they hold the write lock."""

    connection: sqlite3.Connection
    request: LoadRequest

    def __post_init__(self) -> None:
        self._insert = insert_sql(self.request.table_id, self.request.columns)
        self._size = FIRST_BATCH
        self.done = self._rows_done()

    def _rows_done(self) -> int:
        row = self.connection.execute(
            "SELECT rows_done FROM imports WHERE id = ? AND state = 'loading'", (self.request.import_id,)
        ).fetchone()
        if row is None:
            raise Withdrawn
        return int(row[0])

    def write_all(self, rows: Sequence[Row]) -> Iterator[int]:
        """Yields after each commit."""
        start = 0
        while start < len(rows):
            chunk = rows[start : start + self._size]
            held = self._write(chunk)
            start += len(chunk)
            yield len(chunk)
            if start < len(rows):
                time.sleep(PAUSE)
            self._size = max(100, min(MAX_BATCH, int(len(chunk) * min(4.0, HOLD / max(held, 0.0005)))))

    def _write(self, rows: Sequence[Row]) -> float:
        """One transaction; return the seconds it held the lock."""
        numbered = ((number, *row) for number, row in enumerate(rows, self.done + 1))
        done = self.done + len(rows)
        self._begin()
        started = time.perf_counter()
        try:
            if not self.connection.execute(CURSOR, (done, self.request.import_id)).rowcount:
                raise Withdrawn
            self._insert_all(numbered)
            self.connection.execute(COUNT, (done, self.request.table_id))
        except BaseException:
            if self.connection.in_transaction:  # a full disk has already rolled it back
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        self.done = done
        return time.perf_counter() - started

    def _insert_all(self, numbered: Iterable[Row]) -> None:
        try:
            self.connection.executemany(self._insert, numbered)
        except sqlite3.IntegrityError as error:  # the table is STRICT; SQLite's message ends with the column's name
            names = {column_name(column.number): column.title for column in self.request.columns}
            title = names.get(str(error).rpartition(".")[2], "")
            raise UserError(f"A value of the column “{title}” does not fit its type.") from error

    def _begin(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not isinstance(problem(error), DatabaseBusy) or time.monotonic() > deadline:
                    raise

    def finish(self) -> None:
        """Leave a short log behind; readers with an open snapshot merely delay that."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
