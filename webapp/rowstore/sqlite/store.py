"""An application's row store: each of its threads reads with a reader on a connection."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from webapp.db.sqlite_driver import connect
from webapp.rowstore.reader import Blocks, RowReader
from webapp.rowstore.sql.streaming import close_after, start
from webapp.rowstore.sqlite.connection import STEPS
from webapp.rowstore.sqlite.reader import SqliteRowReader
from webapp.rowstore.sqlite.schema import LIMITS
from webapp.rowstore.store import RowStore

if TYPE_CHECKING:  # a child process loads no SQLAlchemy
    from sqlalchemy import Connection

    from webapp.db.database import Database

F = TypeVar("F")
T = TypeVar("T")


class SqliteRowStore(RowStore):
    limits = LIMITS

    def __init__(self, database: "Database") -> None:
        self._database = database

    @property
    def address(self) -> str:
        return self._database.address

    async def read(self, work: Callable[[RowReader], T], seconds: float) -> T:
        return await self.find_and_read(_nothing, lambda _, rows: work(rows), seconds)

    async def find_and_read(
        self, find: Callable[["Connection"], F], work: Callable[[F, RowReader], T], seconds: float
    ) -> T:
        cancelled = threading.Event()

        def read(connection: "Connection") -> T:
            found = find(connection)
            return _read(connection, seconds, cancelled, lambda rows: work(found, rows))

        try:
            return await self._database.read(read)
        finally:
            cancelled.set()

    async def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """On a connection of its own, which is interrupted and closed when the consumer goes away."""
        connection = await asyncio.to_thread(connect, Path(self.address), query_only=True)
        cancelled = threading.Event()
        # Not `interrupt`: between two statements it would be lost.
        connection.set_progress_handler(cancelled.is_set, STEPS)
        resources = ExitStack()
        resources.callback(connection.close)
        blocks = resources.enter_context(closing(work(SqliteRowReader(connection))))
        next_block = start(blocks, cancelled)
        try:
            # Cancelling the await does not stop the thread, and would hide when it ends.
            while (block := await asyncio.shield(next_block)) is not None:
                next_block = start(blocks, cancelled)
                yield block
        finally:
            cancelled.set()
            close_after(next_block, resources)


def _nothing(connection: "Connection") -> None:
    return None


def _read(connection: "Connection", seconds: float, cancelled: threading.Event, work: Callable[[RowReader], T]) -> T:
    """Uses the driver's own connection: SQLAlchemy's overhead per statement exceeded the time of most of these."""
    driver: Any = connection.connection.driver_connection
    rows = SqliteRowReader(driver)
    try:
        if not driver.in_transaction:  # nothing has been looked for before
            driver.execute("BEGIN")
        with rows.connection.cancellable(seconds, cancelled):
            return work(rows)
    finally:
        driver.rollback()
