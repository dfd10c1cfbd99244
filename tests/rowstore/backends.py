"""The databases the tests of the row store run on, and tables in them. A further one is a class and a line."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import SecretStr

from settings import Environment, Settings
from tests.postgresql import sqlalchemy_url
from webapp.db import postgresql_driver, sqlite
from webapp.db.sqlite_driver import connect
from webapp.rowstore import open_loader, open_reader
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.writer import PostgresqlRowWriter
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import ExportFormat, RowReader
from webapp.rowstore.sql.cursors import ImportCursor
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sqlite.appending import SqliteAppender
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.sqlite.reader import SqliteRowReader
from webapp.rowstore.sqlite.writer import SqliteRowWriter
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Count, Page, PageStart, Row, StoredRow
from webapp.rowstore.writer import RowWriter

T = TypeVar("T")
Cells = Sequence[str]


class Backend(Protocol):
    """A migrated database in a folder of its own."""

    settings: Settings
    address: str

    @property
    def indexes_all_columns(self) -> bool:
        """Whether a search index may be of as many texts as a table may have columns."""
        ...

    def writing(self) -> Any:
        """A context manager: a `RowWriter` in a transaction, committed at the end unless there is an exception."""
        ...

    def execute(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement as it is, in a transaction of its own."""
        ...

    def watch(self, rows: Any) -> list[Any]:
        """A list of all values that the reader `rows` fetches from now on."""
        ...

    def begin_import(self, table_id: int, import_id: str) -> None:
        """Make the records of a table and of the import that fills it."""
        ...


class SqliteBackend:
    indexes_all_columns = True

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(_env_file=None, environment=Environment.TESTING, data_dir=folder)
        self.path = sqlite.database_file(self.settings.sqlalchemy_url)
        self.address = str(self.path)

    def connect(self) -> sqlite3.Connection:
        return connect(self.path)

    @contextmanager
    def writing(self) -> Iterator[RowWriter]:
        with closing(self.connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield SqliteRowWriter(connection)
            connection.execute("COMMIT")

    def execute(self, statement: str, *values: Any) -> list[Any]:
        with closing(self.connect()) as connection:
            return connection.execute(statement, values).fetchall()

    def watch(self, rows: Any) -> list[Any]:
        fetched = list[Any]()
        rows.connection.driver.row_factory = lambda _, row: fetched.extend(row) or row
        return fetched

    def begin_import(self, table_id: int, import_id: str) -> None:
        for statement in records_of(table_id, import_id):
            self.execute(statement)


class PostgresqlBackend:
    def __init__(self, folder: Path, url: str) -> None:
        self.address = sqlalchemy_url(url)
        settings = Settings(_env_file=None, environment=Environment.TESTING, data_dir=folder)
        self.settings = settings.model_copy(update={"database_url": SecretStr(self.address)})

    def connect(self) -> Any:
        return postgresql_driver.connect(self.address)

    @property
    def indexes_all_columns(self) -> bool:
        """Before version 18 an index's expression has to fit into a page of the catalogue; in 17 it takes less room."""
        return int(self.execute("SHOW server_version_num")[0][0]) >= 170_000

    @contextmanager
    def writing(self) -> Iterator[RowWriter]:
        with closing(self.connect()) as connection, connection.transaction():
            yield PostgresqlRowWriter(connection)

    def execute(self, statement: str, *values: Any) -> list[Any]:
        with closing(self.connect()) as connection:
            return PostgresqlConnection(connection).execute(Sql(statement, values))

    def watch(self, rows: Any) -> list[Any]:
        fetched = list[Any]()
        rows.connection.driver.row_factory = lambda _: lambda row: fetched.extend(row) or tuple(row)
        return fetched

    def begin_import(self, table_id: int, import_id: str) -> None:
        for statement in records_of(table_id, import_id):
            self.execute(statement)


def records_of(table_id: int, import_id: str) -> tuple[str, ...]:
    return (
        "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
        " VALUES (1, 'ada@example.org', 'ada', '', 'owner', TRUE, '2026-01-01') ON CONFLICT DO NOTHING",
        "INSERT INTO tables (id, owner_id, title, created_at, row_count, state, version, search_index)"
        f" VALUES ({table_id}, 1, 'Table', '2026-01-01', 0, 'importing', 0, 'building')",
        "INSERT INTO imports (id, user_id, table_id, state, created_at, filename, size, sha256, overrules,"
        f" rows_done) VALUES ('{import_id}', 1, {table_id}, 'loading', '2026-01-01', 'a.csv', 1, '', '{{}}', 0)",
    )


BACKENDS = {"sqlite": SqliteBackend, "postgresql": PostgresqlBackend}


def column(number: int, title: str = "", type: str = "text", format: dict[str, Any] | None = None) -> Field:
    return Field(number, title, type, format or {})


@dataclass
class StoredTable:
    """A table and its rows, with a reader that is open until the test ends."""

    backend: Any
    ref: TableRef
    opened: ExitStack = field(default_factory=ExitStack)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.ref.fields

    @cached_property
    def rows(self) -> RowReader:
        return self.opened.enter_context(open_reader(self.backend.address))

    def query(self, *args: tuple[str, str]) -> TableQuery:
        return TableQuery.from_args(list(args), self.fields)

    def page(
        self,
        *args: tuple[str, str],
        query: TableQuery | None = None,
        after: str | None = None,
        before: str | None = None,
        at: int | None = None,
        **options: Any,
    ) -> Page:
        return self.rows.page(self.ref, query or self.query(*args), PageStart(after, before, at), **options)

    def all_rows(self) -> list[Row]:
        """Page by page, because a page ends after so many bytes."""
        page = self.page()
        found = list(page.rows)
        while page.after:
            page = self.page(after=page.after)
            found += page.rows
        return found

    def count(self, *args: tuple[str, str], query: TableQuery | None = None) -> Count:
        return self.rows.count(self.ref, query or self.query(*args))

    def export(self, *args: tuple[str, str], format: ExportFormat = "csv", safe: bool = False) -> bytes:
        return b"".join(self.rows.export(self.ref, self.query(*args), format, safe=safe))

    def write(self, function: Callable[[RowWriter], T]) -> T:
        with self.backend.writing() as rows:
            return function(rows)

    def refill(self, rows: Sequence[Cells]) -> None:
        """Exchange all rows; their ids are 1, 2, 3 ... again."""
        new = [StoredRow(row_id, tuple(cells)) for row_id, cells in enumerate(rows, 1)]
        with self.backend.writing() as writer:
            while old := ids(writer.page(self.ref, TableQuery.of(self.fields))):
                writer.delete(self.ref, old)
            writer.insert(self.ref, new)

    def build_search_index(self, progress: Callable[[int, int], None] = lambda done, total: None) -> bool:
        with open_loader(self.backend.address) as loader:
            return loader.index_search(self.ref, progress)

    def build_sort_index(self, field: Field) -> None:
        with open_loader(self.backend.address) as loader:
            loader.index_sort(self.ref.id, field)


def ids(page: Page) -> list[int]:
    return [row_id for row_id, _ in page.rows]


def make_table(backend: Any, fields: Sequence[Field], rows: Iterable[Cells], table_id: int = 1) -> StoredTable:
    """A table whose rows were loaded as an import does it."""
    ref, import_id = TableRef(table_id, tuple(fields)), f"{table_id:032x}"
    with backend.writing() as writer:
        writer.create(ref)
    backend.begin_import(table_id, import_id)
    with open_loader(backend.address) as loader:
        appender = loader.appender(ref, range(len(fields)), import_id)
        list(appender.append(list(rows)))
        appender.finish()
    return StoredTable(backend, ref)


@contextmanager
def loaded_in_memory(fields: Sequence[Field], rows: Sequence[Cells]) -> Iterator[SqliteRowReader]:
    """Rows as an import stores them, in a SQLite database without a file: `t1`, read by `connection`."""
    ref = TableRef(1, tuple(fields))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(
            "CREATE TABLE imports (id, state, rows_done); INSERT INTO imports VALUES ('a', 'loading', 0);"
            "CREATE TABLE tables (id, row_count, next_row_id, version); INSERT INTO tables VALUES (1, 0, 1, 0)"
        )
        SqliteRowWriter(connection).create(ref)
        opened = SqliteConnection(connection)
        for _ in SqliteAppender(opened, ref, range(len(fields)), ImportCursor(opened, 1, "a")).append(rows):
            pass
        yield SqliteRowReader(connection)


def round_trip(fields: Sequence[Field], rows: Sequence[Cells]) -> list[list[str]]:
    """The cells of an import, as an export has them."""
    with loaded_in_memory(fields, rows) as reader:
        cells = reader.cells(TableRef(1, tuple(fields)), range(1, len(rows) + 1), fields)
    return [list(cells[row_id]) for row_id in sorted(cells)]
