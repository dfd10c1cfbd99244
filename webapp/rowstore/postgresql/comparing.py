"""Laying a file over a table in temporary tables of a connection.

That connection has one transaction, whose snapshot the comparison is of, and never reads the table itself: it would
hold the table's lock until its end, and whoever changes the table's columns would wait for all of it. Another
connection reads on the same snapshot, in short transactions.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.abc import Buffer
from psycopg.errors import UndefinedColumn

from webapp.db.errors import UserError
from webapp.db.postgresql_driver import connect, register_escaped_text
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.errors import readable_errors
from webapp.rowstore.sql.comparing import SqlFileComparison
from webapp.rowstore.sql.connection import BATCH
from webapp.rowstore.sql.schema import stored_columns, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef

# A child process reads a file between two statements, and that may take its time. It sorts and joins whole tables.
_SETTINGS = ("idle_in_transaction_session_timeout = 0", "work_mem = '64MB'", "temp_buffers = '64MB'")


class ColumnGone(UserError):
    def __init__(self) -> None:
        super().__init__("A column of the table was deleted for good while the file was compared. Compare it again.")


class SnapshotConnection(PostgresqlConnection):
    """Each statement is a transaction on the snapshot that another one has exported and still has. Raises `ColumnGone`:
    a snapshot has the rows as they were, and the columns as they are.
    """

    def __init__(self, driver: "psycopg.Connection[Any]", snapshot: str) -> None:
        super().__init__(driver)
        driver.isolation_level = IsolationLevel.REPEATABLE_READ
        self._snapshot = snapshot

    @contextmanager
    def reading(self) -> Iterator[None]:
        try:
            with readable_errors(), self.driver.transaction():
                self.driver.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'".encode())
                yield
        except UndefinedColumn as error:
            raise ColumnGone from error

    @contextmanager
    def copied(self, statement: str) -> Iterator[Iterable[Buffer]]:
        with self.reading(), self.driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            yield copy

    def execute(self, sql: Sql) -> list[Any]:
        with self.reading():
            return super().execute(sql)

    def iterate(self, sql: Sql, size: int = BATCH, *, is_short: bool = False) -> Generator[list[Any], None, None]:
        """Only numbers, and not of the whole table: they are read at once."""
        yield from super().iterate(sql, size, is_short=True)


class PostgresqlFileComparison(SqlFileComparison):
    def __init__(self, address: str, table: TableRef, columns: Sequence[Field], keys: Sequence[int]) -> None:
        self._address, self._driver = address, connect(address)
        self._readers = list[SnapshotConnection]()  # one, once there is a snapshot
        known = [field for field in columns if field.number > 0]
        self._stored = ["id", *stored_columns(known)]  # what the compared cells are made of
        super().__init__(PostgresqlConnection(self._driver), table, columns, keys)

    def begin(self) -> None:
        for setting in _SETTINGS:
            self._connection.execute(Sql(f"SET {setting}"))
        self._connection.execute(Sql("BEGIN ISOLATION LEVEL REPEATABLE READ"))

    def open_source(self) -> PostgresqlConnection:
        ((snapshot,),) = self._connection.execute(Sql("SELECT pg_export_snapshot()"))
        reader = SnapshotConnection(connect(self._address, read_only=True), snapshot)
        self._readers.append(reader)
        types = reader.column_types(table_name(self.table.id))
        if not types.keys() >= set(self._stored):
            raise ColumnGone
        self.create_table("part", ", ".join(f"{name} {types[name].upper()}" for name in self._stored))
        return reader

    def rows_between(self, after: int, last: int) -> str:
        """A copy of them, as they are stored: no statement of this connection reads the table."""
        names, table = ", ".join(self._stored), table_name(self.table.id)
        rows = f"SELECT {names} FROM {table} WHERE id > {after} AND id <= {last}"
        self._run("TRUNCATE part")
        with (
            self._readers[0].copied(f"COPY ({rows}) TO STDOUT (FORMAT binary)") as found,
            self._driver.cursor() as cursor,
            cursor.copy(b"COPY part FROM STDIN (FORMAT binary)") as part,
        ):
            for block in found:
                part.write(block)
        return "part"

    def close(self) -> None:
        self._driver.close()
        for reader in self._readers:
            reader.driver.close()

    def create_table(self, name: str, columns: str) -> None:
        """Its texts compare as those of the tables do: by their bytes."""
        self._connection.execute(Sql(f"CREATE TEMPORARY TABLE {name} ({columns.replace(' TEXT', _TEXT)})"))

    def create_file_table(self, names: Sequence[str]) -> None:
        self.create_table("file", ", ".join(["id BIGINT PRIMARY KEY", *(f"{name} TEXT NOT NULL" for name in names)]))

    def insert_rows(self, rows: Sequence[Sequence[str]], first: int) -> None:
        with readable_errors(), self._driver.cursor() as cursor:
            register_escaped_text(cursor.adapters)
            with cursor.copy("COPY file FROM STDIN") as copy:
                for number, row in enumerate(rows, first):
                    copy.write_row((number, *row))

    def gather_statistics(self, table: str) -> None:
        self._connection.execute(Sql(f"ANALYZE {table}"))


_TEXT = ' TEXT COLLATE "C"'
