"""Laying a file over a table in a SQLite database of its own, a file beside the upload, with the application's
attached.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from webapp.db.sqlite_driver import BUSY_TIMEOUT
from webapp.rowstore.sql.comparing import SqlFileComparison
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql, marks
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.table_ref import Field, TableRef

CACHE_KIB = 32_000


class SqliteFileComparison(SqlFileComparison):
    def __init__(self, address: str, draft: Path, table: TableRef, columns: Sequence[Field], keys: Sequence[int]):
        draft.unlink(missing_ok=True)  # of a child that was killed
        with readable_errors():
            self._driver = _open(draft, address)
        self._insert = f"INSERT INTO file VALUES ({marks(columns)})"
        super().__init__(SqliteConnection(self._driver), table, columns, keys)

    def begin(self) -> None:
        self._connection.execute(Sql("BEGIN"))

    def open_source(self) -> SqliteConnection:
        return SqliteConnection(self._driver)

    def rows_between(self, after: int, last: int) -> str:
        return table_name(self.table.id)

    def close(self) -> None:
        self._driver.close()

    def create_table(self, name: str, columns: str) -> None:
        self._connection.execute(Sql(f"CREATE TABLE {name} ({columns})"))

    def create_file_table(self, names: Sequence[str]) -> None:
        self.create_table("file", ", ".join(f"{name} TEXT NOT NULL" for name in names))

    def insert_rows(self, rows: Sequence[Sequence[str]], first: int) -> None:
        """SQLite numbers them itself."""
        self._connection.change_all(self._insert, rows)

    def gather_statistics(self, table: str) -> None:
        """Without them it uses the indexes that the statements are made for."""


def _open(draft: Path, address: str) -> sqlite3.Connection:
    """The database of the file's rows, which nobody needs after a crash, with the application's beside it."""
    connection = sqlite3.connect(draft, timeout=BUSY_TIMEOUT, isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", f"cache_size=-{CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("ATTACH DATABASE ? AS app", (f"{Path(address).absolute()}",))
    except BaseException:
        connection.close()
        raise
    return connection
