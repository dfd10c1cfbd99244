"""An application's row store: each of its threads reads with a reader on a connection."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from webapp.db.postgresql_driver import connect
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.reader import PostgresqlRowReader
from webapp.rowstore.postgresql.schema import LIMITS
from webapp.rowstore.reader import Blocks, RowReader
from webapp.rowstore.sql.streaming import close_after, start
from webapp.rowstore.store import RowStore

if TYPE_CHECKING:  # a child process loads no SQLAlchemy
    from sqlalchemy import Connection

    from webapp.db.database import Database

F = TypeVar("F")
T = TypeVar("T")


class PostgresqlRowStore(RowStore):
    limits = LIMITS

    def __init__(self, database: "Database") -> None:
        self._database = database

    @property
    def address(self) -> str:
        return str(self._database.address)

    async def read(self, work: Callable[[RowReader], T], seconds: float) -> T:
        return await self.find_and_read(_nothing, lambda _, rows: work(rows), seconds)

    async def find_and_read(
        self, find: Callable[["Connection"], F], work: Callable[[F, RowReader], T], seconds: float
    ) -> T:
        caller = _Caller()

        def read(connection: "Connection") -> T:
            found = find(connection)  # which begins the transaction, with one snapshot for all of it
            driver: Any = connection.connection.driver_connection
            rows = PostgresqlRowReader(driver)
            try:
                with caller.waiting_for(rows.connection), rows.connection.cancellable(seconds, caller.is_gone):
                    return work(found, rows)
            finally:
                driver.commit()  # with a rollback the driver would forget what is prepared

        try:
            return await self._database.read(read)
        finally:
            caller.leave()

    async def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """On a connection of its own, which is cancelled and closed when the consumer goes away."""
        driver = await asyncio.to_thread(connect, self.address, read_only=True)
        caller, rows, resources = _Caller(), PostgresqlRowReader(driver), ExitStack()
        resources.callback(driver.close)
        resources.enter_context(caller.waiting_for(rows.connection))
        resources.enter_context(rows.connection.cancellable(float("inf"), caller.is_gone))
        blocks = resources.enter_context(closing(work(rows)))
        next_block = start(blocks, caller.is_gone)
        try:
            # Cancelling the await does not stop the thread, and would hide when it ends.
            while (block := await asyncio.shield(next_block)) is not None:
                next_block = start(blocks, caller.is_gone)
                yield block
        finally:
            caller.leave()
            close_after(next_block, resources)


def _nothing(connection: "Connection") -> None:
    return None


class _Caller:
    """Whoever waits for a read, which ends when they go: it runs in another thread, which waits for the server."""

    def __init__(self) -> None:
        self.is_gone = threading.Event()
        self._connection: PostgresqlConnection | None = None

    @contextmanager
    def waiting_for(self, connection: PostgresqlConnection) -> Iterator[None]:
        self._connection = connection
        try:
            yield
        finally:
            self._connection = None

    def leave(self) -> None:
        """Cancelling takes some milliseconds, in which the event loop has other things to do."""
        self.is_gone.set()
        if (connection := self._connection) is not None:
            threading.Thread(target=connection.cancel, daemon=True).start()
