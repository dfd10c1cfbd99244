"""A SQLite connection as what is the same on every database takes it."""

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.compile import Plan
from webapp.rowstore.sql.connection import BATCH, Connection, Savepoint, TextFunction
from webapp.rowstore.sql.schema import index_prefix, table_name
from webapp.rowstore.sql.statement import Sql, marks
from webapp.rowstore.sql.storing import update_sql
from webapp.rowstore.sqlite import planning
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.lines import read_lines
from webapp.rowstore.sqlite.search_index import SqliteSearchUpkeep
from webapp.rowstore.sqlite.transaction import readable_errors, transaction
from webapp.rowstore.table_ref import Field, TableRef

# SQLite VM instructions between checks whether to go on: some hundredths of a second. A check takes the interpreter
# lock, which a busy event loop releases only every 5 ms, so frequent checks would mostly wait.
STEPS = 500_000


class SqliteConnection(Connection):
    """Without a deadline until `cancellable` sets one."""

    dialect = DIALECT

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.driver = driver
        self._deadline = math.inf  # of time.monotonic()

    @property
    def search_index(self) -> SqliteSearchUpkeep:
        return SqliteSearchUpkeep(self)

    def execute(self, sql: Sql) -> list[Any]:
        with readable_errors():
            return self.driver.execute(sql.text, sql.values).fetchall()

    def change(self, sql: Sql) -> int:
        with readable_errors():
            return self.driver.execute(sql.text, sql.values).rowcount

    def change_all(self, text: str, values: Iterable[Sequence[Any]]) -> int:
        with readable_errors():
            return self.driver.executemany(text, values).rowcount

    def change_cells(
        self, table_id: int, field: Field, cells: Sequence[Sequence[Any]], *, with_text: bool = False
    ) -> int:
        return self.change_all(update_sql(self.dialect, table_id, field, with_text=with_text), cells)

    def change_each(self, text: str, values: Sequence[Sequence[Any]]) -> list[int]:
        with readable_errors():
            return [self.driver.execute(text, each).rowcount for each in values]

    def iterate(self, sql: Sql, size: int = BATCH, *, is_short: bool = False) -> Generator[list[Any], None, None]:
        with readable_errors(), closing(self.driver.execute(sql.text, sql.values)) as cursor:
            while batch := cursor.fetchmany(size):
                yield batch

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        outer = self._deadline
        self._deadline = min(outer, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._deadline = outer

    @contextmanager
    def cancellable(self, seconds: float, cancelled: threading.Event) -> Iterator[None]:
        """The same, and statements also end once `cancelled` is set, because nobody waits for them any more."""
        self.driver.set_progress_handler(lambda: cancelled.is_set() or time.monotonic() > self._deadline, STEPS)
        try:
            with self.time_limit(seconds):
                yield
        finally:
            self.driver.set_progress_handler(None, STEPS)

    def transaction(self) -> AbstractContextManager[None]:
        return transaction(self.driver)

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        self.driver.execute("SAVEPOINT part")
        yield _Savepoint(self.driver)
        self.driver.execute("RELEASE part")

    # -- how the database reads ------------------------------------------------------------------------------------

    def make_plan(self, table: TableRef, query: TableQuery, *, whole: bool = False) -> Plan:
        return planning.make_plan(self, table, query, whole=whole)

    def plain_plan(self, table: TableRef, query: TableQuery) -> Plan:
        return planning.SqlitePlan(DIALECT, query, table, may_use_sort_index=False)

    def existing_names(self, names: Sequence[str]) -> set[str]:
        statement = f"SELECT name FROM sqlite_master WHERE name IN ({marks(names)})"
        return {name for (name,) in self.execute(Sql(statement, tuple(names)))}

    def tables(self, prefix: str) -> list[str]:
        statement = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?"
        return [name for (name,) in self.execute(Sql(statement, (f"{prefix}*",)))]

    def column_types(self, table: str) -> dict[str, str]:
        return dict(self.execute(Sql("SELECT name, type FROM pragma_table_info(?)", (table,))))

    def indexed_columns(self, table_id: int) -> set[int]:
        beginning = index_prefix(table_id)
        statement = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        names = [name for (name,) in self.execute(Sql(statement, (table_name(table_id),)))]
        return {int(name.removeprefix(beginning)) for name in names if name.startswith(beginning)}

    def read_lines(self, plan: Plan, line: Sql) -> Generator[bytes, None, None]:
        yield from read_lines(self.driver, plan, line)

    def text_function(self, name: str, function: Callable[[str, int], str]) -> TextFunction:
        self.driver.create_function(name, 2, function, deterministic=True)
        return _TextFunction(name)

    def read_text(self, table_id: int, row_id: int, column: str, size: int) -> Generator[bytes, None, None]:
        table = table_name(table_id)
        with readable_errors(), closing(self.driver.blobopen(table, column, row_id, readonly=True)) as blob:
            while piece := blob.read(size):
                yield piece


class _Savepoint:
    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def undo(self) -> None:
        self._driver.execute("ROLLBACK TO part")


class _TextFunction:
    def __init__(self, name: str) -> None:
        self._name = name

    def call(self, text: str, number: int) -> str:
        return f"{self._name}({text}, {number})"

    def finish(self, block: bytes) -> bytes:
        return block
