"""The search index of a table: finds any three letters in any cell, as printed, without reading the rows.

One index of trigrams (`pg_trgm`) over the printed cells of a row together. PostgreSQL keeps it equal to the rows
itself, and uses it for conditions on exactly this expression: one that was made for columns that have changed since is
never used. How searches use it is in `search.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from webapp.rowstore.postgresql.schema import search_name
from webapp.rowstore.postgresql.search import search_text_sql
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import TableRef


def index_sql(table: TableRef) -> str:
    """What the index is on. Its trigrams are of letters as the database folds their case."""
    return f'USING gin (({search_text_sql(table.indexed)} COLLATE "default") gin_trgm_ops)'


class PostgresqlSearchUpkeep:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def upkeep(self, table: TableRef, ids: Sequence[int]) -> Iterator[None]:
        yield

    def drop(self, table_id: int) -> None:
        self._connection.execute(Sql(f"DROP INDEX IF EXISTS {search_name(table_id)}"))

    def drop_unfinished(self, table_id: int) -> None:
        """What is being built follows each change of a row, and ends by itself if its columns have changed."""

    def merge(self, table_id: int, *, begins: bool) -> bool:
        """The server does it by itself."""
        return False
