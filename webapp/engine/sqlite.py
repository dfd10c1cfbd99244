"""What is SQLite's own in the engine: time budgets, indexes on demand, words of its SQL.

The full-text index, all of it SQLite's own too, is in `search.py`. PostgreSQL will be a second pair of such modules.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from webapp.engine.problems import QueryTimeout
from webapp.engine.statement import Sql
from webapp.engine.storage import ROW_ID, Field, StoredColumn, index_name, search_name, table_name

if TYPE_CHECKING:  # child processes do without: it takes 300 ms to import
    from sqlalchemy import Connection

T = TypeVar("T")
# Of SQLite's virtual machine between two looks whether to go on: some hundredths of a second. A look takes the
# interpreter's lock, which a busy event loop gives away every 5 ms only; looking too often is mostly waiting.
_STEPS = 500_000


class Read(Protocol):
    """Runs one statement and gives all its rows."""

    def __call__(self, sql: Sql) -> Sequence[Any]: ...


class Database(Protocol):
    """Where `run` reads; `webapp.data.engines.Database` is one."""

    async def read(self, work: Callable[["Connection"], T]) -> T: ...


def reader(connection: sqlite3.Connection) -> Read:
    return lambda sql: connection.execute(sql.text, sql.values).fetchall()


def stoppable(connection: sqlite3.Connection) -> threading.Event:
    """Once the event is set, nothing runs on this connection any more; an interrupt between two statements is lost."""
    stopped = threading.Event()
    connection.set_progress_handler(stopped.is_set, _STEPS)
    return stopped


async def run(database: Database, seconds: float, work: Callable[[Read], T]) -> T:
    """Run `work(read)` in a thread, all of it on one state of the database, for at most so long.

    When whoever waits here goes away, it is stopped soon.
    """
    gone = threading.Event()
    try:
        return await database.read(lambda connection: _within(connection, seconds, gone, work))
    finally:
        gone.set()


def _within(connection: "Connection", seconds: float, gone: threading.Event, work: Callable[[Read], T]) -> T:
    from sqlalchemy.exc import OperationalError

    driver: Any = connection.connection.driver_connection
    end = time.monotonic() + seconds
    driver.set_progress_handler(lambda: gone.is_set() or time.monotonic() > end, _STEPS)
    try:
        return work(lambda sql: connection.exec_driver_sql(sql.text, sql.values).all())
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError) and str(error.orig) == "interrupted":
            raise QueryTimeout from error
        raise
    finally:
        driver.set_progress_handler(None, _STEPS)


# -- indexes on demand -----------------------------------------------------------------------------------------------


def ensure_index(connection: sqlite3.Connection, table_id: int, column: StoredColumn) -> None:
    """The index a sort and the filters of this column use; nothing happens when it is there.

    Takes about a second for a million rows, and SQLite can make an index in one transaction only: other writers wait
    so long. For a background job, once the import is done.
    """
    field, index = Field.of(column), index_name(table_id, column.number)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if index not in existing(reader(connection), [index]):
            connection.execute(f"CREATE INDEX {index} ON {table_name(table_id)} ({field.key})")
            # In the same transaction, so that all connections learn of the statistics with the index.
            connection.execute("PRAGMA analysis_limit = 1000")
            connection.execute(f"ANALYZE {index}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # an interrupt or a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise


def existing(read: Read, names: Sequence[str]) -> set[str]:
    """Which of these tables and indexes there are."""
    marks = ", ".join("?" * len(names))
    return {found[0] for found in read(Sql(f"SELECT name FROM sqlite_master WHERE name IN ({marks})", tuple(names)))}


# -- words of its SQL ------------------------------------------------------------------------------------------------

NO_INDEX = " NOT INDEXED"


def indexed_by(index: str) -> str:
    return f" INDEXED BY {index}"


def led_by_search(table_id: int) -> str:
    """The table with its full-text index before it: CROSS JOIN is SQLite's way to say which one leads."""
    table, search = table_name(table_id), search_name(table_id)
    return f"{search} CROSS JOIN {table} ON {table}.{ROW_ID} = {search}.{ROW_ID}"


def smallest(field: Field, key: str) -> Sql:
    """True of every filled cell, in words that seek in an index: IS NOT NULL would walk over all the empty ones."""
    return Sql(f"{key} >= ''" if field.kind.sql_type == "TEXT" else f"{key} >= -9e999")


def sample(table: str, what: str, where: Sql, size: int, rows: int) -> Sql:
    """`what` of about so many rows, spread evenly over a table whose highest id is `size`."""
    step = max(size // rows, 1)
    ids = f"WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + {step} FROM ids WHERE id + {step} <= {size})"
    source = f"ids CROSS JOIN {table} ON {table}.{ROW_ID} = ids.id"
    return Sql(f"{ids} SELECT {what} FROM {source} WHERE {where.text}", where.values)
