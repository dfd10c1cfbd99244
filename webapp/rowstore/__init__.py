"""Where the rows of tables live: the only code that speaks SQL to them. `store.py`, with `reader.py`, `writer.py` and
`loader.py`, and `file_comparison.py` have the interfaces.

Which database it is, its address decides, here and nowhere else. What is the same SQL on both is in `sql/`.
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


def create_store(database: "Database") -> "RowStore":
    if _is_postgresql(database.address):
        from webapp.rowstore.postgresql.store import PostgresqlRowStore

        return PostgresqlRowStore(database)
    from webapp.rowstore.sqlite.store import SqliteRowStore

    return SqliteRowStore(database)


def _is_postgresql(address: str) -> bool:
    """Addresses of SQLite are paths of files."""
    return address.startswith("postgresql")


async def within(work: "UnitOfWork", function: "Callable[[RowWriter], T]") -> T:
    """Return `function(rows)`, run in this unit of work and in the writer's thread, with one switch to it."""
    return await work.run(lambda connection: function(row_writer(connection)))


def row_writer(connection: "BlockingConnection") -> "RowWriter":
    """The rows in the transaction of this connection, which is a unit of work's: see `UnitOfWork.run`."""
    driver: Any = connection.connection.driver_connection
    if _is_postgresql(connection.dialect.name):
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
    if _is_postgresql(address):
        from webapp.rowstore.postgresql import reader

        return reader.open_reader(address)
    from webapp.rowstore.sqlite.reader import open_reader

    return open_reader(address)


def open_loader(address: str) -> "RowLoader":
    if _is_postgresql(address):
        from webapp.rowstore.postgresql.loader import PostgresqlRowLoader

        return PostgresqlRowLoader(address)
    from webapp.rowstore.sqlite.loader import SqliteRowLoader

    return SqliteRowLoader(address)


def open_comparison(
    address: str, draft: Path, table: "TableRef", columns: "Sequence[Field]", keys: "Sequence[int]"
) -> "FileComparison":
    """Lay a file over a table. What that takes may be in a file at the path `draft`, which is made anew and can be
    removed afterwards.

    `columns` are those of the file: fields of the table, or new ones, whose numbers are below 0. `keys` are numbers of
    the table's columns. Raises `RowsGone` if there is no such table.
    """
    if _is_postgresql(address):
        from webapp.rowstore.postgresql.comparing import PostgresqlFileComparison

        return PostgresqlFileComparison(address, table, columns, keys)
    from webapp.rowstore.sqlite.comparing import SqliteFileComparison

    return SqliteFileComparison(address, draft, table, columns, keys)
