"""What is SQLite's own in the engine: time budgets, indexes on demand, words of its SQL.

The full-text index, all of it SQLite's own too, is in `search.py`. PostgreSQL will be a second pair of such modules.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from webapp.engine.problems import QueryTimeout
from webapp.engine.statement import Sql
from webapp.engine.storage import ROW_ID, Field, StoredColumn, index_name, search_name, table_name

if TYPE_CHECKING:  # child processes do without: it takes 300 ms to import
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

T = TypeVar("T")
_STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock: well under a millisecond


class Read(Protocol):
    """Runs one statement and gives all its rows."""

    def __call__(self, sql: Sql) -> Sequence[Any]: ...


def reader(connection: sqlite3.Connection) -> Read:
    return lambda sql: connection.execute(sql.text, sql.values).fetchall()


@contextmanager
def time_budget(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Raises QueryTimeout when what runs inside takes longer."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if _is_interrupt(error):
            raise QueryTimeout from error
        raise
    finally:
        connection.set_progress_handler(None, _STEPS)


def stoppable(connection: sqlite3.Connection) -> threading.Event:
    """Once the event is set, nothing runs on this connection any more; an interrupt between two statements is lost."""
    stopped = threading.Event()
    connection.set_progress_handler(stopped.is_set, _STEPS)
    return stopped


async def run(session: "AsyncSession", seconds: float, work: Callable[[Read], T]) -> T:
    """Run `work(read)` on the session's connection, off the event loop, for at most so long.

    A client that goes away cancels what waits here. It must not cancel the statement, for SQLAlchemy would throw the
    connection away and still wait for it: the statement is interrupted and the connection stays.
    """
    from sqlalchemy.exc import OperationalError

    connection = await session.connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    working = asyncio.create_task(session.run_sync(lambda inner: work(_session_reader(inner))))
    try:
        await asyncio.wait([working], timeout=seconds)
        await _stop(working, driver)
        return working.result()
    except OperationalError as error:
        if _is_interrupt(error.orig):
            raise QueryTimeout from error
        raise
    except asyncio.CancelledError:
        await _stop(working, driver)
        working.exception()  # nobody is left to read it
        raise


async def _stop(working: asyncio.Task[Any], driver: Any) -> None:
    """An interrupt between two statements is lost, so it is repeated."""
    while not working.done():
        await driver.interrupt()
        await asyncio.wait([working], timeout=0.05)


def _session_reader(session: "Session") -> Read:
    connection = session.connection()
    return lambda sql: connection.exec_driver_sql(sql.text, sql.values).fetchall()


def _is_interrupt(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and str(error) == "interrupted"


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
