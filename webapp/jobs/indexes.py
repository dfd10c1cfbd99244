"""Indexes on demand: created in the background after the first sort of a large table by a column.

They can be rebuilt at any time, so no durable workflow is needed.
"""

import asyncio
import logging
import sqlite3

from settings import Settings
from webapp.db import sqlite
from webapp.db.errors import UserError
from webapp.rowstore.sqlite.connection import ensure_index
from webapp.rowstore.sqlite.schema import Field

WORTH_IT = 50_000  # rows; smaller tables sort without a noticeable delay

# Rows above which building an index would delay other people's writes beyond their timeout: 1 to 2 s per million.
TOO_LONG = 2_000_000
PATIENCE = 60  # seconds to wait for the write lock; nobody waits for this

logger = logging.getLogger(__name__)


class Indexes:
    """The indexes one app has requested. SQLite releases the interpreter lock, so a thread is enough."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.sqlalchemy_url
        self._wanted: set[tuple[int, int]] = set()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection: sqlite3.Connection | None = None

    def want(self, table_id: int, field: Field) -> None:
        """Returns at once. Repeated requests cost nothing."""
        if (table_id, field.number) in self._wanted:
            return
        self._wanted.add((table_id, field.number))
        task = asyncio.create_task(self._make(table_id, field))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def made(self) -> None:
        """Wait until every requested index exists or has been given up."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Abort the current build; the next sort requests it again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if self._connection is not None:
            self._connection.interrupt()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, table_id: int, field: Field) -> None:
        async with self._turn:
            making = asyncio.ensure_future(asyncio.to_thread(self._ensure, table_id, field))
            try:
                await asyncio.shield(making)
            except asyncio.CancelledError:
                await asyncio.gather(making, return_exceptions=True)  # the thread must have finished with the file
                raise

    def _ensure(self, table_id: int, field: Field) -> None:
        self._connection = connection = sqlite.connect(sqlite.database_file(self._url))
        try:
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")
            ensure_index(connection, table_id, field)
        except (sqlite3.Error, UserError):
            # Busy, full, interrupted, or the table is gone: sorting works without the index.
            self._wanted.discard((table_id, field.number))
            logger.warning("No index for column %s of table %s", field.number, table_id, exc_info=True)
        finally:
            self._connection = None
            connection.close()
