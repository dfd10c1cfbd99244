"""Appending the rows of a file to a table, or to the draft of one, by COPY in many transactions."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

from psycopg import IsolationLevel

from webapp.db.postgresql_driver import register_escaped_text
from webapp.rowstore.loader import Appender, ImportWithdrawn
from webapp.rowstore.nul_escape import encode
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.errors import readable_errors
from webapp.rowstore.sql.cursors import DraftCursor, RowCursor
from webapp.rowstore.sql.file_rows import FileRows, Parser, Row, value_parser
from webapp.rowstore.sql.schema import companion_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.storing import columns_sql, given_cells
from webapp.rowstore.sql.transactions import in_transaction
from webapp.rowstore.table_ref import Field, TableRef
from webapp.types.base import null_of

SECONDS = 0.1  # that a transaction aims to take: its rows are seen at its end
FIRST_BATCH = 500  # rows: the first ones should be visible at once
MIN_BATCH, MAX_BATCH = 100, 20_000
_GIVEN = "given_rows"
_IS_UNDECIDED = "UPDATE imports SET state = state WHERE id = ? AND state IN ('inspecting', 'ready')"


def next_size(rows: int, took: float) -> int:
    """Rows of the next batch, after one of `rows` rows took so many seconds."""
    return max(MIN_BATCH, min(MAX_BATCH, int(rows * min(4.0, SECONDS / max(took, 0.0005)))))


class PostgresqlDraftCursor(DraftCursor):
    def move(self, before: int, done: int) -> None:
        """Whoever decides about the import meanwhile does so before or after this: both write its record."""
        if not self._connection.change(Sql(_IS_UNDECIDED, (self._import_id,))):
            raise ImportWithdrawn


class PostgresqlAppender(Appender):
    """Row ids are the rows' numbers in the file, 1 for the first.

    The cursor moves at the end of each transaction: so the records that it writes are locked only for a moment.
    """

    def __init__(
        self, connection: PostgresqlConnection, table: TableRef, positions: Sequence[int], cursor: RowCursor
    ) -> None:
        self._connection, self._table, self._cursor = connection, table, cursor
        connection.driver.isolation_level = IsolationLevel.READ_COMMITTED  # it reads nothing that others change
        self._rows = FileRows(table, positions, _parser)
        self._size = FIRST_BATCH
        self._keeps_texts = any(map(companion_name, table.fields))
        if self._keeps_texts:
            connection.execute(Sql(_given_sql(connection, table)))
        self.done = cursor.begin()

    def append(self, rows: Sequence[Sequence[str]]) -> Iterator[int]:
        arranged = self._rows.arrange(rows)
        start = 0
        while start < len(arranged):
            batch = arranged[start : start + self._size]
            began = time.perf_counter()
            in_transaction(self._connection, partial(self._write, batch))
            self.done += len(batch)
            start += len(batch)
            self._size = next_size(len(batch), time.perf_counter() - began)
            yield self.done

    def finish(self) -> None:
        """The planner knows nothing of the rows yet."""
        self._connection.analyze(self._cursor.name)

    def _write(self, batch: Sequence[Row]) -> None:
        self._cursor.ensure_wanted()  # else its table may be gone
        if self._keeps_texts:
            self._copy(_GIVEN, "", batch)
            self._connection.execute(Sql(self._insert_sql()))
        else:
            self._copy(self._cursor.name, f" ({columns_sql(self._connection.dialect, self._table)})", batch)
        self._cursor.move(self.done, self.done + len(batch))

    def _copy(self, name: str, columns: str, batch: Sequence[Row]) -> None:
        with readable_errors(), self._connection.driver.cursor() as cursor:
            register_escaped_text(cursor.adapters)
            with cursor.copy(f"COPY {name}{columns} FROM STDIN") as copy:
                write_row = copy.write_row
                for number, row in enumerate(batch, self.done + 1):
                    write_row((number, *row))

    def _insert_sql(self) -> str:
        """The database itself compares the texts that are kept with what it prints."""
        dialect = self._connection.dialect
        into = f"INSERT INTO {self._cursor.name} ({columns_sql(dialect, self._table)})"
        return f"{into} SELECT {given_cells(dialect, self._table)} FROM {_GIVEN} ORDER BY g"


def _given_sql(connection: PostgresqlConnection, table: TableRef) -> str:
    """A table of this session for the rows of a transaction: values, and texts beside those where they are kept."""
    columns = ["g bigint"]
    for place, field in enumerate(table.fields):
        columns.append(connection.dialect.column_sql(f"g{place}", field.kind.stored))
        if companion_name(field):
            columns.append(connection.dialect.column_sql(f"g{place}t", str))
    return f"CREATE TEMPORARY TABLE {_GIVEN} ({', '.join(columns)}) ON COMMIT DELETE ROWS"


def _parser(field: Field) -> Parser:
    return _text_parser(encode(null_of(field.format))) if field.type == "text" else value_parser(field)


def _text_parser(null: str) -> Parser:
    return lambda cells: [None if cell == null else cell for cell in cells]
