"""Reading in threads: what is read together takes one change of threads, however many statements it is.

On the event loop each statement is four of them: to make a cursor, to execute, to fetch, to close. They were most of
what a small page took.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from sqlalchemy import Connection

from webapp.data import sqlite

T = TypeVar("T")


class Readers:
    """Some connections that cannot write, and as many threads: none waits for a connection, only for its turn."""

    def __init__(self, url: str, size: int) -> None:
        self.engine = sqlite.create_blocking_reader(url, size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="reader")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work(connection)` answers, whose statements see one state of the database.

        Whoever stops waiting does not stop the thread; work that may take long has to look for itself.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        return await loop.run_in_executor(self._threads, context.run, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return work(connection)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()
