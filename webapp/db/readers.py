"""Reading in threads: reads that belong together take one thread switch, however many statements they are.

On the event loop every statement takes four: create a cursor, execute, fetch, close. They were most of the cost of a
small page.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy import Connection

from webapp.db import sqlite

T = TypeVar("T")


class Readers:
    """Read-only connections and as many threads: work waits for a thread, never for a connection."""

    def __init__(self, url: str, size: int) -> None:
        self.engine = sqlite.create_blocking_reader(url, size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="reader")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, whose statements see one snapshot of the database.

        Cancelling the caller does not stop the thread; slow work has to check for itself whether it is still wanted.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        return await loop.run_in_executor(self._threads, context.run, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()
