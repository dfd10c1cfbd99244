"""The rows of one application in its SQLite file: reading in threads, streaming block by block."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from webapp.db.database import Database
from webapp.db.sqlite import database_file
from webapp.db.sqlite_driver import connect
from webapp.rowstore.sqlite.reader import SqliteRowReader, interruptible
from webapp.rowstore.sqlite.schema import MAX_COLUMNS
from webapp.rowstore.store import Limits, RowReader, RowStore

T = TypeVar("T")
Blocks = Generator[bytes, None, None]


class SqliteRowStore(RowStore):
    limits = Limits(columns=MAX_COLUMNS)

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def address(self) -> str:
        return str(database_file(self._database.url))

    async def read(self, work: Callable[[RowReader], T], seconds: float) -> T:
        gone = threading.Event()
        try:
            return await self._database.read(lambda connection: _read(connection, seconds, gone, work))
        finally:
            gone.set()

    async def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """On a connection of its own, which is interrupted and closed when the consumer goes away."""
        connection = await asyncio.to_thread(connect, Path(self.address), query_only=True)
        gone, opened = interruptible(connection), ExitStack()
        opened.callback(connection.close)
        blocks = opened.enter_context(closing(work(SqliteRowReader(connection))))
        making = _start(blocks)
        try:
            # Cancelling the await does not stop the thread, and would hide when it ends.
            while (block := await asyncio.shield(making)) is not None:
                making = _start(blocks)
                yield block
        finally:
            gone.set()
            _when_done(making, opened)


def _read(connection: Connection, seconds: float, gone: threading.Event, work: Callable[[RowReader], T]) -> T:
    """Uses the driver's own connection: SQLAlchemy's overhead per statement exceeded the time of most of these."""
    driver: Any = connection.connection.driver_connection
    rows = SqliteRowReader(driver)
    try:
        driver.execute("BEGIN")
        with rows.limited(seconds, gone):
            return work(rows)
    finally:
        driver.rollback()


def _start(blocks: Blocks) -> "asyncio.Future[bytes | None]":
    return asyncio.ensure_future(asyncio.to_thread(next, blocks, None))


def _when_done(making: "asyncio.Future[bytes | None]", opened: ExitStack) -> None:
    def interrupted(ended: "asyncio.Future[bytes | None]") -> None:
        if not ended.cancelled():
            ended.exception()  # retrieved, since nobody else will
        opened.close()

    if making.done():
        interrupted(making)
    else:
        making.add_done_callback(interrupted)
