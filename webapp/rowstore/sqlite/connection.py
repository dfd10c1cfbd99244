"""SQLite-specific code of the engine: time limits, indexes on demand, SQL dialect.

The full-text index, also specific to SQLite, is in `search.py`. PostgreSQL will get a counterpart of both modules.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from webapp.db.sqlite_driver import problem
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sqlite.schema import ROW_ID, Field, StoredColumn, index_name, search_name, table_name
from webapp.rowstore.sqlite.statement import Sql

if TYPE_CHECKING:  # not loaded in child processes: importing it takes 300 ms
    from sqlalchemy import Connection

T = TypeVar("T")
# SQLite VM instructions between checks whether to go on: some hundredths of a second. A check takes the interpreter
# lock, which a busy event loop releases only every 5 ms, so frequent checks would mostly wait.
_STEPS = 500_000


class Read(Protocol):
    """Runs one statement and returns all its rows."""

    def __call__(self, sql: Sql) -> Sequence[Any]: ...


class Database(Protocol):
    """Where `run` reads; implemented by `webapp.db.database.Database`."""

    async def read(self, work: Callable[["Connection"], T]) -> T: ...


def reader(connection: sqlite3.Connection) -> Read:
    return lambda sql: connection.execute(sql.text, sql.values).fetchall()


def stoppable(connection: sqlite3.Connection) -> threading.Event:
    """Once the event is set, nothing runs on this connection any more. (An interrupt between two statements would be
    lost.)
    """
    stopped = threading.Event()
    connection.set_progress_handler(stopped.is_set, _STEPS)
    return stopped


async def run(database: Database, seconds: float, work: Callable[[Read], T]) -> T:
    """Run `work(read)` in a thread, all on one snapshot of the database, for at most `seconds`.

    If the caller is cancelled, the work stops soon afterwards.
    """
    gone = threading.Event()
    try:
        return await database.read(lambda connection: _within(connection, seconds, gone, work))
    finally:
        gone.set()


def _within(connection: "Connection", seconds: float, gone: threading.Event, work: Callable[[Read], T]) -> T:
    """Uses the driver's own connection: SQLAlchemy's overhead per statement exceeded the time of most of these."""
    driver: Any = connection.connection.driver_connection
    end = time.monotonic() + seconds
    driver.set_progress_handler(lambda: gone.is_set() or time.monotonic() > end, _STEPS)
    try:
        driver.execute("BEGIN")
        return work(reader(driver))
    except sqlite3.Error as error:
        known = QueryTimeout() if str(error) == "interrupted" else problem(error)
        if known:
            raise known from error
        raise
    finally:
        driver.set_progress_handler(None, _STEPS)
        driver.rollback()


# -- indexes on demand -----------------------------------------------------------------------------------------------


def ensure_index(connection: sqlite3.Connection, table_id: int, column: StoredColumn) -> None:
    """Create the index used by sorts and filters of this column, unless it exists.

    Takes about a second per million rows, and SQLite creates an index in a single transaction, so other writers wait
    that long. For a background job, once the import is done.
    """
    field, index = Field.of(column), index_name(table_id, column.number)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if index not in existing(reader(connection), [index]):
            connection.execute(f"CREATE INDEX {index} ON {table_name(table_id)} ({field.key})")
            # In the same transaction, so that all connections see the statistics together with the index.
            connection.execute("PRAGMA analysis_limit = 1000")
            connection.execute(f"ANALYZE {index}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # an interrupt or a full disk has already rolled it back
            connection.execute("ROLLBACK")
        raise


def existing(read: Read, names: Sequence[str]) -> set[str]:
    """Which of these tables and indexes exist."""
    marks = ", ".join("?" * len(names))
    return {found[0] for found in read(Sql(f"SELECT name FROM sqlite_master WHERE name IN ({marks})", tuple(names)))}


# -- words of its SQL ------------------------------------------------------------------------------------------------

NO_INDEX = " NOT INDEXED"


def indexed_by(index: str) -> str:
    return f" INDEXED BY {index}"


def led_by_search(table_id: int) -> str:
    """The table joined behind its full-text index: in SQLite, CROSS JOIN fixes the order of a join."""
    table, search = table_name(table_id), search_name(table_id)
    return f"{search} CROSS JOIN {table} ON {table}.{ROW_ID} = {search}.{ROW_ID}"


def smallest(field: Field, key: str) -> Sql:
    """True of every filled cell, in a form that seeks in an index: IS NOT NULL would walk over all empty cells."""
    return Sql(f"{key} >= ''" if field.kind.sql_type == "TEXT" else f"{key} >= -9e999")


def sample(table: str, what: str, where: Sql, size: int, rows: int) -> Sql:
    """`what` over about this many `rows`, spread evenly over a table whose highest id is `size`."""
    step = max(size // rows, 1)
    ids = f"WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + {step} FROM ids WHERE id + {step} <= {size})"
    source = f"ids CROSS JOIN {table} ON {table}.{ROW_ID} = ids.id"
    return Sql(f"{ids} SELECT {what} FROM {source} WHERE {where.text}", where.values)
