"""Building indexes while others read and write, which takes two passes over the rows."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count

from psycopg.errors import UndefinedColumn

from webapp.rowstore.errors import QueryTimeout, RowsGone
from webapp.rowstore.loader import IndexWithdrawn, Progress
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.errors import RowTooBig
from webapp.rowstore.postgresql.search import search_name
from webapp.rowstore.postgresql.search_index import existing_indexes, index_sql, lock_sql
from webapp.rowstore.sql.loader import surplus_indexes
from webapp.rowstore.sql.schema import index_name, index_prefix, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef

log = logging.getLogger(__name__)

# Before it begins again; then it waits for whoever has the table. Each further pause is twice as long.
PAUSE_SECONDS = 0.1
_LOCK = 0x726F7763  # with the id of a table: who builds an index of it
MAX_CANCELLED = 10  # times; then whoever wanted it has to try later
_UNFINISHED = (
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = to_regclass(?) AND starts_with(c.relname, ?) AND NOT i.indisvalid"
)
_STOP = (
    "SELECT pg_cancel_backend(building.pid) FROM pg_stat_progress_create_index building"
    " JOIN pg_class c ON c.oid = building.index_relid WHERE building.datname = current_database() AND c.relname = ?"
)
_UNWANTED = "SELECT 1 FROM tables WHERE id = ? AND search_index <> 'building'"
# Waiting for the transactions that were running when it began is part of building; a limit that the role has for its
# statements would end each build at the same place.
_SETTINGS = ("lock_timeout = 0", "statement_timeout = 0", "maintenance_work_mem = '256MB'")


class IndexBuilder:
    """On a connection of its own, outside of a transaction. If it is interrupted, it does not begin again."""

    def __init__(self, connection: PostgresqlConnection, interrupted: threading.Event) -> None:
        self._connection, self._interrupted = connection, interrupted
        for setting in _SETTINGS:
            connection.execute(Sql(f"SET {setting}"))

    def build_search_index(self, table: TableRef, progress: Progress) -> bool:
        """False if the table is gone, or a column of it, or if their expression does not fit into the catalogue, which
        before PostgreSQL 18 that of many columns does not. A complete index stays as it is. Raises `IndexWithdrawn`.
        """
        with self._alone(table.id, name := search_name(table)):
            return self._build_search_index(table, name, progress)

    def _build_search_index(self, table: TableRef, name: str, progress: Progress) -> bool:
        is_complete = False
        for existing, is_valid in existing_indexes(self._connection, table.id).items():
            if existing == name and is_valid:
                is_complete = True
            else:
                self._drop(existing)  # of columns as they were, or what an interrupted build has left
        if is_complete:  # its builder may have been killed at the very end
            self._connection.analyze(table_name(table.id))
            return True
        return self._build(name, table.id, index_sql(table), progress, lambda: self._ensure_wanted(table.id))

    def _ensure_wanted(self, table_id: int) -> None:
        """Whoever has dropped it, a change of all rows say, says so in the same transaction, and may still have the
        table.
        """
        with self._connection.driver.transaction():
            self._connection.execute(Sql(lock_sql(table_id)))  # waits until that has ended
            if self._connection.execute(Sql(_UNWANTED, (table_id,))):
                raise IndexWithdrawn

    def build_sort_index(self, table_id: int, field: Field, used: Mapping[int, float], since: float) -> set[int]:
        with self._alone(table_id, name := index_name(table_id, field)):
            return self._build_sort_index(table_id, field, name, used, since)

    def _build_sort_index(
        self, table_id: int, field: Field, name: str, used: Mapping[int, float], since: float
    ) -> set[int]:
        for (unfinished,) in self._connection.execute(Sql(_UNFINISHED, (table_name(table_id), index_prefix(table_id)))):
            self._drop(unfinished)
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
            if self._interrupted.wait(PAUSE_SECONDS):
                raise QueryTimeout
            is_taken = self._connection.execute(take)
        try:
            yield
        finally:
            self._connection.execute(Sql("SELECT pg_advisory_unlock(?, ?)", lock))

    def _build(
        self, name: str, table_id: int, what: str, progress: Progress, ensure_wanted: Callable[[], None] = lambda: None
    ) -> bool:
        """With statistics about what is indexed. False if what is to be indexed is gone. Raises `QueryTimeout` if it is
        cancelled again and again, and whatever `ensure_wanted` does.
        """
        for cancelled in count(1):
            self._drop(name)  # what an interrupted build has left is not used, and yet written to
            progress(0, 0)
            try:
                ensure_wanted()
                self._connection.execute(Sql(f"CREATE INDEX CONCURRENTLY {name} ON {table_name(table_id)} {what}"))
                break
            except (RowsGone, UndefinedColumn):
                return False
            except RowTooBig:  # of the catalogue's
                log.warning(
                    "%s has too many columns for the index %s in this version of PostgreSQL", table_name(table_id), name
                )
                return False
            except QueryTimeout:
                # Somebody needed the table for themselves (`SearchUpkeep.make_way`), or this is interrupted.
                if cancelled == MAX_CANCELLED or self._interrupted.wait(PAUSE_SECONDS * 2 ** (cancelled - 1)):
                    self._drop(name)
                    raise
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
