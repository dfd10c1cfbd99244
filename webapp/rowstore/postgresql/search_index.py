"""The search index of a table: finds any three letters in any cell, as printed, without reading the rows.

One index of trigrams (`pg_trgm`) over the printed cells of a row together. PostgreSQL keeps it equal to the rows
itself, and uses it for conditions on exactly this expression: one that was made for columns that have changed since is
never used. How searches use it is in `planning.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from webapp.rowstore.postgresql.schema import search_name
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.statement import Sql, concatenate
from webapp.rowstore.table_ref import TableRef


def row_text(dialect: Dialect, table: TableRef) -> str:
    """SQL for the printed cells of a row, one per line. They are in the order of their numbers: the index stays as it
    is when columns change places.
    """
    fields = sorted(table.indexed, key=lambda field: field.number)
    return concatenate(list(map(dialect.print_shown, fields)), "chr(10)")


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
