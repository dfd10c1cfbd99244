"""The open database: writers, readers, and the units of work in flight."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from contextvars import copy_context
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar, TypeVarTuple

from sqlalchemy import Connection, Engine, Row, Select
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from settings import Settings
from webapp.db.errors import CommitUncertain, Conflict, DatabaseAway, DatabaseBusy, UserError
from webapp.db.system import Writer
from webapp.db.systems import system_of
from webapp.db.turns import TableTurns
from webapp.db.unit_of_work import JobQueue, Publisher, UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")
Columns = TypeVarTuple("Columns")
log = logging.getLogger(__name__)

TURN_TIMEOUT = 30.0  # seconds that a unit of work waits for those before it
MAX_ATTEMPTS = 12  # of a unit of work that others come between
ATTEMPTS_BESIDE_OTHERS = 3  # before it has its process's writers to itself
RETRY_SECONDS = 0.005  # before the second; more before each further one


class Database:
    """The reads and writes of one application. Nothing is opened before `open()`.

    Raises `DatabaseBusy` and `StorageFull` (db/errors.py) for operational trouble, as opposed to bugs.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.system = system_of(settings)
        self._writers: Sequence[Writer] = ()
        self._free: asyncio.LifoQueue[Writer] = asyncio.LifoQueue()  # those that no unit of work has
        self._collecting = asyncio.Lock()  # of the unit of work that waits for all of them
        self._tables = TableTurns()
        self._reader: AsyncEngine | None = None
        self._blocking_reader: Engine | None = None
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
        if self._reader is not None:
            raise RuntimeError("The database is already open")
        readers = self.settings.database_readers
        self._writers = await self.system.open_writers()
        self._free = asyncio.LifoQueue()
        for writer in self._writers:
            self._free.put_nowait(writer)
        self._reader = self.system.create_reader(readers)
        self._blocking_reader = self.system.create_blocking_reader(readers)
        self._reader_threads = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        await _fill(self._reader, readers)

    async def close(self) -> None:
        """Wait for the units of work in flight, then close the connections."""
        await self.wait_for_writes()
        if self._reader_threads is not None:
            await asyncio.to_thread(self._reader_threads.shutdown)
        if self._blocking_reader is not None:
            self._blocking_reader.dispose()
        if self._reader is not None:
            await self._reader.dispose()
        for writer in self._writers:
            await writer.close()
        self._writers = ()
        self._reader = self._blocking_reader = self._reader_threads = None

    async def wait_for_writes(self) -> None:
        """Wait until no unit of work is in flight."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    @property
    def product(self) -> tuple[str, str]:
        """Name and version of the database system."""
        return self.system.product

    @property
    def address(self) -> str:
        """What a child process opens the database by."""
        return self.system.address

    @property
    def reader(self) -> AsyncEngine:
        return self._opened(self._reader)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """All engines that statements pass through, for code that counts them: of writers, and two of readers."""
        sessions = tuple(writer.session_engine.sync_engine for writer in self._writers)
        readers = self.reader.sync_engine, self._opened(self._blocking_reader)
        return *sessions, *readers, *(writer.engine for writer in self._writers)

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

        def fetch(engine: Engine) -> Row[*Columns] | None:
            with engine.connect() as connection:
                single = connection.execution_options(**self.system.single_statement)
                row = single.execute(statement, parameters).first()
                connection.commit()  # not a rollback, with which a driver forgets what is prepared
                return row

        return await self._in_reader_thread(fetch)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, run in a thread and on one snapshot: for reads that belong together.

        They take one thread switch, however many statements they are; on the event loop every statement takes four:
        create a cursor, execute, fetch, close. These were most of the cost of a small page.

        Cancelling the caller does not stop the thread; slow work has to check for itself whether it is still wanted.
        """

        def run(engine: Engine) -> T:
            # Begun before: a session that began by itself would end the snapshot when it is closed.
            with engine.begin() as connection:
                return work(connection)

        return await self._in_reader_thread(run)

    async def _in_reader_thread(self, work: Callable[[Engine], T]) -> T:
        engine, threads = self._opened(self._blocking_reader), self._opened(self._reader_threads)
        return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work, engine)

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

        async def change(function: Callable[[Connection], None]) -> None:
            await self.write(_change, function)

        return await self.system.shrink(self.read, change)

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
        async with self._table_turn(verb, args, kwargs):
            return await self._try(verb, *args, **kwargs)

    async def _try(
        self, verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run it again if another one came between: nothing of it has happened yet."""
        for attempt in count(1):
            try:
                turn = self._alone() if attempt > ATTEMPTS_BESIDE_OTHERS else self._turn()
                return await self._run_once(turn, verb, *args, **kwargs)
            except Conflict:
                if attempt >= MAX_ATTEMPTS:
                    raise
            except _Unstarted as lost:
                if attempt > 1:
                    raise DatabaseAway from lost
            await asyncio.sleep(random.uniform(0, RETRY_SECONDS * min(attempt, 10)))  # noqa: S311  # not a secret
        raise AssertionError("unreachable")

    async def _run_once(
        self,
        turn: AbstractAsyncContextManager[Writer],
        verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with _readable_errors():
            async with turn as writer:
                await writer.ready()
                work = UnitOfWork(writer, self.queue, self.broker, self.page())
                work.is_in_one_run = getattr(verb, "is_in_one_run", False)
                try:
                    result = await verb(work, *args, **kwargs)
                    await work.commit()
                except BaseException as error:
                    await work.rollback()
                    if writer.is_lost and isinstance(error, DatabaseAway):
                        raise CommitUncertain() if work.is_committing else _Unstarted() from error
                    raise
                finally:
                    await work.close()
        work.follow_up()
        return result

    def _table_turn(
        self, verb: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AbstractAsyncContextManager[None]:
        """With a single writer all take turns anyway."""
        return self._tables.turn(TURN_TIMEOUT, verb, args, kwargs) if len(self._writers) > 1 else nullcontext()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Writer]:
        """Units of work take turns at the writers, in the order in which they came. Raises `DatabaseBusy`."""
        if not self._writers:
            raise RuntimeError("The database is not open")
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                writer = await self._free.get()
        except TimeoutError as error:
            raise DatabaseBusy from error
        try:
            yield writer
        finally:
            self._free.put_nowait(writer)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Writer]:
        """All writers at once, so that nobody of this process comes between."""
        async with self._collecting, AsyncExitStack() as turns:
            writers = [await turns.enter_async_context(self._turn()) for _ in self._writers]
            yield writers[0]

    @staticmethod
    def _opened(resource: T | None) -> T:
        if resource is None:
            raise RuntimeError("The database is not open")
        return resource


class _Unstarted(Exception):
    """The connection broke off before the commit: nothing has happened."""


async def _change(work: UnitOfWork, function: Callable[[Connection], None]) -> None:
    await work.run(function)


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
