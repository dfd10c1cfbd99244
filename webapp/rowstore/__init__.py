"""Where the rows of tables live: the only code that speaks SQL to them. `store.py`, with `reader.py`, `writer.py` and
`loader.py`, and `file_comparison.py` have the interfaces.

Which database it is, is decided here and nowhere else: by the address of a store, or the driver of a connection.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # a child process loads neither SQLAlchemy nor what it does not need
    from contextlib import AbstractContextManager

    from webapp.db.database import Database
    from webapp.db.unit_of_work import BlockingConnection, UnitOfWork
    from webapp.rowstore.file_comparison import FileComparison
    from webapp.rowstore.loader import RowLoader
    from webapp.rowstore.reader import RowReader
    from webapp.rowstore.store import RowStore
    from webapp.rowstore.table_ref import Field, TableRef
    from webapp.rowstore.writer import RowWriter

T = TypeVar("T")

_POSTGRESQL = ("postgresql://", "postgresql+", "postgres://")


def is_postgresql(address: str) -> bool:
    """Whether this is the address of a PostgreSQL database; that of SQLite is a path, or its URL."""
    return address.startswith(_POSTGRESQL)


def create_store(database: "Database") -> "RowStore":
    if is_postgresql(database.url):
        from webapp.rowstore.postgresql.store import PostgresqlRowStore

        return PostgresqlRowStore(database)
    from webapp.rowstore.sqlite.store import SqliteRowStore

    return SqliteRowStore(database)


async def within(work: "UnitOfWork", function: "Callable[[RowWriter], T]") -> T:
    """Return `function(rows)`, run in this unit of work and in the writer's thread, with one switch to it."""
    return await work.run(lambda connection: function(row_writer(connection)))


def row_writer(connection: "BlockingConnection") -> "RowWriter":
    """The rows in the transaction of this connection, which is a unit of work's: see `UnitOfWork.run`."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        from webapp.rowstore.postgresql.writer import PostgresqlRowWriter

        return PostgresqlRowWriter(driver)
    from webapp.rowstore.sqlite.writer import SqliteRowWriter

    return SqliteRowWriter(driver)


def row_reader(connection: "BlockingConnection") -> "RowReader":
    """The rows as this connection sees them, beside what else is read from it: see `Database.read`. It has no time
    limit, so it is for few rows, by their ids.
    """
    return row_writer(connection)


def open_reader(address: str) -> "AbstractContextManager[RowReader]":
    """Read outside a server, without a time limit; `address` is a store's."""
    if is_postgresql(address):
        from webapp.rowstore.postgresql import reader as postgresql

        return postgresql.open_reader(address)
    from webapp.rowstore.sqlite import reader as sqlite

    return sqlite.open_reader(address)


def open_loader(address: str) -> "RowLoader":
    if is_postgresql(address):
        from webapp.rowstore.postgresql.loader import PostgresqlRowLoader

        return PostgresqlRowLoader(address)
    from webapp.rowstore.sqlite.loader import SqliteRowLoader

    return SqliteRowLoader(address)


def open_comparison(
    address: str, draft: Path, table: "TableRef", columns: "Sequence[Field]", keys: "Sequence[int]"
) -> "FileComparison":
    """Lay a file over a table. It may take a database at the path `draft`, which is made anew and can be removed
    afterwards.

    `columns` are those of the file: fields of the table, or new ones, whose numbers are below 0. `keys` are numbers of
    the table's columns. Raises `RowsGone` if there is no such table.
    """
    if is_postgresql(address):
        from webapp.rowstore.postgresql.comparing import PostgresqlFileComparison

        return PostgresqlFileComparison(address, table, columns, keys)
    from webapp.rowstore.sqlite.comparing import SqliteFileComparison

    return SqliteFileComparison(address, draft, table, columns, keys)
