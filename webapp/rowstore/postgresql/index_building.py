"""Building indexes while others read and write, which takes two passes over the rows."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from psycopg.errors import UndefinedColumn

from webapp.rowstore.errors import QueryTimeout, RowsGone
from webapp.rowstore.loader import Progress
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.search import search_name
from webapp.rowstore.postgresql.search_index import existing_indexes, index_sql
from webapp.rowstore.sql.loader import surplus_indexes
from webapp.rowstore.sql.schema import index_name, index_prefix, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef

PAUSE_SECONDS = 0.1  # before it begins again; then it waits for whoever has the table
_LOCK = 0x726F7763  # with the id of a table: who builds an index of it
_STOP = (
    "SELECT pg_cancel_backend(building.pid) FROM pg_stat_progress_create_index building"
    " JOIN pg_class c ON c.oid = building.index_relid WHERE building.datname = current_database() AND c.relname = ?"
)
# Waiting for the transactions that were running when it began is part of building.
_SETTINGS = ("lock_timeout = 0", "maintenance_work_mem = '256MB'")


class IndexBuilder:
    """On a connection of its own, outside of a transaction. If it is interrupted, it does not begin again."""

    def __init__(self, connection: PostgresqlConnection, is_interrupted: Callable[[], bool]) -> None:
        self._connection, self._is_interrupted = connection, is_interrupted
        for setting in _SETTINGS:
            connection.execute(Sql(f"SET {setting}"))

    def build_search_index(self, table: TableRef, progress: Progress) -> bool:
        """False if the table is gone, or a column of it."""
        with self._alone(table.id, search_name(table)):
            for name in existing_indexes(self._connection, table.id):
                self._drop(name)  # of columns as they were, or what an interrupted build has left
            return self._build(search_name(table), table.id, index_sql(table), progress)

    def build_sort_index(self, table_id: int, field: Field, used: Mapping[int, float], since: float) -> set[int]:
        with self._alone(table_id, name := index_name(table_id, field)):
            return self._build_sort_index(table_id, field, name, used, since)

    def _build_sort_index(
        self, table_id: int, field: Field, name: str, used: Mapping[int, float], since: float
    ) -> set[int]:
        indexed = self._connection.indexed_columns(table_id)
        if field.storage in indexed or not self._connection.existing_names([table_name(table_id)]):
            return indexed  # the table may have been deleted before this
        surplus = surplus_indexes(indexed, used, since)
        if surplus is None:
            return indexed
        for number in surplus:
            self._drop(f"{index_prefix(table_id)}{number}")
        dialect = self._connection.dialect
        if not self._build(name, table_id, f"(({dialect.sort_keys(field)[0]}), {dialect.row_id})", _ignore):
            return indexed - set(surplus)
        return (indexed - set(surplus)) | {field.storage}

    @contextmanager
    def _alone(self, table_id: int, name: str) -> Iterator[None]:
        """One index of a table at a time. A build waits for all statements that were running when it began: if one of
        them waited for that build, as a second one does, they would wait for each other.
        """
        lock = (_LOCK, table_id)
        take = Sql("SELECT 1 WHERE pg_try_advisory_lock(?, ?)", lock)
        if not (is_taken := self._connection.execute(take)):
            self._stop(name)
        while not is_taken:
            if self._is_interrupted():
                raise QueryTimeout
            time.sleep(PAUSE_SECONDS)
            is_taken = self._connection.execute(take)
        try:
            yield
        finally:
            self._connection.execute(Sql("SELECT pg_advisory_unlock(?, ?)", lock))

    def _build(self, name: str, table_id: int, what: str, progress: Progress) -> bool:
        """With statistics about what is indexed. False if what is to be indexed is gone."""
        is_built = False
        while not is_built:
            self._drop(name)  # what an interrupted build has left is not used, and yet written to
            progress(0, 0)
            try:
                self._connection.execute(Sql(f"CREATE INDEX CONCURRENTLY {name} ON {table_name(table_id)} {what}"))
                is_built = True
            except (RowsGone, UndefinedColumn):
                return False
            except QueryTimeout:
                if self._is_interrupted():
                    self._drop(name)
                    raise
                # Somebody needed the table for themselves (`SearchUpkeep.make_way`).
                time.sleep(PAUSE_SECONDS)
            except BaseException:
                self._drop(name)
                raise
        self._connection.analyze(table_name(table_id))
        return True

    def _stop(self, name: str) -> None:
        """The server goes on building for a child that was killed."""
        self._connection.execute(Sql(_STOP, (name,)))

    def _drop(self, name: str) -> None:
        self._stop(name)
        self._connection.execute(Sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))


def _ignore(done: int, total: int) -> None:
    """Nobody waits."""
