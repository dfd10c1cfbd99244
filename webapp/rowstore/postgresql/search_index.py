"""The search index of a table: finds any three letters in any cell, as printed, without reading the rows.

One index of trigrams (`pg_trgm`) over the printed cells of a row together. PostgreSQL keeps it equal to the rows
itself, and uses it for conditions on exactly this expression: one that was made for columns that are stored otherwise
since would be written to for nothing. Its name says what it is made of. How searches use it is in `search.py`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from webapp.db.errors import DatabaseBusy
from webapp.rowstore.postgresql.search import search_name, search_prefix, search_text_sql
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import TableRef

_INDEXES = (
    "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = to_regclass(?) AND starts_with(c.relname, ?)"
)
_BUILDERS = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index"
    " WHERE datname = current_database() AND relid = to_regclass(?)"
)

_ATTEMPTS, _PAUSE_SECONDS = 40, 0.025


def index_sql(table: TableRef) -> str:
    """What the index is on. Its trigrams are of letters as the database folds their case."""
    return f'USING gin (({search_text_sql(table.indexed)} COLLATE "default") gin_trgm_ops)'


def existing_indexes(connection: Connection, table_id: int) -> dict[str, bool]:
    """The names of all search indexes of the table, and whether each is complete."""
    return dict(connection.execute(Sql(_INDEXES, (table_name(table_id), search_prefix(table_id)))))


def lock_sql(table_id: int) -> str:
    """No index of the table is built until the end of the transaction; rows are read and written."""
    return f"LOCK TABLE {table_name(table_id)} IN SHARE UPDATE EXCLUSIVE MODE"


class PostgresqlSearchUpkeep:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def upkeep(self, table: TableRef, ids: Sequence[int]) -> Iterator[None]:
        yield

    def is_current(self, table: TableRef) -> bool:
        return existing_indexes(self._connection, table.id) == {search_name(table): True}

    def drop(self, table_id: int) -> None:
        self._drop(table_id)

    def _drop(self, table_id: int) -> bool:
        """Whether there was any. Whoever is building one has to wait, and then looks whether it is still wanted."""
        if self._connection.existing_names([table_name(table_id)]):
            self._end_builds(table_id)
        names = existing_indexes(self._connection, table_id)
        for name in names:
            self._connection.execute(Sql(f"DROP INDEX IF EXISTS {name}"))
        return bool(names)

    def _end_builds(self, table_id: int) -> None:
        """Until the end of the transaction. One may begin again between its end and our lock."""
        for _ in range(_ATTEMPTS):
            self.make_way(table_id)
            with self._connection.savepoint() as before:
                try:
                    self._connection.execute(Sql(f"{lock_sql(table_id)} NOWAIT"))
                    return
                except DatabaseBusy:
                    before.undo()
            time.sleep(_PAUSE_SECONDS)
        self._connection.execute(Sql(lock_sql(table_id)))  # ends whoever tidies up the table

    def drop_unfinished(self, table_id: int) -> None:
        """Whether the server has completed it, after whoever wanted it was gone, makes no difference."""
        self._drop(table_id)

    def follow_columns(self, table_id: int) -> bool:
        return self._drop(table_id)

    def make_way(self, table_id: int) -> None:
        """Whoever builds an index begins again once this transaction has ended."""
        self._connection.execute(Sql(_BUILDERS, (table_name(table_id),)))

    def merge(self, table_id: int, *, begins: bool) -> bool:
        """The server does it by itself."""
        return False
