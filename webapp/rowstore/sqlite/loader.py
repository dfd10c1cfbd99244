"""Bulk work on a connection of its own. SQLite's busy handler is unfair to waiting writers, hence the pauses."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.db.sqlite_driver import connect
from webapp.rowstore.entries import Entry
from webapp.rowstore.loader import NEVER_USED, Appender, Progress
from webapp.rowstore.sql.cursors import DraftCursor, ImportCursor
from webapp.rowstore.sql.loader import SqlRowLoader, surplus_indexes
from webapp.rowstore.sql.schema import index_name, index_prefix, table_name
from webapp.rowstore.sqlite.appending import SqliteAppender, limit_log, next_size
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.sqlite.search_index import build_search_index
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison


class SqliteRowLoader(SqlRowLoader):
    connection: SqliteConnection

    def __init__(self, address: str) -> None:
        self._driver = connect(Path(address))
        # `transaction` does the waiting. SQLite's own busy handler sleeps longer and longer, and misses the pauses of
        # other child processes.
        self._driver.execute("PRAGMA busy_timeout = 0")
        super().__init__(SqliteConnection(self._driver))

    def close(self) -> None:
        self._driver.close()

    def next_size(self, rows: int, held: float) -> int:
        return next_size(rows, held)

    def appender(self, table: TableRef, positions: Sequence[int], import_id: str) -> Appender:
        cursor = ImportCursor(self.connection, table.id, import_id)
        return SqliteAppender(self.connection, table, positions, cursor)

    def draft_appender(self, table: TableRef, positions: Sequence[int], draft: str) -> Appender:
        return SqliteAppender(self.connection, table, positions, DraftCursor(self.connection, table, draft))

    def convert(
        self, table: TableRef, source: Field, target: Field, change_id: int, last_row: int, progress: Progress
    ) -> Comparison:
        limit_log(self._driver)
        comparison = super().convert(table, source, target, change_id, last_row, progress)
        self._shorten_log()
        return comparison

    def write_plan(
        self, change_id: int, batches: Generator[Sequence[Entry], None, dict[str, Any]], progress: Progress
    ) -> None:
        limit_log(self._driver)
        super().write_plan(change_id, batches, progress)

    def apply_change(self, change_id: int, progress: Progress) -> None:
        limit_log(self._driver)
        super().apply_change(change_id, progress)
        self._shorten_log()

    def revert_change(self, change_id: int, progress: Progress) -> None:
        limit_log(self._driver)
        super().revert_change(change_id, progress)
        self._shorten_log()

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        limit_log(self._driver)
        return build_search_index(self.connection, table, progress)

    def index_sort(
        self, table_id: int, field: Field, used: Mapping[int, float] = NEVER_USED, since: float = 0
    ) -> set[int]:
        """Takes about a second per million rows, in which others cannot write: SQLite creates an index in a single
        transaction.
        """
        dialect = self.connection.dialect
        with self.connection.transaction():
            indexed = self.connection.indexed_columns(table_id)
            if field.storage in indexed or not self.connection.existing_names([table_name(table_id)]):
                return indexed  # the table may have been deleted before this
            surplus = surplus_indexes(indexed, used, since)
            if surplus is None:
                return indexed
            for number in surplus:
                self._driver.execute(f"DROP INDEX {index_prefix(table_id)}{number}")
            index = index_name(table_id, field)
            self._driver.execute(f"CREATE INDEX {index} ON {table_name(table_id)} ({dialect.sort_keys(field)[0]})")
            # In the same transaction, so that all connections see the statistics together with the index.
            self._driver.execute("PRAGMA analysis_limit = 1000")
            self._driver.execute(f"ANALYZE {index}")
            return (indexed - set(surplus)) | {field.storage}

    def interrupt(self) -> None:
        self._driver.interrupt()

    def _shorten_log(self) -> None:
        self._driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
