"""Bulk work on a connection of its own: the rows of files (`appending.py`), converted columns, large changes, indexes.

Other people write meanwhile, so each transaction is short, and there are pauses: SQLite's busy handler is unfair to
waiting writers.
"""

import math
import sqlite3
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.db.sqlite_driver import connect
from webapp.rowstore.entries import Entry
from webapp.rowstore.loader import MAX_INDEXES, NEVER_USED, Appender, ConversionWithdrawn, Progress, RowLoader
from webapp.rowstore.sql.schema import index_name, index_prefix, table_name
from webapp.rowstore.sql.set_parts import write_plan
from webapp.rowstore.sqlite.appending import FIRST_BATCH, PAUSE_SECONDS, SqliteAppender, limit_log, next_size
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.sqlite.converting import Converter
from webapp.rowstore.sqlite.cursors import DraftCursor, ImportCursor
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.large_changes import LargeChangeRunner
from webapp.rowstore.sqlite.reader import SqliteRowReader
from webapp.rowstore.sqlite.search_index import build_search_index
from webapp.rowstore.sqlite.transaction import transaction
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison

_IS_WANTED = "SELECT 1 FROM type_changes WHERE id = ? AND state = 'running'"
_MOVE_CONVERSION = "UPDATE type_changes SET last_row = ?, rows_done = rows_done + ?, keeps_texts = ? WHERE id = ?"


class SqliteRowLoader(RowLoader):
    def __init__(self, address: str) -> None:
        self._connection = connect(Path(address))
        # `transaction` does the waiting. SQLite's own busy handler sleeps longer and longer, and misses the pauses of
        # other child processes.
        self._connection.execute("PRAGMA busy_timeout = 0")

    def __enter__(self) -> "SqliteRowLoader":
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def appender(self, table: TableRef, positions: Sequence[int], import_id: str) -> Appender:
        return SqliteAppender(self._connection, table, positions, ImportCursor(self._connection, table.id, import_id))

    def draft_appender(self, table: TableRef, positions: Sequence[int], draft: str) -> Appender:
        return SqliteAppender(self._connection, table, positions, DraftCursor(self._connection, table, draft))

    def convert(
        self, table: TableRef, source: Field, target: Field, change_id: int, last_row: int, progress: Progress
    ) -> Comparison:
        table.ensure_whole()
        connection, size, done = self._connection, FIRST_BATCH, 0
        limit_log(self._connection)
        rows = SqliteConnection(connection)
        converter = Converter(connection, rows, table.id, source, target)
        while True:
            with transaction(connection):
                started = time.perf_counter()
                _ensure_wanted(connection, change_id)
                if (batch := converter.convert(last_row, size)) is None:
                    break
                last_row, done = batch.last_row, done + batch.rows
                connection.execute(_MOVE_CONVERSION, (last_row, batch.rows, batch.target.keeps_texts, change_id))
            held = time.perf_counter() - started
            size = next_size(batch.rows, held)
            progress(0, done)
            time.sleep(PAUSE_SECONDS)
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return SqliteRowReader(connection).compare(table, source, converter.target, 0, last_row)

    def write_plan(
        self, change_id: int, batches: Generator[Sequence[Entry], None, dict[str, Any]], progress: Progress
    ) -> None:
        limit_log(self._connection)
        write_plan(SqliteConnection(self._connection), change_id, batches, progress)

    def apply_change(self, change_id: int, progress: Progress) -> None:
        limit_log(self._connection)
        LargeChangeRunner(self._connection, change_id).apply(progress)
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def revert_change(self, change_id: int, progress: Progress) -> None:
        limit_log(self._connection)
        LargeChangeRunner(self._connection, change_id).revert(progress)
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        limit_log(self._connection)
        return build_search_index(self._connection, table, progress)

    def index_sort(
        self, table_id: int, field: Field, used: Mapping[int, float] = NEVER_USED, since: float = 0
    ) -> set[int]:
        """Takes about a second per million rows, in which others cannot write: SQLite creates an index in a single
        transaction.
        """
        connection = self._connection
        with transaction(connection):
            rows = SqliteConnection(connection)
            indexed = rows.indexed_columns(table_id)
            if field.storage in indexed or not rows.existing_names([table_name(table_id)]):
                return indexed  # the table may have been deleted before this
            surplus = _least_used(indexed, used, since)[: max(len(indexed) + 1 - MAX_INDEXES, 0)]
            if len(indexed) - len(surplus) >= MAX_INDEXES:
                return indexed
            for number in surplus:
                connection.execute(f"DROP INDEX {index_prefix(table_id)}{number}")
            index = index_name(table_id, field)
            connection.execute(
                f"CREATE INDEX {index} ON {table_name(table_id)} ({', '.join(DIALECT.sort_keys(field))})"
            )
            # In the same transaction, so that all connections see the statistics together with the index.
            connection.execute("PRAGMA analysis_limit = 1000")
            connection.execute(f"ANALYZE {index}")
            return (indexed - set(surplus)) | {field.storage}

    def interrupt(self) -> None:
        self._connection.interrupt()


def _ensure_wanted(connection: sqlite3.Connection, change_id: int) -> None:
    """Raises `ConversionWithdrawn`. A table that is deleted takes the records of its changes with it."""
    if connection.execute(_IS_WANTED, (change_id,)).fetchone() is None:
        raise ConversionWithdrawn


def _least_used(columns: Iterable[int], used: Mapping[int, float], since: float) -> list[int]:
    """The columns that were not used since then, or never, longest ago first."""
    idle = [number for number in columns if used.get(number, -math.inf) < since]
    return sorted(idle, key=lambda number: used.get(number, -math.inf))
