"""The open database: a writer, readers, and the units of work in flight."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from settings import Settings
from webapp.data import sqlite
from webapp.data.uow import UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """Reads and writes of one application. Nothing is opened before `open()`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.sqlalchemy_url
        self._writer: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        self._writer, self._reader = sqlite.create_engines(self.url, self.settings.database_readers)

    async def close(self) -> None:
        """Waits for the units of work in flight, then lets the connections go."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        for engine in (self._reader, self._writer):
            if engine is not None:
                await engine.dispose()
        self._writer = self._reader = None

    @property
    def writer(self) -> AsyncEngine:
        if self._writer is None:
            raise RuntimeError("The database is not open")
        return self._writer

    @property
    def reader(self) -> AsyncEngine:
        if self._reader is None:
            raise RuntimeError("The database is not open")
        return self._reader

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that cannot write, for one burst of queries: never hold it while a client is waited for."""
        async with async_sessionmaker(self.reader, expire_on_commit=False)() as session:
            yield session

    async def write(
        self, verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `verb(work, ...)` as one unit of work: its own session, commit, then publish.

        It runs as a task of its own. A client that disconnects cancels the handler that waits here, not the write:
        otherwise there would be commits that nobody is told of.
        """
        task = asyncio.create_task(self._run(verb, *args, **kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _run(
        self, verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with async_sessionmaker(self.writer, expire_on_commit=False)() as session:
            work = UnitOfWork(session)
            async with session.begin():
                result = await verb(work, *args, **kwargs)
        work.publish_all()
        return result
