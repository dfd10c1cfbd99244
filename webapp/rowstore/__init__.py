"""Where the rows of tables live: the only code that speaks SQL to them. `store.py` has the interfaces.

Only SQLite is implemented so far; which database it is, is decided here and nowhere else.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # a child process loads neither SQLAlchemy nor what it does not need
    from contextlib import AbstractContextManager

    from webapp.db.database import Database
    from webapp.db.unit_of_work import UnitOfWork
    from webapp.rowstore.store import RowLoader, RowReader, RowStore, RowWriter

T = TypeVar("T")


def create_store(database: "Database") -> "RowStore":
    from webapp.rowstore.sqlite.store import SqliteRowStore

    return SqliteRowStore(database)


async def within(work: "UnitOfWork", function: "Callable[[RowWriter], T]") -> T:
    """Return `function(rows)`, run in this unit of work and in the writer's thread, with one switch to it."""
    from webapp.rowstore.sqlite.writer import SqliteRowWriter

    return await work.run(lambda driver: function(SqliteRowWriter(driver)))


def open_reader(address: str) -> "AbstractContextManager[RowReader]":
    """Read outside a server, without a time limit; `address` is a store's."""
    from webapp.rowstore.sqlite.store import open_reader

    return open_reader(address)


def open_loader(address: str) -> "RowLoader":
    from webapp.rowstore.sqlite.loader import SqliteRowLoader

    return SqliteRowLoader(address)
