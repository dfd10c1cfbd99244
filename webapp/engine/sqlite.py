"""What is SQLite's own in the engine: time budgets, indexes on demand. PostgreSQL will be a second such module."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from webapp.engine.problems import QueryTimeout
from webapp.engine.statement import Sql

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


async def run(session: "AsyncSession", seconds: float, work: Callable[[Read], T]) -> T:
    """Run `work(read)` on the session's connection, off the event loop, for at most so long.

    A client that goes away cancels what waits here; the statement itself has to be told, or it would keep its
    connection until it is done.
    """
    from sqlalchemy.exc import OperationalError

    connection = await session.connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    watch = asyncio.create_task(_interrupt_after(seconds, driver))
    try:
        return await session.run_sync(lambda inner: work(_session_reader(inner)))
    except OperationalError as error:
        if _is_interrupt(error.orig):
            raise QueryTimeout from error
        raise
    except asyncio.CancelledError:
        await driver.interrupt()  # does not wait
        raise
    finally:
        watch.cancel()


async def _interrupt_after(seconds: float, driver: Any) -> None:
    await asyncio.sleep(seconds)
    await driver.interrupt()


def _session_reader(session: "Session") -> Read:
    connection = session.connection()
    return lambda sql: connection.exec_driver_sql(sql.text, sql.values).fetchall()


def _is_interrupt(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and str(error) == "interrupted"
