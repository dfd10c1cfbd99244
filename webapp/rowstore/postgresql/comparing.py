"""Laying a file over a table in temporary tables of a connection."""

from collections.abc import Sequence

from webapp.db.postgresql_driver import connect, register_escaped_text
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.errors import readable_errors
from webapp.rowstore.sql.comparing import SqlFileComparison
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef

# A child process reads a file between two statements, and that may take its time. It sorts and joins whole tables.
_SETTINGS = ("idle_in_transaction_session_timeout = 0", "work_mem = '64MB'", "temp_buffers = '64MB'")


class PostgresqlFileComparison(SqlFileComparison):
    def __init__(self, address: str, table: TableRef, columns: Sequence[Field], keys: Sequence[int]) -> None:
        self._driver = connect(address)
        super().__init__(PostgresqlConnection(self._driver), table, columns, keys)

    def begin(self) -> None:
        for setting in _SETTINGS:
            self._connection.execute(Sql(f"SET {setting}"))
        self._connection.execute(Sql("BEGIN ISOLATION LEVEL REPEATABLE READ"))

    def close(self) -> None:
        self._driver.close()

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
