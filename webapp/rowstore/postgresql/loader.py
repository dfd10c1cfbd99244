"""Bulk work on a connection of its own, in transactions that last a tenth of a second."""

import threading
from collections.abc import Mapping, Sequence

from psycopg import IsolationLevel

from webapp.db.postgresql_driver import KEEPS_PLANS, connect
from webapp.rowstore.loader import NEVER_USED, Appender, Progress
from webapp.rowstore.postgresql.appending import PostgresqlAppender, PostgresqlDraftCursor, next_size
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.index_building import IndexBuilder
from webapp.rowstore.sql.cursors import ImportCursor
from webapp.rowstore.sql.loader import SqlRowLoader
from webapp.rowstore.table_ref import Field, TableRef


class PostgresqlRowLoader(SqlRowLoader):
    connection: PostgresqlConnection

    def __init__(self, address: str) -> None:
        self._driver = connect(address, KEEPS_PLANS)
        # Whoever changes what a transaction has read, or the other way round: one of the two begins again.
        self._driver.isolation_level = IsolationLevel.SERIALIZABLE
        super().__init__(PostgresqlConnection(self._driver))
        self._interrupted = threading.Event()

    def close(self) -> None:
        self._driver.close()

    def next_size(self, rows: int, held: float) -> int:
        return next_size(rows, held)

    def appender(self, table: TableRef, positions: Sequence[int], import_id: str) -> Appender:
        cursor = ImportCursor(self.connection, table.id, import_id)
        return PostgresqlAppender(self.connection, table, positions, cursor)

    def draft_appender(self, table: TableRef, positions: Sequence[int], draft: str) -> Appender:
        cursor = PostgresqlDraftCursor(self.connection, table, draft)
        return PostgresqlAppender(self.connection, table, positions, cursor)

    def index_search(self, table: TableRef, progress: Progress) -> bool:
        table.ensure_whole()
        return self._index_builder().build_search_index(table, progress)

    def index_sort(
        self, table_id: int, field: Field, used: Mapping[int, float] = NEVER_USED, since: float = 0
    ) -> set[int]:
        """Others read and write meanwhile."""
        return self._index_builder().build_sort_index(table_id, field, used, since)

    def _index_builder(self) -> IndexBuilder:
        return IndexBuilder(self.connection, self._interrupted)

    def interrupt(self) -> None:
        self._interrupted.set()
        self._driver.cancel_safe()
