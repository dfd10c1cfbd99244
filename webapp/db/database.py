"""The open database: a writer, readers, and the units of work in flight."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from contextvars import copy_context
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, TypeVarTuple

from sqlalchemy import Connection, Engine, Row, Select
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from settings import Settings
from webapp.db import sqlite
from webapp.db.errors import DatabaseBusy, UserError
from webapp.db.unit_of_work import JobQueue, Publisher, UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")
Columns = TypeVarTuple("Columns")
log = logging.getLogger(__name__)

TURN_TIMEOUT = 30.0  # seconds that a unit of work waits for those before it


class Database:
    """The reads and writes of one application. Nothing is opened before `open()`.

    Raises `DatabaseBusy` and `StorageFull` (db/errors.py) for operational trouble, as opposed to bugs.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.sqlalchemy_url
        self._writer: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None
        self._blocking_reader: Engine | None = None
        self._blocking_writer: sqlite.SqliteBlockingWriter | None = None
        self._turn = asyncio.Lock()  # of the one unit of work that has the writer
        # As many as there are connections: work waits for a thread, never for a connection.
        self._reader_threads: ThreadPoolExecutor | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        # What units of work hand over after their commit; set by whoever has them.
        self.queue: JobQueue | None = None
        self.broker: Publisher | None = None
        # What surrounds the wait for a write: a request waits for its write beyond its time limit.
        self.waiting: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
        # The name of the open page that asks for a write, which goes with what is published; set by who serves pages.
        self.page: Callable[[], str | None] = lambda: None

    async def open(self) -> None:
        """Opening twice is an error, because it would leak the first pair of pools."""
        if self._writer is not None:
            raise RuntimeError("The database is already open")
        readers = self.settings.database_readers
        self._writer, self._reader = sqlite.create_engines(self.url, readers)
        self._blocking_reader = sqlite.create_blocking_reader(self.url, readers)
        self._reader_threads = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        await _fill(self._writer, 1)
        self._blocking_writer = await sqlite.SqliteBlockingWriter.of(self._writer)
        await _fill(self._reader, readers)

    async def close(self) -> None:
        """Wait for the units of work in flight, then close the connections."""
        await self.wait_for_writes()
        if self._reader_threads is not None:
            await asyncio.to_thread(self._reader_threads.shutdown)
        if self._blocking_reader is not None:
            self._blocking_reader.dispose()
        for engine in (self._reader, self._writer):
            if engine is not None:
                await engine.dispose()
        if self._blocking_writer is not None:
            self._blocking_writer.close()
        self._writer = self._reader = self._blocking_reader = self._blocking_writer = self._reader_threads = None

    async def wait_for_writes(self) -> None:
        """Wait until no unit of work is in flight."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    @property
    def file(self) -> Path:
        return sqlite.database_file(self.url)

    @property
    def product(self) -> tuple[str, str]:
        """Name and version of the database system."""
        return sqlite.PRODUCT

    @property
    def writer(self) -> AsyncEngine:
        return self._opened(self._writer)

    @property
    def reader(self) -> AsyncEngine:
        return self._opened(self._reader)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All engines that statements pass through, for code that counts them."""
        blocking = self._opened(self._blocking_reader), self._opened(self._blocking_writer).engine
        return self.writer.sync_engine, self.reader.sync_engine, *blocking

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A read-only session for one burst of queries: never hold it while waiting for a client."""
        with _readable_errors():
            async with async_sessionmaker(self.reader, expire_on_commit=False)() as session:
                yield session

    async def fetch_one(
        self, statement: Select[*Columns], parameters: Mapping[str, Any] | None = None
    ) -> Row[*Columns] | None:
        """One row of one SELECT, without a session or a transaction: for queries that every request makes."""

        def fetch(connection: Connection) -> Row[*Columns] | None:
            return connection.execution_options(**sqlite.SINGLE_STATEMENT).execute(statement, parameters).first()

        return await self.read(fetch)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, run in a thread and on one snapshot: for reads that belong together.

        They take one thread switch, however many statements they are; on the event loop every statement takes four:
        create a cursor, execute, fetch, close. These were most of the cost of a small page.

        Cancelling the caller does not stop the thread; slow work has to check for itself whether it is still wanted.
        """
        engine, threads = self._opened(self._blocking_reader), self._opened(self._reader_threads)

        def run() -> T:
            with engine.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, run)

    async def write(
        self, verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `verb(work, ...)` as one unit of work: its own session, commit, then what follows.

        It runs as a separate task. A disconnecting client cancels the handler that waits here, but not the write;
        otherwise there would be commits that nobody is told about.
        """
        task = self._start(self._run(verb, *args, **kwargs))
        try:
            async with self.waiting():
                return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)  # nobody else is waiting for it
            raise

    async def shrink(self) -> bool:
        """Give a slice of the disk back that nothing uses; return whether there is more."""
        if await self.read(sqlite.free_pages) == 0:
            await asyncio.to_thread(sqlite.empty_log, self.file)
            return False
        await self.write(_cut_off)
        return True

    def write_soon(
        self, verb: Callable[Concatenate[UnitOfWork, P], Awaitable[Any]], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Task[Any]":
        """The same without waiting, for records that no response depends on; a failure is logged."""
        task = self._start(self._run(verb, *args, **kwargs))
        task.add_done_callback(_log_failure)
        return task

    def _start(self, run: Any) -> "asyncio.Task[Any]":
        task = asyncio.create_task(run)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(
        self, verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with _readable_errors():
            async with self._turns():
                work = UnitOfWork(self.writer, self.queue, self.broker, self._blocking_writer, self.page())
                work.is_in_one_run = getattr(verb, "is_in_one_run", False)
                try:
                    result = await verb(work, *args, **kwargs)
                    await work.commit()
                except BaseException:
                    await work.rollback()
                    raise
                finally:
                    await work.close()
        work.follow_up()
        return result

    @asynccontextmanager
    async def _turns(self) -> AsyncIterator[None]:
        """Units of work take turns, in the order in which they came. Raises `DatabaseBusy`."""
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseBusy from error
        try:
            yield
        finally:
            self._turn.release()

    @staticmethod
    def _opened(resource: T | None) -> T:
        if resource is None:
            raise RuntimeError("The database is not open")
        return resource


async def _cut_off(work: UnitOfWork) -> None:
    await work.run(sqlite.cut_off)


async def _fill(engine: AsyncEngine, size: int) -> None:
    """Open all connections of a pool now: cancelling a request while it opens one would leave it half open."""
    async with AsyncExitStack() as opened:
        for _ in range(size):
            await opened.enter_async_context(engine.connect())


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseBusy from error


def _log_failure(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        if isinstance(error, UserError) and not isinstance(error, DatabaseBusy):  # it came too late, say
            log.info("A write that nobody waited for was refused: %s", error)
        else:
            log.error("A write that nobody waited for failed", exc_info=error)
